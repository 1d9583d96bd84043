"""The modules that `python -m` accepts."""

import ast
import signal
import subprocess
import sys

import processes
import pytest
import test_architecture

from jaxcmp.runtime.entry_points import MODULES, NEW_OBJECTS


def run(*words):
    return subprocess.run(
        [sys.executable, *words], cwd=processes.ROOT, capture_output=True, text=True
    )


def test_the_list_of_commands_is_complete():
    names = {
        name.removesuffix(".__main__")
        for name, path in test_architecture.ROOMS.items()
        if any("__main__" in ast.unparse(node) for node in test_architecture.TREES[path].body)
        if any(isinstance(node, ast.If) for node in test_architecture.TREES[path].body)
        if "__name__ == '__main__'" in ast.unparse(test_architecture.TREES[path])
    }
    assert names == {*MODULES, "__main__"}


def test_commands_alone_look_for_garbage_less_often():
    code = "import gc; {}; print(gc.get_threshold()[0])"
    before, library, command = (
        run("-c", code.format(each)).stdout.splitlines()[-1]
        for each in (
            "pass",
            "import jaxcmp",
            "from jaxcmp.runtime import entry_points; entry_points.start(['--help'])",
        )
    )
    assert before == library and command == str(NEW_OBJECTS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-m", "jaxcmp.train"), "jaxcmp: jaxcmp.train is no command; did you mean jaxcmp.main?\n"),
        (("-m", "jaxcmp.logits", "runs/*"), "jaxcmp: jaxcmp.logits is no command; there are "),
        (("-m", "jaxcmp.study.engine"), "jaxcmp: jaxcmp.study.engine is no command; "),
        (("-m", "jaxcmp.data"), "jaxcmp: jaxcmp.data is no command; "),
        (
            ("-m", "jaxcmp"),
            "jaxcmp: no command given; there are train, compare, ",
        ),
        (("-m", "jaxcmp", "trian"), "jaxcmp: 'trian' is no command; did you mean train?\n"),
        (("-m", "jaxcmp", "--config=vit"), "'--config=vit' is no command; there are train, "),
        (("-m", "jaxcmp", "train", "--config=nix"), "'configs/nix.py' is not a file; for example"),
        (("-m", "jaxcmp.compar"), "did you mean jaxcmp.compare?\n"),
        (("-mjaxcmp.runs",), "jaxcmp: jaxcmp.runs is no command; "),
    ],
)
def test_a_module_that_is_not_a_command_is_refused(words, message):
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_a_word_starts_the_same_command_as_its_module():
    for word, module in (("train", "main"), ("study", "study")):
        by_word = run("-m", "jaxcmp", word, "--config=vit", "--help").stdout
        by_module = run("-m", f"jaxcmp.{module}", "--config=vit", "--help").stdout
        assert by_word.partition("\noptions:")[2] == by_module.partition("\noptions:")[2] != ""
        assert by_word.startswith(f"usage: jaxcmp {word} ")
        assert by_module.startswith(f"usage: python -m jaxcmp.{module} ")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["study", "--config=study"]])
def test_what_needs_no_jax_does_not_wait_for_it(words):
    wrong = ["--config.seed=1"] if "study" in words else []
    done = run("-X", "importtime", "-m", "jaxcmp", *words, *wrong)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "jaxcmp.text" in imported and done.returncode == (2 if wrong else 0)
    assert not {"jax", "flax", "orbax", "huggingface_hub"} & imported


def test_other_programs_can_import_modules():
    code = "import signal, jaxcmp.runs; print(signal.getsignal(signal.SIGTERM).name)"
    done = run("-c", code, "-m", "jaxcmp.train")
    assert (done.returncode, done.stdout) == (0, "SIG_DFL\n")


@pytest.mark.parametrize(
    "word",
    ["compare", "evaluate", "inspect", "predict", "export", "probe", "bench", "study", " study"],
)
def test_a_signal_during_imports_ends_every_command_in_one_line(word):
    start = ("jaxcmp", word.strip()) if word.startswith(" ") else (f"jaxcmp.{word}",)
    words = (sys.executable, "-X", "importtime", "-m", *start, "--config=configs/none")
    # The log of imports shows when the handlers are installed.
    with subprocess.Popen(words, cwd=processes.ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().endswith("| jaxcmp"):
                break
        process.send_signal(signal.SIGINT)
        lines = [line for line in process.stderr if "import time:" not in line]
    assert (process.returncode, lines) == (130, ["jaxcmp: interrupted\n"])
