"""A study in a terminal: the plan, what it will take, and the states of its runs."""

import io
import json

import pytest
import sample_runs
from sample_files import change_json

from jaxcmp.study.folder import Entry, Progress, State
from jaxcmp.study.overview import (
    Cost,
    estimate,
    plan_summary,
    plan_table,
    status_summary,
    status_table,
)
from jaxcmp.text import PlainConsole

ENTRIES = [
    Entry("vit/seed-0", "vit", 39_000, 1_000_000_000_000_000),
    Entry("vit/seed-1", "vit", 39_000, 1_000_000_000_000_000),
    Entry("vit-0.1/seed-0", "vit", 3_900, 100_000_000_000_000),
]
COSTS = [Cost(7200.0, 0.1, 2**30), Cost(7200.0, 0.1, 2**30), Cost(720.0, 0.1, 2**30)]
WAITING = [Progress(State.WAITING)] * 3


def shown(table):
    text = io.StringIO()
    PlainConsole(file=text, width=100).print(table)
    return text.getvalue()


def test_the_plan_has_a_row_for_all_seeds_of_a_kind():
    rows = [line.split() for line in shown(plan_table(ENTRIES, COSTS)).splitlines()[1:]]
    assert rows[0] == ["vit", "2", "39,000", "1", "P", "2.0", "h", "1.0", "GiB"]
    assert rows[1][:3] == ["vit-0.1", "1", "3,900"] and len(rows) == 2


def test_the_sum_is_of_what_is_left_and_says_what_is_not_known(tmp_path):
    states = [Progress(State.FINISHED), Progress(State.WAITING), Progress(State.STOPPED)]
    text = plan_summary(tmp_path, ENTRIES, COSTS, states)
    assert text.startswith("3 runs, 2 of them not finished: 1.1 PFLOPs, 2.2 h on one device")
    assert ", 2.0 GiB of disk; " in text and text.endswith(" are free.")
    all_done = plan_summary(tmp_path, ENTRIES, COSTS, [Progress(State.FINISHED)] * 3)
    assert all_done == "3 runs, all finished"
    text = plan_summary(tmp_path / "not" / "there", ENTRIES, [None] * 3, WAITING)
    assert " h on" not in text and "known once a run of each arm is finished" in text
    partly = plan_summary(tmp_path, ENTRIES, [*COSTS[:2], None], WAITING)
    assert "4.0 h on one device, 2.0 GiB of disk, without 1 of unknown length; " in partly


def test_the_status_names_each_run_and_why_one_failed():
    progresses = [
        Progress(State.FINISHED, 39_000),
        Progress(State.RUNNING, 13_000, 5400.0, num_failures=1),
        Progress(State.FAILED, num_failures=3, reason="the disk is full"),
    ]
    lines = shown(status_table(ENTRIES, progresses)).splitlines()
    assert lines[2].split() == ["1", "vit/seed-1", "running", "13,000", "39,000", "90", "min", "1"]
    assert status_summary(ENTRIES, progresses) == [
        "3 runs: 1 running, 1 finished, 1 failed",
        "vit-0.1/seed-0 failed: the disk is full",
    ]


def finished(workdir, folder, *, step_seconds, seconds):
    """A finished run of 500 steps and known times."""
    path = sample_runs.write_run(workdir / folder, sample_runs.Sample("vit"))
    for name, changes in (
        ("cost.json", {"step_seconds": {"median": step_seconds, "p95": 1, "num_samples": 3}}),
        ("environment.json", {"end": f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}+00:00"}),
    ):
        change_json(path / name, lambda stored, new=changes: stored.update(new))
    return Entry(folder, "vit", 500, 1)


def test_time_grows_with_steps_beside_what_every_run_of_the_arm_takes(tmp_path):
    # 50 s of steps and 10 s beside them; 100 s and 20 s.
    entries = [
        finished(tmp_path, "a/0", step_seconds=0.1, seconds=60),
        finished(tmp_path, "a/1", step_seconds=0.2, seconds=120),
        Entry("b/0", "vit", 1000, 1),
        Entry("c/0", "resnet", 500, 1),
    ]
    own, _, waiting, unknown = estimate(tmp_path, entries)
    assert unknown is None and own is not None and own.seconds == 60
    assert waiting is not None and waiting.seconds == pytest.approx(0.15 * 1000 + 15)
    sizes = [sum(p.stat().st_size for p in (tmp_path / f"a/{i}").iterdir()) for i in range(2)]
    assert waiting.num_bytes == pytest.approx(sum(sizes) / 2, abs=1)


def test_a_run_that_was_interrupted_has_taken_its_steps_and_a_damaged_one_is_no_ground(tmp_path):
    entry = finished(tmp_path, "a/0", step_seconds=0.1, seconds=60)
    environment = tmp_path / "a/0/environment.json"
    change_json(environment, lambda stored: stored.update(earlier=[dict(stored)]))
    steps = json.loads((tmp_path / "a/0/result.json").read_text())["steps"]
    (cost,) = estimate(tmp_path, [entry])
    assert cost is not None and cost.seconds == pytest.approx(0.1 * steps)
    (tmp_path / "a/0/cost.json").write_text("{")
    assert estimate(tmp_path, [entry]) == [None]
