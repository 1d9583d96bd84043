"""One side of a comparison, as it is talked to."""

import json
import subprocess
import sys

import processes
import pytest
from bench_configs import TINY


def ask(*arguments, questions):
    command = [sys.executable, "-m", "jaxcmp.bench.worker", *arguments]
    done = subprocess.run(
        command,
        input="\n" * questions,
        env=processes.environment(),
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("task", ["training", "augmentation"])
def test_a_worker_describes_itself_and_then_takes_a_sample_a_question(task):
    description, *answers = ask(*TINY, f"--task={task}", questions=3)
    assert description["num_images"] == 16 and description["how"] == "jit"
    assert len(answers) == 2
    assert all(answer["seconds"] > 0 for answer in answers)


def test_a_side_that_is_asked_nothing_ends():
    assert ask(*TINY, "--task=evaluation", questions=0) == []


@pytest.mark.parametrize("flag", ["--task=nothing", "--side=nobody"])
def test_an_unknown_task_or_side_is_a_wrong_command(flag):
    code, out, err = processes.run(*TINY, flag, module="jaxcmp.bench.worker")
    assert (code, out) == (2, "")
    assert err.startswith("jaxcmp: ")
