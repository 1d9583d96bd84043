"""Seconds of training steps."""

import pytest

from jaxcmp import stopwatch


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stopwatch.time, "perf_counter", clock)
    return clock


def test_what_happens_between_epochs_is_left_out(clock):
    watch = stopwatch.Stopwatch(first_step=0)
    clock.now += 20
    assert watch.lap(10) == pytest.approx(2.0)
    clock.now += 40
    assert watch.lap(20) == pytest.approx(4.0)
    assert watch.seconds_per_step() == pytest.approx(3.0)
    clock.now += 1000
    watch.new_epoch()
    clock.now += 5
    watch.lap(25)
    assert watch.seconds_per_step() == pytest.approx(1.0)


def test_a_resumed_run_counts_only_its_own_steps(clock):
    watch = stopwatch.Stopwatch(first_step=100)
    clock.now += 6
    watch.lap(103)
    assert watch.seconds_per_step() == pytest.approx(2.0)
    assert watch.seconds_left(103, 200) == pytest.approx(2.0 * 97)
