"""The command of ./launch/check_cuda, where nothing can be compiled for CUDA."""

import os
import subprocess
import sys
from pathlib import Path

import compiler
import pytest
from budgets import FILE, read
from gpus import GPUS

CHECK = Path(__file__).with_name("check.py")
ROOT = CHECK.parents[2]


def run(*arguments):
    done = subprocess.run(
        [sys.executable, str(CHECK), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gpu=H200"], "invalid choice: 'H200'"),
        (["--write_budgetz"], "option --write_budgetz is unknown"),
        (["configs/none.py"], "configuration 'configs/none.py' is not a file"),
        (["--config.batchsize=3"], "configuration key 'batchsize' is unknown"),
    ],
)
def test_a_wrong_command_says_so_in_its_last_line(arguments, words):
    code, _, err = run(*arguments)
    assert code == 2
    assert words in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.skipif(compiler.why_unavailable() is None, reason="the CUDA plugin is installed")
def test_without_the_plugin_the_command_says_how_to_get_it():
    code, out, err = run()
    assert (code, out) == (1, "")
    assert err == f"jaxcmp: {compiler.why_unavailable()}\n"


def test_every_step_has_a_budget_for_every_version_of_jax():
    names = {
        f"{arm} {step} {precision} {gpu.name}"
        for arm in ("vit", "resnet")
        for step in ("train", "eval")
        for gpu in GPUS.values()
        for precision in gpu.precisions
    }
    assert all(set(steps) == names for steps in read(FILE).values())


@pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
def test_the_compiler_reads_a_description_without_gaps(gpu):
    text = gpu.target_config
    assert f"major: {gpu.capability[0]} minor: {gpu.capability[1]}" in text
    assert f"device_memory_size: {gpu.memory} " in text
    assert text.count("{") == text.count("}")
