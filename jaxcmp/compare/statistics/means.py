"""Intervals of a mean over seeds, of a difference or ratio of two, and of one further run."""

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy import optimize, stats

CONFIDENCE = 0.95
# Of fewer runs each is shown: their t-interval would be wider than what it is about.
MIN_RUNS = 3
# Accuracies are counts over at most some millions of answers: means that differ by less than this
# are of equal counts, and differ only because sums of fractions are rounded.
ROUNDING = 1e-12
# Farther from the estimate, in units of the whole gap, an interval of a share says nothing.
FARTHEST = 100.0


class Lead(enum.Enum):
    """The lead of one of two arms: the only ground on which a sentence says "ahead".

    TIE is an equal measurement, up to rounding. UNKNOWN is a difference that chance alone can
    explain, or one whose spread is not known.
    """

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    UNKNOWN = "unknown"

    @property
    def is_real(self) -> bool:
        return self in (Lead.FIRST, Lead.SECOND)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean, a difference or a ratio, with its 95 % interval and the p value of `null`.

    `null` is the value of no difference, which is 1 for a ratio; what differs from it by rounding
    alone is exactly that. Interval and p value are None where there are too few runs; the interval
    also where no run of any arm differs from another, so that there is no spread to measure by.
    """

    mean: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    null: float = 0.0

    @property
    def lead(self) -> Lead:
        """Returns which of two is ahead, by their difference and its (corrected) p value.

        A lead is real where the p value is below 5 %, which is where the 95 % interval of the same
        test leaves zero outside. To claim several leads at once, as of "A leads here and B there",
        each of them has to be real, which keeps the error of the whole claim at 5 % (Berger 1982).
        """
        difference = self.mean - self.null
        if abs(difference) <= ROUNDING:
            return Lead.TIE
        if self.p_value is None or not self.p_value < 1 - CONFIDENCE:
            return Lead.UNKNOWN
        return Lead.FIRST if difference > 0 else Lead.SECOND

    def times(self, factor: float) -> Self:
        """Returns the same in another unit; of -1, the second minus the first."""
        interval = self.interval
        if interval is not None:
            low, high = sorted(factor * end for end in interval)
            interval = low, high
        return dataclasses.replace(self, mean=factor * self.mean, interval=interval)


def estimate_mean(values: Sequence[float], *, most: float = math.inf) -> Estimate:
    """The mean with its 95 % t-interval, for runs that are independent and roughly normal.

    Where `most` is finite, values are shares in [0, most], and so are the ends of the interval.
    """
    return contrast((values,), (1,), most=most)


def contrast(
    cells: Sequence[Sequence[float]], weights: Sequence[float], *, most: float = math.inf
) -> Estimate:
    """A weighted sum of the means of independent cells, with its 95 % interval and p value.

    Each cell has its own variance, and the degrees of freedom are Satterthwaite's: of two cells
    with the weights 1 and -1 this is Welch's test, of one cell Student's. Models differ in how much
    their seeds vary, and with a few seeds a test for that finds nothing, so that nothing is gained
    by asking it first (Zimmerman 2004). Interval and p value are None where a cell has fewer than
    three runs: two that happen to lie close together would make any difference look sure. They are
    None too where runs differ in no cell. Where runs are shares in [0, most], the interval holds
    nothing that such a sum cannot be. Raises ValueError unless there is a weight for each cell, and
    a run in it. Sources: Student 1908, Welch 1947, Satterthwaite 1946.
    """
    if not all(len(cell) for cell in cells):
        raise ValueError("a cell has no run")
    mean = sum(w * float(np.mean(cell)) for w, cell in zip(weights, cells, strict=True))
    mean = without_rounding(mean, [run for cell in cells for run in cell])
    spread = _spread(cells, [w**2 / len(cell) for w, cell in zip(weights, cells, strict=True)])
    if spread is None:
        return Estimate(mean)
    error, freedom = spread
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    interval = _possible((mean - half, mean + half), weights, most)
    return Estimate(mean, interval, float(2 * stats.t.sf(abs(mean) / error, freedom)))


def prediction_interval(
    cells: Sequence[Sequence[float]],
    weights: Sequence[float],
    *,
    confidence: float = CONFIDENCE,
    most: float = math.inf,
) -> tuple[float, float] | None:
    """The interval for a weighted sum of one further run of each cell, by default of 95 %.

    A further run lies as far from the true mean as any other, and the mean of those that there are
    is not the true one: of a cell with n runs, the variance of their difference is s² (1 + 1 / n).
    Degrees of freedom, `most` and where it is None are as of `contrast`. Sources: Hahn and Meeker
    1991, Satterthwaite 1946.
    """
    mean = sum(w * float(np.mean(cell)) for w, cell in zip(weights, cells, strict=True))
    factors = [w**2 * (1 + 1 / len(cell)) for w, cell in zip(weights, cells, strict=True)]
    spread = _spread(cells, factors)
    if spread is None:
        return None
    error, freedom = spread
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    return _possible((mean - half, mean + half), weights, most)


def _spread(
    cells: Sequence[Sequence[float]], factors: Sequence[float]
) -> tuple[float, float] | None:
    """The root of the sum of the cells' variances times `factors`, and its degrees of freedom."""
    parts = [factor * _variance(cell) for factor, cell in zip(factors, cells, strict=True)]
    variance = sum(parts)
    if min(map(len, cells)) < MIN_RUNS or not variance:
        return None
    freedom = variance**2 / sum(p**2 / (len(c) - 1) for p, c in zip(parts, cells, strict=True))
    return math.sqrt(variance), freedom


def _possible(
    interval: tuple[float, float], weights: Sequence[float], most: float
) -> tuple[float, float]:
    """Cuts off what a weighted sum of shares in [0, most] cannot be."""
    if not math.isfinite(most):
        return interval
    least, greatest = (sum(w for w in weights if w * sign > 0) for sign in (-1, 1))
    return clip(interval, most * least, most * greatest)


def compare_runs(
    first: Sequence[float], second: Sequence[float], *, most: float = math.inf
) -> Estimate:
    """The difference of two means, as `contrast` gives it: Welch's test.

    Where no run of either arm differs from another, the p value is that of the permutation test
    (Pitman 1937).
    """
    difference = contrast((first, second), (1, -1), most=most)
    is_few = min(len(first), len(second)) < MIN_RUNS
    if is_few or not (is_constant(first) and is_constant(second)):
        return difference
    # Of all ways to share the runs out, one keeps the arms as far apart on the side where they are;
    # a p value of both sides is twice that.
    num_ways = math.comb(len(first) + len(second), len(first))
    p_value = min(1.0, 2 / num_ways) if difference.mean else 1.0
    return Estimate(difference.mean, None, p_value)


def compare_ratio(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The ratio of two geometric means of positive values, with its 95 % interval.

    The interval is Welch's (1947) on the logarithms, so that it does not depend on which of the two
    is the first.
    """
    found = compare_runs(np.log(first).tolist(), np.log(second).tolist())
    interval = found.interval and (math.exp(found.interval[0]), math.exp(found.interval[1]))
    return Estimate(math.exp(found.mean), interval, found.p_value, null=1.0)


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


def without_rounding(difference: float, values: Sequence[float]) -> float:
    """Exactly 0 for a difference of means of `values` that rounding alone explains."""
    size = max(1.0, float(np.max(np.abs(values))))
    return 0.0 if abs(difference) <= ROUNDING * size else difference


def clip(interval: tuple[float, float], least: float, most: float) -> tuple[float, float]:
    low, high = interval
    return max(low, least), min(high, most)


def is_constant(values: Sequence[float]) -> bool:
    """Returns whether all are equal, up to rounding."""
    return without_rounding(max(values) - min(values), values) == 0


def _variance(values: Sequence[float]) -> float:
    """Exactly zero where runs agree: their mean may differ from them in the last digit."""
    return 0.0 if is_constant(values) else float(np.var(values, ddof=1))
