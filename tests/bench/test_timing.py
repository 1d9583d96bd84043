"""Timing: what a sample is, and that compared calls take turns."""

import pytest

from jaxcmp.bench import timing
from jaxcmp.bench.timing import describe, spread, take_turns, warm_up


def test_compared_calls_take_turns_after_a_warm_up_that_does_not_count(monkeypatch):
    events = []

    def recorded(name):
        def timed(num_calls):
            events.append(name)
            return 2.0 if len(events) > 4 else 1.0

        return timed

    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    samples = take_turns({"a": recorded("a"), "b": recorded("b")}, rounds=3)
    assert events == ["a", "a", "b", "b", *"ababab"]
    assert samples == {name: [2.0, 2.0, 2.0] for name in "ab"}


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 1), (0.05, 1), (0.02, 3), (0, 10_000)])
def test_a_short_call_is_repeated_until_a_sample_is_long_enough(seconds, calls):
    assert warm_up(lambda num_calls: seconds) == calls


def test_samples_are_described_by_median_p95_extremes_and_n():
    figures = {"median": 2.0, "min": 1.0, "max": 3.0, "n": 3}
    assert spread([3.0, 1.0, 2.0]) == figures
    assert describe([3.0, 1.0, 2.0]) == figures | {"p95": pytest.approx(2.9)}
