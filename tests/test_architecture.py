"""The architecture, read from the source: imports and lengths."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

# The files and folders of jaxcmp from the ground up: each imports only from lower lines.
LAYERS = (
    {"text", "errors"},
    {"files"},
    {"settings"},
    {"runs"},
    {"runtime"},
    {"cli", "augment", "clock", "data", "models"},
    {"checkpoint", "optim", "step", "compare"},
    {"pretrained", "runner"},
    {"experiment", "log"},
    {"result", "predict", "probe"},
    {"train", "bench", "export", "inspect", "evaluate"},
    {"main", "study"},
    {"__main__"},
)
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50

TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("jaxcmp", "configs", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def module_name(path: str) -> str:
    """Returns the module of a file: models.vit for jaxcmp/models/vit.py."""
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# The package's own __init__, for other programs, is outside the layers.
MODULES = {module_name(path): path for path in TREES if path.startswith("jaxcmp/")}
ROOMS = {name: path for name, path in MODULES.items() if name}


def imported_names(path: str) -> Iterator[str]:
    """Yields dotted names; `from a import b` gives a.b, which is a module or an object in one."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively; write the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def libraries(path: str) -> set[str]:
    return {name.partition(".")[0] for name in imported_names(path)}


def imported_rooms(path: str) -> set[str]:
    rooms = set()
    for name in imported_names(path):
        top, _, inner = name.partition(".")
        if top == "jaxcmp":
            rooms.add(inner if inner in ROOMS else inner.rpartition(".")[0])
    return rooms - {""}


def top(module: str) -> str:
    """Returns the file or folder directly in jaxcmp that contains a module."""
    return module.partition(".")[0]


def layer_of(name: str) -> int:
    (layer,) = (number for number, layer in enumerate(LAYERS) if name in layer)
    return layer


def reached_from(modules: set[str]) -> set[str]:
    """Returns these modules and all that they import, directly or not."""
    reached, waiting = set(), set(modules)
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= imported_rooms(ROOMS[module]) - reached
    return reached


def function_length(function: ast.FunctionDef) -> int:
    """Counts lines without the docstring, inner functions included."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function):
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def is_comparison(module: str) -> bool:
    return module.partition(".")[0] == "compare"


def test_every_file_and_folder_is_in_one_layer():
    placed = [name for layer in LAYERS for name in layer]
    assert sorted(placed) == sorted({top(module) for module in ROOMS})


def test_imports_go_only_to_lower_layers():
    assert not [
        f"{module} imports {other}"
        for module, path in ROOMS.items()
        for other in imported_rooms(path)
        if top(module) != top(other) and layer_of(top(module)) <= layer_of(top(other))
    ]


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: imported_rooms(path) for module, path in ROOMS.items()}
    # Raises CycleError, which names the circle.
    graphlib.TopologicalSorter(graph).prepare()


def test_the_comparison_imports_nothing_of_the_training():
    reached = reached_from({module for module in ROOMS if is_comparison(module)})
    # The run folder is the contract between the two halves; both are commands.
    contract = reached_from({module for module in ROOMS if top(module) == "runs"} | {"cli"})
    assert not [module for module in reached - contract if not is_comparison(module)]


def test_the_training_imports_nothing_of_the_comparison():
    # A study stands above both halves, and so does a model card.
    above = {"study", "export"}
    training = {module for module in ROOMS if module.partition(".")[0] not in {"compare", *above}}
    assert not [module for module in reached_from(training) if is_comparison(module)]


def test_the_comparison_runs_without_jax_and_flax():
    code = (
        "import sys, jaxcmp.compare.__main__\n"
        "print({'jax', 'flax', 'orbax', 'optax', 'ml_collections'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "set()\n", done.stdout + done.stderr


def test_the_package_imports_nothing_outside_itself():
    outside = {"configs", "tests", "launch"}
    assert not [path for path in MODULES.values() if outside & libraries(path)]


def test_only_the_checkpoints_know_orbax():
    users = [name for name, path in ROOMS.items() if "orbax" in libraries(path)]
    assert users == ["checkpoint.orbax_steps"]


def test_only_the_command_line_knows_ml_collections():
    users = {name for name, path in ROOMS.items() if "ml_collections" in libraries(path)}
    assert users <= {"cli"}


def test_no_file_imports_tensorflow():
    assert not [path for path in TREES if "tensorflow" in libraries(path)]


def test_the_first_line_of_every_file_says_what_it_is():
    for path, tree in TREES.items():
        assert (ROOT / path).read_text(encoding="utf-8").startswith('"""'), path
        assert (ast.get_docstring(tree) or "").partition("\n")[0].endswith((".", "?")), path


def test_no_file_is_longer_than_the_limit():
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in TREES}
    assert not {path: length for path, length in lengths.items() if length > MAX_FILE_LINES}


def test_no_function_is_longer_than_the_limit():
    assert not [
        f"{path}: {node.name} has {function_length(node)} lines"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and function_length(node) > MAX_FUNCTION_LINES
    ]


def test_no_file_has_a_name_that_says_nothing():
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [path for path in TREES if Path(path).stem in drawers]


def test_keys_are_typed_and_devices_share_one_program():
    # PRNGKey makes keys without a type, which escape the check against reuse; pmap is superseded.
    for path, tree in TREES.items():
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"PRNGKey", "pmap"}, path
        used = {name.rpartition(".")[2] for name in imported_names(path)}
        assert not used & {"PRNGKey", "pmap"}, path
