"""The stopwatch of training steps."""

import time

import pytest

from jaxcmp.clock import Stopwatch


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def test_time_between_epochs_is_not_counted(clock):
    watch = Stopwatch(first_step=0)
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


def test_time_for_a_checkpoint_within_an_epoch_is_not_counted(clock):
    watch = Stopwatch(first_step=0)
    clock.now += 4
    with watch.paused():
        clock.now += 1000
    clock.now += 6
    assert watch.lap(10) == pytest.approx(1.0)
    with watch.paused():
        clock.now += 1000
    clock.now += 20
    assert watch.lap(20) == pytest.approx(2.0)
    assert watch.seconds_per_step() == pytest.approx(1.5)


def test_a_resumed_run_counts_only_its_own_steps(clock):
    watch = Stopwatch(first_step=100)
    clock.now += 6
    watch.lap(103)
    assert watch.seconds_per_step() == pytest.approx(2.0)
    assert watch.seconds_left(103, 200) == pytest.approx(2.0 * 97)
