"""The command, as a user runs it."""

import json
import os
import subprocess
import sys

import pytest
from processes import ROOT

from jaxcmp.gpu import compiler

# The environment of ./launch/check_cuda, or this one where it has the plugin itself.
CUDA_PYTHON = ROOT / ".venv-cuda" / "bin" / "python"
PYTHON = str(CUDA_PYTHON) if (CUDA_PYTHON.parent.parent / "installed").exists() else sys.executable
REASON = compiler.why_unavailable() if PYTHON == sys.executable else None
needs_plugin = pytest.mark.skipif(REASON is not None, reason=str(REASON))
QUICK = ("configs/resnet.py", "--gpu=H100", "--precision=bfloat16")


def run(*arguments):
    return subprocess.run(
        [PYTHON, "-m", "jaxcmp.gpu", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "XLA_FLAGS"},
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--gpu=H200"], "invalid choice: 'H200'"),
        (["--bathc_sizes"], "Unknown command line flag 'bathc_sizes'"),
        (["configs/none.py"], "configuration 'configs/none.py' is not a file"),
        (["--config.batchsize=3"], "configuration key 'batchsize' is unknown"),
    ],
)
def test_a_wrong_command_is_one_line(arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(REASON is None, reason="the CUDA plugin is installed")
def test_without_the_plugin_the_command_says_how_to_get_it():
    done = run()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"jaxcmp: {REASON}\n"


@needs_plugin
def test_the_residual_network_stays_within_its_budgets(tmp_path):
    done = run(*QUICK, f"--json={tmp_path / 'measured.json'}")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "measured.json").read_text())
    assert report["problems"] == []
    assert [each["step"] for each in report["measurements"]] == ["train", "eval"]
    for each in report["measurements"]:
        assert each["roofline_seconds"] > 0
        assert each["transfers"] == each["float64"] == []
    assert "resnet train bfloat16 H100" in done.stdout


@needs_plugin
def test_a_budget_that_is_exceeded_fails_the_command_and_is_named(tmp_path):
    budgets = tmp_path / "budgets.json"
    arguments = (*QUICK, "--step=eval", f"--budgets={budgets}")
    assert run(*arguments, "--write_budgets").returncode == 0
    assert run(*arguments).returncode == 0
    text = budgets.read_text()
    lowered = text.replace('"kernels": ', '"kernels": -')
    assert lowered != text
    budgets.write_text(lowered)
    done = run(*arguments)
    assert done.returncode == 1
    assert "jaxcmp: resnet eval bfloat16 H100: " in done.stderr
    assert "kernels, budget -" in done.stderr
