"""Intervals of a mean over seeds, and of a difference of two such means."""

import dataclasses
import enum
import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
# Of fewer runs each is shown: their t-interval would be wider than what it is about.
MIN_RUNS = 3
# Accuracies are counts over at most some millions of answers: means that differ by less than this
# are of equal counts, and differ only because sums of fractions are rounded.
ROUNDING = 1e-12


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
    """A mean over `num` independent runs, with its interval.

    The interval is None where there are fewer than three runs, or none differs from another: they
    show no spread.
    """

    mean: float
    interval: tuple[float, float] | None
    num: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first mean minus the second; exactly 0 where they differ by rounding alone.

    Interval and p value are None where an arm has too few runs; the interval also where no run of
    an arm differs from another, so that there is no spread to measure the difference against.
    """

    mean: float
    interval: tuple[float, float] | None
    p_value: float | None

    @property
    def lead(self) -> Lead:
        return lead(self.mean, self.p_value)


def lead(difference: float, p_value: float | None) -> Lead:
    """Returns which of two is ahead, by their difference and its (corrected) p value.

    A lead is real where the p value is below 5 %, which is where the 95 % interval of the same test
    leaves zero outside. To claim several leads at once, as of "A leads here and B there", each of
    them has to be real, which keeps the error of the whole claim at 5 % (Berger 1982).
    """
    if abs(difference) <= ROUNDING:
        return Lead.TIE
    if p_value is None or not p_value < 1 - CONFIDENCE:
        return Lead.UNKNOWN
    return Lead.FIRST if difference > 0 else Lead.SECOND


def estimate_mean(values: Sequence[float], *, most: float = math.inf) -> Estimate:
    """The mean with its 95 % t-interval, for runs that are independent and roughly normal.

    Where `most` is finite, values are shares in [0, most], and so are the ends of the interval.
    """
    mean = float(np.mean(values))
    if len(values) < MIN_RUNS or is_constant(values):
        return Estimate(mean, None, len(values))
    low, high = stats.t.interval(
        CONFIDENCE, df=len(values) - 1, loc=mean, scale=stats.sem(values, ddof=1)
    )
    least = -math.inf if math.isinf(most) else 0.0
    return Estimate(mean, clip((float(low), float(high)), least, most), len(values))


def compare_means(
    first: Sequence[float], second: Sequence[float], *, most: float = math.inf
) -> Difference:
    """The difference of two means, its 95 % interval and p value without assuming equal variances.

    Where no run of either arm differs from another, the p value is that of the permutation test.
    Where values are shares in [0, most], the interval lies in [-most, most]. Sources: Welch 1947,
    Pitman 1937.
    """
    mean = without_rounding(float(np.mean(first) - np.mean(second)), [*first, *second])
    if min(len(first), len(second)) < 2:
        return Difference(mean, None, None)
    if is_constant(first) and is_constant(second):
        # Of all ways to share the runs out, two keep the arms as far apart as they are.
        num_ways = math.comb(len(first) + len(second), len(first))
        return Difference(mean, None, min(1.0, 2 / num_ways) if mean else 1.0)
    with warnings.catch_warnings():
        # Seeds of one arm that agree to the last digit are no error: their variance is zero.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.ttest_ind(first, second, equal_var=False)
        low, high = result.confidence_interval(CONFIDENCE)
    # Pyright does not see the fields of this named tuple, which scipy makes when it is imported.
    p_value = float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Difference(mean, clip((float(low), float(high)), -most, most), p_value)


def compare_runs(
    first: Sequence[float], second: Sequence[float], *, most: float = math.inf
) -> Difference:
    """Compares like `compare_means`, but gives the difference alone for fewer than three runs."""
    return without_few(compare_means(first, second, most=most), first, second)


def without_few(difference: Difference, *arms: Sequence[float]) -> Difference:
    """The difference alone where an arm has fewer than three runs, which do not show their spread.

    Two runs that happen to lie close together would make any difference look sure.
    """
    is_few = min(map(len, arms)) < MIN_RUNS
    return Difference(difference.mean, None, None) if is_few else difference


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
