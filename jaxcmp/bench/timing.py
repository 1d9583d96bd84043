"""Seconds of a call: warm, waited for, and in turns with what it is compared with."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# A shorter sample says more about the clock and the wait than about the work.
SAMPLE_SECONDS = 0.05
MAX_CALLS = 10_000

Call = Callable[[], Any]
# Returns once the work behind a result is done.
Wait = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Seconds of one call. A sample is the mean of `num_calls` calls that are waited for once."""

    seconds: tuple[float, ...]
    num_calls: int

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def p95(self) -> float:
        return float(np.percentile(self.seconds, 95))

    def describe(self) -> dict[str, Any]:
        """What is written down: median, p95, min and max in seconds, n, and calls a sample."""
        return {
            "median": self.median,
            "p95": self.p95,
            "min": min(self.seconds),
            "max": max(self.seconds),
            "n": len(self.seconds),
            "calls_per_sample": self.num_calls,
        }


def sample(call: Call, num_calls: int, wait: Wait) -> float:
    """The mean seconds of so many calls, put in line one after the other and waited for once.

    So it is in training, where nothing waits for a step until a metric is read.
    """
    result = None
    start = time.perf_counter()
    for _ in range(num_calls):
        result = call()
    wait(result)
    return (time.perf_counter() - start) / num_calls


def warm_up(call: Call, wait: Wait) -> int:
    """Calls twice, without counting; returns how many calls make up a sample."""
    sample(call, 1, wait)
    return calls_per_sample(sample(call, 1, wait))


def calls_per_sample(seconds: float) -> int:
    """How many calls of so many seconds fill SAMPLE_SECONDS, from 1 to MAX_CALLS."""
    return max(1, min(MAX_CALLS, math.ceil(SAMPLE_SECONDS / max(seconds, 1e-9))))


def alternate(calls: Mapping[str, Call], *, rounds: int, wait: Wait) -> dict[str, Samples]:
    """Samples each call once a round, in turn, so that a slow minute of the machine meets all."""
    num_calls = {name: warm_up(call, wait) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(sample(call, num_calls[name], wait))
    return {name: Samples(tuple(seconds[name]), num_calls[name]) for name in calls}


@dataclasses.dataclass(frozen=True)
class Work:
    """Something to be timed in a process of its own, and what is to be known about it."""

    call: Call
    wait: Wait
    description: dict[str, Any]
