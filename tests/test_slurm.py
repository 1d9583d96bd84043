"""The scripts for SLURM, run by a real one: two nodes on this machine, without GPUs."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import processes
import pytest
import slurm as cluster

from jaxcmp.runs import read_run

RUN = processes.ROOT / "launch/slurm/run.sbatch"
STUDY = processes.ROOT / "launch/slurm/study.sbatch"
# Long enough to be interrupted in the middle, twice: 176 steps.
LONGER = (*processes.TINY, "--config.batch_size=32")
# Of a study of small models, whose first two runs are trained.
PLAN = (
    "--config=configs/study.py:digits",
    "--config.log.every_steps=1",
    *("--config.arms.resnet.num_epochs=3", "--config.arms.vit.num_epochs=8"),
    *("--config.arms.vit.model.width=16", "--config.arms.vit.model.depth=1"),
    *("--config.arms.vit.model.num_heads=2", "--config.arms.vit.model.mlp_width=16"),
    "--config.arms.resnet.model.stage_widths=(8,)",
    "--config.arms.resnet.model.stage_depths=(1,)",
)

if reason := cluster.reason_to_skip():
    pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="module")
def slurm():
    with cluster.bring_up() as started:
        yield started


def wait_for_steps(slurm: cluster.Slurm, folder: Path, number: int) -> None:
    """Waits until a run has logged that many more steps."""
    path, deadline = folder / "metrics.jsonl", time.monotonic() + cluster.SECONDS
    lines = lambda: path.read_bytes().count(b"\n") if path.exists() else 0  # noqa: E731
    enough = lines() + number
    while lines() < enough:
        assert time.monotonic() < deadline, slurm.output()
        time.sleep(0.02)


def test_a_run_preempted_twice_ends_like_an_unbroken_one(slurm, tmp_path):
    folders = tmp_path / "unbroken", tmp_path / "broken"
    broken = slurm.submit("--nodes=2", RUN, *LONGER, f"--workdir={folders[1]}")
    # As SLURM does before the time limit: a signal to the processes, not to the script.
    wait_for_steps(slurm, folders[1], 5)
    slurm.command("scancel", "--signal=TERM", broken)
    slurm.wait(broken, "PENDING")
    # A job of higher priority takes both nodes.
    wait_for_steps(slurm, folders[1], 5)
    urgent = slurm.submit("--partition=urgent", "--nodes=2", "--exclusive", "--wrap", "sleep 1")
    slurm.wait(urgent, "COMPLETED")
    unbroken = slurm.submit("--nodes=2", RUN, *LONGER, f"--workdir={folders[0]}")
    for job in (unbroken, broken):
        slurm.wait(job, "COMPLETED")
    assert int(slurm.show(broken)["Restarts"]) == 2
    runs = [read_run(folder) for folder in folders]
    assert [len(run.sessions) for run in runs] == [1, 3], slurm.output()
    for run in runs:
        assert [session["num_processes"] for session in run.sessions] == [2] * len(run.sessions)
    whole, parted = (run.load_predictions().test for run in runs)
    np.testing.assert_array_equal(parted.logits, whole.logits)
    assert slurm.output(broken).count("is saved; the same command goes on") == 4


def test_a_run_that_lost_a_process_is_requeued_and_resumes(slurm, tmp_path):
    folder = tmp_path / "run"
    job = slurm.submit("--nodes=2", RUN, *LONGER, f"--workdir={folder}")
    # Beyond an epoch's end, whose checkpoint is what is left.
    wait_for_steps(slurm, folder, 50)
    os.kill(cluster.process_of(job, rank=1), signal.SIGKILL)
    assert slurm.wait(job, "COMPLETED")["Restarts"] == "1"
    assert "lost" in slurm.output(job)
    run = read_run(folder)
    assert run.is_finished and len(run.sessions) == 2


def test_a_run_that_is_killed_repeatedly_is_given_up(slurm, tmp_path):
    script = "kill -KILL $$"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    job = slurm.submit(f"--export=ALL,PATH={tmp_path}:{slurm.environment['PATH']}", RUN)
    ended = slurm.wait(job, "FAILED")
    assert (ended["ExitCode"], ended["Restarts"]) == ("137:0", "3")


def test_a_wrong_command_fails_and_is_not_requeued(slurm, tmp_path):
    job = slurm.submit("--nodes=2", RUN, *processes.TINY, "--config.num_epoch=1")
    ended = slurm.wait(job, "FAILED", "COMPLETED")
    assert (ended["JobState"], ended["ExitCode"], ended["Restarts"]) == ("FAILED", "2:0", "0")
    assert "did you mean 'num_epochs'?" in slurm.output(job)


def test_a_cancelled_run_is_saved_and_stays_cancelled(slurm, tmp_path):
    folder = tmp_path / "run"
    job = slurm.submit(RUN, *LONGER, f"--workdir={folder}")
    wait_for_steps(slurm, folder, 3)
    slurm.command("scancel", job)
    assert slurm.wait(job, "CANCELLED")["Restarts"] == "0"
    assert "is saved; the same command goes on" in slurm.output(job)


def test_each_task_of_an_array_is_a_run_and_an_interrupted_one_is_requeued_alone(slurm, tmp_path):
    array = slurm.submit("--array=0-1", STUDY, *PLAN, f"--workdir={tmp_path}")
    folders = tmp_path / "resnet/seed-0", tmp_path / "vit/seed-0"
    wait_for_steps(slurm, folders[1], 3)
    # The last task of an array has the array's own number, by which all would be requeued.
    assert slurm.show(f"{array}_1")["JobId"] == array
    slurm.command("scancel", "--signal=TERM", f"{array}_1")
    slurm.wait(f"{array}_1", "PENDING")
    tasks = [slurm.wait(f"{array}_{task}", "COMPLETED") for task in (0, 1)]
    assert [task["Restarts"] for task in tasks] == ["0", "1"]
    runs = [read_run(folder) for folder in folders]
    assert all(run.is_finished for run in runs)
    assert [len(run.sessions) for run in runs] == [1, 2]
