"""A study's folder: what it lists, and what is to be seen of each run from its own folder."""

import json

import msgspec
import pytest
import sample_runs
from sample_files import CONFIG, epoch_record, step_record

from jaxcmp import runs
from jaxcmp.errors import JaxcmpError
from jaxcmp.study import folder
from jaxcmp.study.folder import Entry, State
from jaxcmp.study.overview import status_summary

ENTRY = Entry("vit/seed-0", "vit", steps=1000, flops=10**12)


@pytest.fixture
def run_folder(tmp_path):
    path = tmp_path / ENTRY.folder
    path.mkdir(parents=True)
    return path


def begin(path, *records):
    run = runs.open_run(path, CONFIG | {"batch_size": 100})
    for record in records:
        run.log(record)
    return run


def test_what_is_written_is_read_back(tmp_path):
    workdir = tmp_path / "new" / "study"
    folder.write(workdir, {"grids": {"seeds": {"seeds": 4}}}, [ENTRY])
    assert folder.read(workdir) == [ENTRY]
    stored = json.loads((workdir / folder.STUDY).read_text())
    assert stored["config"]["grids"]["seeds"]["seeds"] == 4
    assert stored["runs"][0]["steps"] == 1000


def listing(**changes):
    return json.dumps({"runs": [msgspec.structs.asdict(ENTRY) | changes]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "Object missing required field `runs`"),
        ("no", "it is not JSON"),
        ('{"runs": [{"name": 1}]}', "Object missing required field `folder`"),
        (listing(steps="x"), r"runs\[0\].steps: Expected `int`, got `str`"),
        (listing(flops=None), r"runs\[0\].flops: Expected"),
        (listing(folder="/etc"), "is no name for a file"),
        (listing(folder="a/../../b"), "is no name for a file"),
        (listing(folder="vit/.."), "is no name for a file"),
        (listing(folder="vit//seed-0"), "is no name for a file"),
    ],
)
def test_a_damaged_list_is_one_line_that_says_what_is_wrong(tmp_path, content, message):
    (tmp_path / folder.STUDY).write_text(content)
    with pytest.raises(JaxcmpError, match=f"study.json cannot be used: .*{message}"):
        folder.read(tmp_path)


def test_a_run_that_trains_has_its_step_and_the_time_left(tmp_path, run_folder):
    train = step_record(250, images_per_second=50.0)
    with begin(run_folder, train, epoch_record(240)):
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
    states = [folder.progress(tmp_path, ENTRY).state]
    for number in range(3):
        folder.note_failure(run_folder, reason=f"reason {number}", exit_code=1)
        states.append(folder.progress(tmp_path, ENTRY).state)
    assert states == [State.WAITING, State.WAITING, State.WAITING, State.FAILED]
    assert folder.progress(tmp_path, ENTRY).reason == "reason 2"


def test_half_a_line_of_a_killed_process_is_no_failure(run_folder):
    folder.note_failure(run_folder, reason="one", exit_code=1)
    with (run_folder / folder.FAILURES).open("a") as file:
        file.write('{"reason": "tw')
    folder.note_failure(run_folder, reason="three", exit_code=1)
    assert [each["reason"] for each in folder.read_failures(run_folder)] == ["one", "three"]


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "train", "step": 1e999}',
        '{"kind": "train", "step": 5, "images_per_second": "x"}',
        '{"step": 5}',
        "[1]",
    ],
)
def test_odd_metrics_are_named_and_take_no_other_run_away(tmp_path, run_folder, line):
    begin(run_folder).close()
    (run_folder / runs.METRICS).write_text(f"{line}\n")
    found = folder.progress(tmp_path, ENTRY)
    assert (found.state, found.step, found.seconds_left) == (State.STOPPED, 0, None)
    assert "metrics.jsonl cannot be used: line 1" in found.reason
    _, line = status_summary([ENTRY], [found])
    assert line == f"{ENTRY.folder}: {found.reason}"


def test_a_pace_that_leads_nowhere_is_none(tmp_path, run_folder):
    with begin(run_folder, step_record(5, images_per_second=1e-300)):
        assert folder.progress(tmp_path, ENTRY).seconds_left is None


def test_odd_failures_are_failures_and_those_that_cannot_be_read_are_named(tmp_path, run_folder):
    path = run_folder / folder.FAILURES
    path.write_text('[1]\n{"reason": []}\n{"exit_code": "x"}\n')
    found = folder.progress(tmp_path, ENTRY)
    # Else the run would be tried for ever.
    assert (found.state, found.num_failures) == (State.FAILED, 3)
    assert "failures.jsonl cannot be used: line 3" in found.reason
    path.unlink()
    path.mkdir()
    found = folder.progress(tmp_path, ENTRY)
    assert found.state is State.FAILED
    assert "failures.jsonl cannot be used: it is a folder" in found.reason
