"""How far a mean over seeds can be trusted, and a difference of two such means."""

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over `num` independent runs; the interval is None where one run shows no spread."""

    mean: float
    interval: tuple[float, float] | None
    num: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first mean minus the second.

    The interval is None where an arm has one run only; the p value also where no run of an arm
    differs from another, so that there is nothing to measure the difference against.
    """

    mean: float
    interval: tuple[float, float] | None
    p_value: float | None


def estimate_mean(values: Sequence[float]) -> Estimate:
    """The mean with its 95 % t-interval, for runs that are independent and roughly normal."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, None, len(values))
    if _is_constant(values):
        return Estimate(mean, (mean, mean), len(values))
    low, high = stats.t.interval(
        CONFIDENCE, df=len(values) - 1, loc=mean, scale=stats.sem(values, ddof=1)
    )
    return Estimate(mean, (float(low), float(high)), len(values))


def compare_means(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The difference of two means, its 95 % interval and p value without assuming equal variances.

    Source: Welch 1947.
    """
    mean = float(np.mean(first) - np.mean(second))
    if min(len(first), len(second)) < 2:
        return Difference(mean, None, None)
    if _is_constant(first) and _is_constant(second):
        return Difference(mean, (mean, mean), None)
    with warnings.catch_warnings():
        # Seeds of one arm that agree to the last digit are no error: their variance is zero.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.ttest_ind(first, second, equal_var=False)
        low, high = result.confidence_interval(CONFIDENCE)
    # Pyright does not see the fields of this named tuple, which scipy makes when it is imported.
    p_value = float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Difference(mean, (float(low), float(high)), p_value)


def _is_constant(values: Sequence[float]) -> bool:
    return min(values) == max(values)
