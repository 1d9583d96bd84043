"""Intervals of a ratio of two arms, such as that of their times."""

import math
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.statistics.means import Estimate, compare_runs


def compare_ratio(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The ratio of two geometric means of positive values, with its 95 % interval.

    The interval is Welch's (1947) on the logarithms, so that it does not depend on which of the two
    is the first.
    """
    found = compare_runs(np.log(first).tolist(), np.log(second).tolist())
    interval = found.interval and (math.exp(found.interval[0]), math.exp(found.interval[1]))
    return Estimate(math.exp(found.mean), interval, found.p_value, null=1.0)
