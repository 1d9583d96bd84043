"""A study's folder: what it lists, and what is to be seen of each run from its own folder."""

import json

import pytest
import sample_runs

from jaxcmp import runs
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.study import folder
from jaxcmp.study.folder import Entry, State

ENTRY = Entry("vit/seed-0", "vit", steps=1000, flops=10**12)


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / ENTRY.folder


def begin(path, *records):
    run = runs.open_run(path, {"batch_size": 100}, [])
    for record in records:
        run.log(record)
    return run


def test_what_is_written_is_read_back(tmp_path):
    folder.write(tmp_path / "new" / "study", {"a": 1}, [ENTRY])
    assert folder.read(tmp_path / "new" / "study") == [ENTRY]


def test_a_folder_without_a_study_is_one_line(tmp_path):
    with pytest.raises(CommandError, match="holds no study"):
        folder.read(tmp_path)


@pytest.mark.parametrize("content", ["{}", "no", '{"runs": [{"name": 1}]}'])
def test_a_damaged_list_is_one_line(tmp_path, content):
    (tmp_path / folder.STUDY).write_text(content)
    with pytest.raises(JaxcmpError, match="study.json"):
        folder.read(tmp_path)


def test_a_run_without_a_folder_waits(tmp_path):
    assert folder.progress(tmp_path, ENTRY) == folder.Progress(State.WAITING)


def test_a_run_that_trains_has_its_step_and_the_time_left(tmp_path, run_folder):
    train = {"kind": "train", "step": 250, "images_per_second": 50.0}
    with begin(run_folder, train, {"kind": "epoch", "step": 240}):
        found = folder.progress(tmp_path, ENTRY)
    # 750 steps of 100 images at 50 images/s.
    assert (found.state, found.step, found.seconds_left) == (State.RUNNING, 250, 1500)
    assert folder.progress(tmp_path, ENTRY).state is State.STOPPED


def test_a_finished_run_is_finished_whatever_it_went_through(tmp_path, run_folder):
    for _ in range(3):
        folder.note_failure(run_folder, reason="no room", exit_code=1)
    sample_runs.write_run(run_folder, sample_runs.Sample("vit"))
    assert folder.progress(tmp_path, ENTRY).state is State.FINISHED


def test_a_run_that_failed_waits_until_it_failed_too_often(tmp_path, run_folder):
    states = []
    for number in range(3):
        folder.note_failure(run_folder, reason=f"reason {number}", exit_code=1)
        states.append(folder.progress(tmp_path, ENTRY).state)
    assert states == [State.WAITING, State.WAITING, State.FAILED]
    assert folder.progress(tmp_path, ENTRY).reason == "reason 2"


def test_half_a_line_of_a_killed_process_is_no_failure(run_folder):
    folder.note_failure(run_folder, reason="one", exit_code=1)
    with (run_folder / folder.FAILURES).open("a") as file:
        file.write('{"reason": "tw')
    folder.note_failure(run_folder, reason="three", exit_code=1)
    assert [each["reason"] for each in folder.read_failures(run_folder)] == ["one", "three"]


def test_the_list_says_what_was_planned(tmp_path):
    folder.write(tmp_path, {"grids": {"seeds": {"seeds": 4}}}, [ENTRY])
    stored = json.loads((tmp_path / folder.STUDY).read_text())
    assert stored["config"]["grids"]["seeds"]["seeds"] == 4
    assert stored["runs"][0]["steps"] == 1000
