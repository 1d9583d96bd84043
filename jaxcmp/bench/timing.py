"""Seconds of a call: after a warm-up, waited for, and in turns with the calls it is compared to."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# A shorter sample would time the clock and the wait.
SAMPLE_SECONDS = 0.05
MAX_CALLS = 10_000

# Makes so many calls, waits for the last, and returns the mean seconds of one.
Timed = Callable[[int], float]


def describe(seconds: Sequence[float]) -> dict[str, Any]:
    """Returns median, p95, min and max of samples, and n."""
    return {
        "median": float(np.median(seconds)),
        "p95": float(np.percentile(seconds, 95)),
        "min": min(seconds),
        "max": max(seconds),
        "n": len(seconds),
    }


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Returns median, min and max of a few values, and n."""
    figures = describe(values)
    del figures["p95"]
    return figures


def warm_up(timed: Timed) -> int:
    """Calls twice without counting; returns how many calls fill SAMPLE_SECONDS."""
    timed(1)
    return max(1, min(MAX_CALLS, math.ceil(SAMPLE_SECONDS / max(timed(1), 1e-9))))


def take_turns(timed: Mapping[str, Timed], *, rounds: int) -> dict[str, list[float]]:
    """Samples each call once per round, so that a slow minute of the machine slows all of them.

    A sample is the mean of several calls, waited for once.
    """
    num_calls = {name: warm_up(call) for name, call in timed.items()}
    rows = [[call(num_calls[name]) for name, call in timed.items()] for _ in range(rounds)]
    return {name: list(column) for name, column in zip(timed, zip(*rows, strict=True), strict=True)}
