"""The engine of a study, with processes that stand for runs: they hold a folder, end or fail."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engine_process
import pytest

from jaxcmp import runs
from jaxcmp.study.folder import Entry, State, is_held, progress, read_failures


def start(workdir, num_slots, *folders):
    command = [sys.executable, engine_process.__file__, str(workdir), str(num_slots), *folders]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(workdir, num_slots, *folders):
    process = start(workdir, num_slots, *folders)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def events(workdir):
    return [line.rsplit(" ", 1) for line in (workdir / "log").read_text().splitlines()]


def wait_until(is_true, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_run_is_brought_to_its_result_as_many_at_a_time_as_slots(tmp_path):
    folders = [f"good/seed-{i}" for i in range(5)]
    code, out, err = run(tmp_path, 2, *folders)
    assert (code, err) == (0, "")
    assert all(runs.is_finished(tmp_path / each) for each in folders)
    at_once, most = 0, 0
    for _, what in events(tmp_path):
        at_once += 1 if what == "begins" else -1
        most = max(most, at_once)
    assert most == 2
    assert "good/seed-4: finished, test accuracy 50.00 %; 0 left" in out


def test_what_is_finished_is_not_begun_again(tmp_path):
    run(tmp_path, 1, "good/seed-0")
    code, out, _ = run(tmp_path, 1, "good/seed-0", "good/seed-1")
    assert code == 0 and "seed-0" not in out
    assert [what for _, what in events(tmp_path)].count("begins") == 2


def test_one_that_fails_is_tried_again_twice_and_stops_no_other(tmp_path):
    code, out, _ = run(tmp_path, 1, "failing/seed-0", "flaky/seed-0", "good/seed-0")
    assert code == 0
    begun = [Path(folder).parent.name for folder, what in events(tmp_path) if what == "begins"]
    assert (begun.count("failing"), begun.count("flaky"), begun.count("good")) == (3, 3, 1)
    assert runs.is_finished(tmp_path / "flaky/seed-0")
    assert "failing/seed-0: failed: the disk is full" in out
    entry = Entry("failing/seed-0", "vit", 10, 1)
    found = progress(tmp_path, entry)
    assert (found.state, found.num_failures, found.reason) == (State.FAILED, 3, "the disk is full")
    # Nor by an engine that is started later.
    run(tmp_path, 1, "failing/seed-0")
    assert len(read_failures(tmp_path / "failing/seed-0")) == 3


def test_a_wrong_configuration_is_not_tried_again(tmp_path):
    _, out, _ = run(tmp_path, 1, "wrong/seed-0")
    assert out.count("training") == 1 and "wrong/seed-0: failed: no such model" in out


def test_a_run_that_is_killed_says_by_what(tmp_path):
    process = start(tmp_path, 1, "slow/seed-0")
    folder = tmp_path / "slow/seed-0"
    for attempt in range(1, 4):
        wait_until(lambda: is_held(folder) and (folder / ".lock").read_text())
        os.kill(int((folder / ".lock").read_text()), signal.SIGKILL)
        wait_until(lambda n=attempt: len(read_failures(folder)) == n)
    out, _ = process.communicate(timeout=60)
    assert out.count("killed by SIGKILL") == 3


def test_two_engines_on_one_folder_train_each_run_once(tmp_path):
    folders = [f"good/seed-{i}" for i in range(6)]
    pair = [start(tmp_path, 2, *folders), start(tmp_path, 2, *folders)]
    for process in pair:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    begun = [folder for folder, what in events(tmp_path) if what == "begins"]
    assert sorted(begun) == sorted(str(tmp_path / each) for each in folders)
    assert not any(read_failures(tmp_path / each) for each in folders)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_every_run_and_leaves_none_behind(tmp_path, number):
    process = start(tmp_path, 2, "slow/seed-0", "slow/seed-1")
    folders = [tmp_path / f"slow/seed-{i}" for i in range(2)]
    wait_until(lambda: all(map(is_held, folders)))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err.startswith("jaxcmp: stopped;") and "stopping" in out
    assert not any(map(is_held, folders)) and not any(map(read_failures, folders))


def test_a_folder_that_cannot_be_written_ends_the_engine_and_its_runs(tmp_path):
    (tmp_path / "good").touch()
    code, _, err = run(tmp_path, 2, "slow/seed-0", "good/seed-0")
    assert code == 1 and err.startswith("jaxcmp: ") and "cannot be written" in err
    assert len(err.splitlines()) == 1 and not is_held(tmp_path / "slow/seed-0")


def test_runs_end_with_an_engine_that_is_killed(tmp_path):
    process = start(tmp_path, 1, "slow/seed-0")
    wait_until(lambda: is_held(tmp_path / "slow/seed-0"))
    process.kill()
    process.communicate()
    wait_until(lambda: not is_held(tmp_path / "slow/seed-0"))
    # It is no failure of the run's.
    assert read_failures(tmp_path / "slow/seed-0") == []
