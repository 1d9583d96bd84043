"""Timing: what a sample is, and that compared calls take turns."""

import pytest

from jaxcmp.bench import timing
from jaxcmp.bench.timing import Samples, alternate, calls_per_sample, sample


def nothing(_):
    return None


def test_a_sample_waits_once_for_the_last_of_its_calls():
    events = []

    def call():
        events.append("call")
        return len(events)

    seconds = sample(call, 3, lambda result: events.append(f"wait for {result}"))
    assert events == ["call", "call", "call", "wait for 3"]
    assert seconds >= 0


def test_compared_calls_take_turns_after_a_warm_up_that_does_not_count(monkeypatch):
    events = []
    calls = {"a": lambda: events.append("a"), "b": lambda: events.append("b")}
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    samples = alternate(calls, rounds=3, wait=nothing)
    assert events == ["a", "a", "b", "b", *"ababab"]
    assert {name: len(each.seconds) for name, each in samples.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 1), (0.05, 1), (0.02, 3), (0, 10_000)])
def test_a_short_call_is_repeated_until_a_sample_is_long_enough(seconds, calls):
    assert calls_per_sample(seconds) == calls


def test_samples_are_told_by_median_p95_extremes_and_n():
    told = Samples((3.0, 1.0, 2.0), 7).describe()
    assert told == {
        "median": 2.0,
        "p95": pytest.approx(2.9),
        "min": 1.0,
        "max": 3.0,
        "n": 3,
        "calls_per_sample": 7,
    }
