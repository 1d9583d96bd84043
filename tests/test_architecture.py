"""The shape of the project, read from its source: who imports whom, and how long things are."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

# From the ground up: a room imports from lower layers only. "data.*" is the package and all in it.
LAYERS = (
    {"errors"},
    {"files", "plain_table"},
    {"predictions", "models.layers"},
    {
        *("augment.*", "data.*", "clock", "metrics", "models.attention"),
        *("models.convolution", "models.gelu", "loops", "loss_scale", "host_memory"),
        *("checkpoint_folder", "leaves", "environment", "interrupt", "progress", "quiet"),
        *("stopwatch", "runs", "compare", "compare.statistics.*", "compare.document"),
    },
    {"models.vit", "models.resnet", "compilation_cache", "compare.settings", "compare.origin"},
    {"checkpoint", "cluster", "devices", "evaluate", "models", "optim", "step"}
    | {"compare.arms", "compare.pages.*", "compare.report_json"},
    {"feeds", "pretrained.*"},
    {"costs", "journal", "program", "compare.cells", "compare.grouping", "compare.sources"},
    {"experiment"},
    {"outcome", "compare.verdict"},
    {"train", "predict", "compare.tables", "compare.sections.*"},
    {"compare.report"},
    {"main", "compare.__main__"},
    {"bench.*", "export.*", "gpu.*", "probe.*", "study.*"},
    {"collectives.*"},
)
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 50

TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("jaxcmp", "configs", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def module_name(path: str) -> str:
    """jaxcmp/models/vit.py is models.vit, jaxcmp/models/__init__.py is models."""
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# The package's own __init__, which lends names to other programs, stands outside the layers.
MODULES = {module_name(path): path for path in TREES if path.startswith("jaxcmp/")}
ROOMS = {name: path for name, path in MODULES.items() if name}


def imported_names(path: str) -> Iterator[str]:
    """Dotted names; `from a import b` gives a.b, which is a module or a thing in one."""
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


def room_of(module: str) -> str:
    names = module.split(".")
    packages = [".".join(names[:length]) + ".*" for length in range(1, len(names) + 1)]
    return next((p for p in packages if any(p in layer for layer in LAYERS)), module)


def layer_of(module: str) -> int:
    (layer,) = (number for number, layer in enumerate(LAYERS) if room_of(module) in layer)
    return layer


def reached_from(modules: set[str]) -> set[str]:
    """These modules and all that they import, directly or not."""
    reached, waiting = set(), set(modules)
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= imported_rooms(ROOMS[module]) - reached
    return reached


def function_length(function: ast.FunctionDef) -> int:
    """Lines without the docstring, and without the functions inside, which count themselves."""
    lines = set(range(function.lineno, (function.end_lineno or 0) + 1))
    inner = [node for node in ast.walk(function) if isinstance(node, ast.FunctionDef)]
    outside: list[ast.stmt] = [node for node in inner if node is not function]
    if ast.get_docstring(function):
        outside.append(function.body[0])
    for node in outside:
        lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(lines)


def is_comparison(module: str) -> bool:
    return module.partition(".")[0] == "compare"


def test_every_module_has_its_place_in_one_layer():
    placed = [room for layer in LAYERS for room in layer]
    unplaced = [module for module in ROOMS if placed.count(room_of(module)) != 1]
    assert not unplaced, f"place {unplaced} in LAYERS, above all that they import"


def test_every_place_in_a_layer_is_taken():
    rooms = {room_of(module) for module in ROOMS}
    assert not [room for layer in LAYERS for room in layer if room not in rooms]


def test_imports_go_down_only():
    assert not [
        f"{module} imports {other}"
        for module, path in ROOMS.items()
        for other in imported_rooms(path)
        if room_of(module) != room_of(other) and layer_of(module) <= layer_of(other)
    ]


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: imported_rooms(path) for module, path in ROOMS.items()}
    # Raises CycleError, which names the circle.
    graphlib.TopologicalSorter(graph).prepare()


def test_the_comparison_imports_nothing_of_the_training():
    reached = reached_from({module for module in ROOMS if is_comparison(module)})
    # The run folder is the contract between the two halves.
    contract = reached_from({"runs"})
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


def test_jaxcmp_imports_neither_configs_nor_tests_nor_launch():
    outside = {"configs", "tests", "launch"}
    assert not [path for path in MODULES.values() if outside & libraries(path)]


def test_only_the_checkpoints_know_orbax():
    assert [name for name, path in ROOMS.items() if "orbax" in libraries(path)] == ["checkpoint"]


def test_the_configuration_object_stops_at_the_loop():
    users = {name for name, path in ROOMS.items() if "ml_collections" in libraries(path)}
    assert users <= {"main", "train", "experiment"}


def test_a_program_without_tensorflow_imports_none():
    assert not [path for path in TREES if "tensorflow" in libraries(path)]


def test_the_first_line_of_every_file_says_what_it_is():
    for path, tree in TREES.items():
        assert (ROOT / path).read_text(encoding="utf-8").startswith('"""'), path
        assert (ast.get_docstring(tree) or "").partition("\n")[0].endswith((".", "?")), path


def test_no_file_is_longer_than_its_ceiling():
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in TREES}
    assert not {path: length for path, length in lengths.items() if length > MAX_FILE_LINES}


def test_no_function_is_longer_than_its_ceiling():
    assert not [
        f"{path}: {node.name} has {function_length(node)} lines"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and function_length(node) > MAX_FUNCTION_LINES
    ]


def test_no_file_is_a_drawer_for_everything():
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [path for path in TREES if Path(path).stem in drawers]


def test_keys_are_typed_and_devices_share_one_program():
    # PRNGKey makes keys without a type, which escape the check against reuse; pmap is superseded.
    for path, tree in TREES.items():
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"PRNGKey", "pmap"}, path
        used = {name.rpartition(".")[2] for name in imported_names(path)}
        assert not used & {"PRNGKey", "pmap"}, path


def test_every_module_has_a_file_of_tests():
    # Errors and the document only bear names, which the tests of the commands and pages check.
    # A package's __init__ with nothing but its first line has nothing to test.
    full = [name for name, path in ROOMS.items() if len(TREES[path].body) > 1]
    stems = {name.removesuffix(".__main__").rpartition(".")[2] for name in full}
    stems -= {"errors", "document"}
    assert not sorted(stem for stem in stems if f"tests/test_{stem}.py" not in TREES)


def test_no_two_modules_share_a_name_and_so_a_file_of_tests():
    names = [name.rpartition(".")[2] for name in ROOMS if not name.endswith("__main__")]
    assert len(set(names)) == len(names)
