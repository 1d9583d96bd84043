"""Processes that measure: what a start takes, and how one says why it failed."""

import sys
from pathlib import Path

import pytest
from bench_configs import TINY

from jaxcmp.bench import worker
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.mark.parametrize(("code", "kind"), [(2, CommandError), (1, JaxcmpError)])
def test_a_side_that_fails_says_why_in_its_last_line(code, kind):
    program = f"import sys; print('more\\njaxcmp: the reason', file=sys.stderr); sys.exit({code})"
    with pytest.raises(JaxcmpError) as raised:
        with worker.worker([sys.executable, "-c", program]):
            pass
    assert type(raised.value) is kind and str(raised.value) == "the reason"


def test_a_process_that_the_system_stops_says_which_signal():
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(JaxcmpError, match="a process was stopped by SIGKILL; memory may not"):
        with worker.worker([sys.executable, "-c", program]):
            pass


def test_a_side_that_ends_while_it_is_asked_is_an_error():
    with pytest.raises(JaxcmpError, match="a process ended without a message"):
        with worker.worker([sys.executable, "-c", "print(0, flush=True)"]) as (_, timed):
            timed(1)


def test_the_second_start_of_a_pair_finds_what_the_first_compiled(monkeypatch):
    kept = []

    def counted(arguments, cache):
        kept.append([path.name for path in Path(cache).iterdir()])
        return start(arguments, cache)

    start = worker.measure_start
    monkeypatch.setattr(worker, "measure_start", counted)
    measured = worker.measure_starts(TINY, num_starts=1)
    assert not kept[0] and any("take_steps" in name for name in kept[1])
    for times in (measured["cold"], measured["warm"]):
        compiling = times["compile_train_step"]["median"] + times["compile_eval_step"]["median"]
        assert 0 < compiling < times["first_step"]["median"]
        assert times["first_step"]["n"] == 1
