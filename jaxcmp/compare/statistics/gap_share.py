"""The share of the gap between two arms that a third one closes."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize

from jaxcmp.compare.statistics.means import MIN_RUNS, Estimate, contrast, is_constant

# Farther from the estimate, in units of the whole gap, an interval says nothing.
FARTHEST = 100.0


def share_of_gap(
    behind: Sequence[float], between: Sequence[float], ahead: Sequence[float]
) -> Estimate:
    """Returns how much of the way from `behind` to `ahead` the mean of `between` is, 1 for all.

    The interval is Fieller's (1954), with a variance for each arm and Satterthwaite's degrees of
    freedom: all shares that a t-test of the contrast does not reject. It is None where an arm has
    fewer than three runs, no run differs from another, or the gap itself may be zero. Raises
    ZeroDivisionError where both ends are equal.
    """
    groups = (behind, between, ahead)
    low, middle, high = (float(np.mean(each)) for each in groups)
    if high == low:
        raise ZeroDivisionError("there is no gap to close")
    share = (middle - low) / (high - low)
    if min(map(len, groups)) < MIN_RUNS or all(map(is_constant, groups)):
        return Estimate(share)

    def rejected(candidate: float) -> float:
        """Above 0 where the t-test rejects that this is the share."""
        interval = contrast(groups, (candidate - 1, 1, -candidate)).interval
        return max(interval[0], -interval[1]) if interval else math.inf

    ends = [share - FARTHEST, share + FARTHEST]
    if rejected(share) >= 0 or min(map(rejected, ends)) <= 0:
        return Estimate(share)
    least, most = (optimize.root_scalar(rejected, bracket=(end, share)).root for end in ends)
    return Estimate(share, (least, most))
