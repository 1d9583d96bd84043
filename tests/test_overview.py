"""A study in a terminal: the plan, what it will take, and the states of its runs."""

import io

from rich.console import Console

from jaxcmp.study.estimates import Taken
from jaxcmp.study.folder import Entry, Progress, State
from jaxcmp.study.overview import plan_summary, plan_table, status_summary, status_table

ENTRIES = [
    Entry("vit/seed-0", "vit", 39_000, 1_000_000_000_000_000),
    Entry("vit/seed-1", "vit", 39_000, 1_000_000_000_000_000),
    Entry("vit-0.1/seed-0", "vit", 3_900, 100_000_000_000_000),
]
UNKNOWN = [Taken(None, None)] * 3
KNOWN = [Taken(7200.0, 2**30), Taken(7200.0, 2**30), Taken(720.0, 2**30)]
WAITING = [State.WAITING] * 3


def shown(table):
    text = io.StringIO()
    Console(file=text, width=100).print(table)
    return text.getvalue()


def test_the_plan_has_a_row_for_all_seeds_of_a_kind():
    text = shown(plan_table(ENTRIES, KNOWN))
    rows = [line.split() for line in text.splitlines()[1:]]
    assert rows[0] == ["vit", "2", "39,000", "1", "P", "2.0", "h", "1.0", "GiB"]
    assert rows[1][:3] == ["vit-0.1", "1", "3,900"] and len(rows) == 2


def test_the_sum_is_of_what_is_left(tmp_path):
    text = plan_summary(ENTRIES, KNOWN, [State.FINISHED, State.WAITING, State.STOPPED], tmp_path)
    assert text.startswith("3 runs, 2 of them not finished: 1.1 PFLOPs, 2.2 h on one device")
    assert ", 2.0 GiB of disk; " in text and text.endswith(" are free.")
    all_done = plan_summary(ENTRIES, KNOWN, [State.FINISHED] * 3, tmp_path)
    assert all_done == "3 runs, all finished"


def test_what_is_not_known_is_said_to_be(tmp_path):
    text = plan_summary(ENTRIES, UNKNOWN, WAITING, tmp_path / "not" / "there")
    assert " h on" not in text and "known once a run of each arm is finished" in text
    partly = plan_summary(ENTRIES, [*KNOWN[:2], Taken(None, None)], WAITING, tmp_path)
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
