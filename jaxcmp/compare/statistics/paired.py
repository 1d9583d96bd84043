"""Two arms on the same images: intervals of shares, paired differences, and their p values."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from jaxcmp.compare.statistics.means import CONFIDENCE

# Shares of seeds are fractions of small whole numbers: what differs by less is rounding.
ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The mean of differences over images.

    The interval is None where one image shows no spread; the p value also where every image
    differs by the same amount other than zero, so that there is nothing to measure it against.
    """

    mean: float
    interval: tuple[float, float] | None
    p_value: float | None


@dataclasses.dataclass(frozen=True)
class McNemar:
    """How many images only the first, and only the second, of two runs answered right."""

    only_first: int
    only_second: int
    p_value: float


def wilson_interval(num_right: float, num: int) -> tuple[float, float]:
    """The 95 % interval of a share, which never leaves [0, 1] and never shrinks to a point.

    `num_right` of `num` images; it may be a mean over seeds, and so not whole. The interval is
    for the choice of images alone: it says nothing of the spread from seed to seed. Raises
    ValueError unless 0 <= num_right <= num and num >= 1. Source: Wilson 1927.
    """
    if num < 1 or not 0 <= num_right <= num:
        raise ValueError(f"{num_right} of {num} is no share")
    limits = proportion_confint(num_right, num, alpha=1 - CONFIDENCE, method="wilson")
    low, high = np.asarray(limits, np.float64).tolist()
    share = num_right / num
    # At the ends of the scale rounding can put a limit on the wrong side of the share.
    return min(low, share), max(high, share)


def paired_difference(differences: np.ndarray) -> PairedDifference:
    """The mean difference over images, its 95 % t-interval and the p value of no difference.

    `differences` [n] in [-1, 1], one an image: the share of the first arm's seeds that are right
    about it minus the second's. So all seeds count, and an image that is hard for both arms adds
    no noise. Where all images agree that there is no difference, p is 1. Raises ValueError if
    there is no image. Source: Student 1908.
    """
    values = np.asarray(differences, np.float64)
    if not len(values):
        raise ValueError("no images to compare on")
    mean = float(values.mean())
    if len(values) < 2:
        return PairedDifference(mean, None, None)
    if np.ptp(values) < ROUNDING:
        if abs(mean) < ROUNDING:
            return PairedDifference(0.0, (0.0, 0.0), 1.0)
        return PairedDifference(mean, (mean, mean), None)
    result = stats.ttest_1samp(values, 0.0)
    low, high = result.confidence_interval(CONFIDENCE)
    # Pyright does not see the fields of this named tuple, which scipy makes when it is imported.
    p_value = float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return PairedDifference(mean, (float(low), float(high)), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values, in their order, corrected so that the chance of any false alarm holds.

    They stay in [0, 1]; none becomes smaller. Source: Holm 1979.
    """
    if not len(p_values):
        return []
    return np.asarray(multipletests(p_values, method="holm")[1], np.float64).tolist()


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Whether two runs are right equally often, judged by the images on which only one is.

    `first` and `second` bool [n] say who was right about the same images. The p value is two-sided
    and exact, from the binomial distribution, however many images there are. It holds for these
    two runs: other seeds may differ. Raises ValueError if the lengths differ. Source: McNemar 1947.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape:
        raise ValueError(f"runs of {first.shape} and {second.shape} images are not paired")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    table = [
        [int((first & second).sum()), only_first],
        [only_second, int((~first & ~second).sum())],
    ]
    result = contingency_tables.mcnemar(table, exact=True)
    # Pyright does not see the fields of statsmodels' result, which are made when it is filled.
    p_value = float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return McNemar(only_first, only_second, p_value)
