"""The engine of a study, with processes that stand for runs: they hold a folder, end or fail."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engine_child
import pytest

from jaxcmp import runs
from jaxcmp.runtime import interrupt
from jaxcmp.study import engine
from jaxcmp.study.engine import Slot
from jaxcmp.study.folder import Entry, State, is_held, progress, read_failures

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def start(workdir, num_slots, *folders):
    command = [sys.executable, engine_child.__file__, str(workdir), str(num_slots), *folders]
    # So that it finds the samples.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def run(workdir, num_slots, *folders):
    return finish(start(workdir, num_slots, *folders))


def events(workdir):
    log = workdir / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(Path(line.rpartition(" ")[0]).parent.name, line.rpartition(" ")[2]) for line in lines]


def wait_until(is_true, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def process_in(folder):
    """The number of the process that trains in a folder, once there is one."""
    wait_until(lambda: is_held(folder) and (folder / ".lock").read_text())
    return int((folder / ".lock").read_text())


def test_every_run_is_brought_to_its_result_once_as_many_at_a_time_as_slots(tmp_path):
    folders = [f"good/seed-{i}" for i in range(5)]
    code, out, err = run(tmp_path, 2, *folders)
    assert (code, err) == (0, "")
    assert all(runs.is_finished(tmp_path / folder) for folder in folders)
    at_once, most = 0, 0
    for _, what in events(tmp_path):
        at_once += 1 if what == "begins" else -1
        most = max(most, at_once)
    assert most == 2
    assert "good/seed-4: finished, test accuracy 25.00 %; 0 left" in out
    code, out, _ = run(tmp_path, 1, *folders, "good/seed-5")
    assert code == 0 and "seed-4" not in out and events(tmp_path).count(("good", "begins")) == 6


def test_one_that_fails_is_tried_again_twice_and_stops_no_other(tmp_path):
    code, out, _ = run(tmp_path, 2, "failing/seed-0", "flaky/seed-0", "wrong/seed-0", "good/seed-0")
    assert code == 0
    begun = [kind for kind, what in events(tmp_path) if what == "begins"]
    # A wrong configuration is wrong the next time too.
    times = {"failing": 3, "flaky": 3, "wrong": 1, "good": 1}
    assert {kind: begun.count(kind) for kind in times} == times
    assert runs.is_finished(tmp_path / "flaky/seed-0")
    assert "failing/seed-0: failed: the disk is full" in out
    assert "wrong/seed-0: failed: no such model" in out
    state = progress(tmp_path, Entry("failing/seed-0", "vit", 10, 1))
    assert (state.state, state.num_failures, state.reason) == (State.FAILED, 3, "the disk is full")
    # Nor by an engine that is started later.
    run(tmp_path, 1, "failing/seed-0")
    assert len(read_failures(tmp_path / "failing/seed-0")) == 3


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGKILL, "SIGKILL"),
        # One without a name is told by its number.
        (signal.SIGRTMIN + 1, f"signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_a_run_that_is_killed_says_by_what(tmp_path, number, name):
    process = start(tmp_path, 1, "slow/seed-0")
    folder = tmp_path / "slow/seed-0"
    for attempt in range(1, 4):
        os.kill(process_in(folder), number)
        wait_until(lambda n=attempt: len(read_failures(folder)) == n)
    assert finish(process)[1].count(f"killed by {name}") == 3


def test_two_engines_on_one_folder_train_each_run_once(tmp_path):
    folders = [f"good/seed-{i}" for i in range(6)]
    pair = [start(tmp_path, 2, *folders), start(tmp_path, 2, *folders)]
    for process in pair:
        code, _, err = finish(process)
        assert (code, err) == (0, "")
    assert events(tmp_path).count(("good", "begins")) == len(folders)
    assert all(runs.is_finished(tmp_path / folder) for folder in folders)
    assert not any(read_failures(tmp_path / folder) for folder in folders)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_reaches_every_run_and_leaves_none_behind(tmp_path, number):
    process = start(tmp_path, 2, "slow/seed-0", "slow/seed-1")
    folders = [tmp_path / f"slow/seed-{i}" for i in range(2)]
    wait_until(lambda: all(map(is_held, folders)))
    process.send_signal(number)
    code, out, err = finish(process)
    assert code == 75
    assert err.startswith("jaxcmp: stopped; what was training is saved") and "stopping" in out
    assert not any(map(is_held, folders)) and not any(map(read_failures, folders))


@pytest.mark.parametrize("pause", [0.05, 0.7])
def test_a_second_signal_is_no_failure_of_a_run_and_the_line_says_what_became_of_it(
    tmp_path, pause
):
    # A run that takes its time to save.
    process = start(tmp_path, 1, "saving/seed-0")
    folder = tmp_path / "saving/seed-0"
    wait_until(lambda: is_held(folder) and events(tmp_path))
    process.send_signal(signal.SIGINT)
    time.sleep(pause)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    is_patient = pause < interrupt.REPEAT_SECONDS
    assert code == 75 and len(err.splitlines()) == 1
    assert ("what was training is saved" in err) == is_patient
    assert ("saving/seed-0 could not be saved" in err) == (not is_patient)
    assert (folder / "saved").exists() == is_patient
    assert not is_held(folder) and read_failures(folder) == []


def test_a_run_that_somebody_interrupts_has_not_failed(tmp_path):
    process = start(tmp_path, 1, "slow/seed-0")
    folder = tmp_path / "slow/seed-0"
    for number in (*SIGNALS, signal.SIGTERM):
        child = process_in(folder)
        os.kill(child, number)
        wait_until(lambda c=child: (folder / ".lock").read_text() not in ("", str(c)))
    assert process.poll() is None and read_failures(folder) == []
    process.terminate()
    finish(process)


def test_a_folder_that_cannot_be_written_ends_the_engine_and_its_runs(tmp_path):
    (tmp_path / "good").touch()
    code, _, err = run(tmp_path, 2, "slow/seed-0", "good/seed-0")
    assert code == 1 and err.startswith("jaxcmp: ") and "cannot be written" in err
    assert len(err.splitlines()) == 1 and not is_held(tmp_path / "slow/seed-0")


def test_runs_end_with_an_engine_that_is_killed(tmp_path):
    process = start(tmp_path, 1, "slow/seed-0")
    process_in(tmp_path / "slow/seed-0")
    process.kill()
    process.communicate()
    wait_until(lambda: not is_held(tmp_path / "slow/seed-0"))
    # It is no failure of the run's.
    assert read_failures(tmp_path / "slow/seed-0") == []


def slots_on(monkeypatch, platform, num_devices, jobs):
    """The slots of a machine on which JAX would say this."""
    monkeypatch.setattr(engine, "ASK", f"print({platform!r}, {num_devices})")
    return engine.find_slots(jobs)


@pytest.mark.parametrize(
    ("platform", "visible", "num_devices", "jobs", "names", "memory"),
    [
        # Runs have GPUs of their own, or share their memory.
        ("gpu", None, 3, 0, ["0", "1", "2"], None),
        ("gpu", "5,7", 2, 0, ["5", "7"], None),
        ("gpu", None, 2, 4, ["0", "1", "0", "1"], "0.375"),
        ("gpu", None, 8, 2, ["0", "1"], None),
        # A machine without trains one run on all of it.
        ("cpu", None, 1, 0, [""], None),
        ("metal", None, 1, 0, [""], None),
    ],
)
def test_runs_have_gpus_of_their_own_or_share_what_there_is(
    monkeypatch, platform, visible, num_devices, jobs, names, memory
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    shared = {"XLA_PYTHON_CLIENT_MEM_FRACTION": memory} if memory else {}
    expected = [Slot({"CUDA_VISIBLE_DEVICES": name} | shared if name else {}) for name in names]
    assert slots_on(monkeypatch, platform, num_devices, jobs) == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are bound on Linux alone")
def test_jobs_on_a_processor_share_its_cores(monkeypatch):
    cores = os.sched_getaffinity(0)
    slots = slots_on(monkeypatch, "cpu", 1, len(cores) + 1)
    shares = [slot.cores or frozenset() for slot in slots[: len(cores)]]
    assert frozenset().union(*shares) == cores
    assert sum(map(len, shares)) == len(cores)
    # There is no core left for the last one: it shares the first's.
    assert slots[-1] == slots[0]


def test_where_jax_does_not_start_its_last_words_are_the_error(monkeypatch):
    monkeypatch.setattr(engine, "ASK", "raise SystemExit('no such platform')")
    with pytest.raises(engine.JaxcmpError, match="JAX does not start: no such platform"):
        engine.find_slots(0)
