"""Intervals of a ratio of two arms, such as that of their times."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.statistics.means import Lead, compare_runs


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The first over the second, and which of the two is larger.

    The interval is None where an arm has fewer than three runs, or no run of an arm differs from
    another.
    """

    mean: float
    interval: tuple[float, float] | None
    lead: Lead


def compare_ratio(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """The ratio of two geometric means of positive values, with its 95 % interval.

    The interval is Welch's (1947) on the logarithms, so that it does not depend on which of the two
    is the first.
    """
    difference = compare_runs(np.log(first).tolist(), np.log(second).tolist())
    interval = difference.interval
    if interval is not None:
        interval = float(np.exp(interval[0])), float(np.exp(interval[1]))
    return Ratio(float(np.exp(difference.mean)), interval, difference.lead)
