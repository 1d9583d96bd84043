"""Statistics of two arms on the same images: intervals, paired differences and p values."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from jaxcmp.compare.statistics.means import (
    CONFIDENCE,
    ROUNDING,
    Estimate,
    clip,
    without_rounding,
)

# Where fewer images than these differ from all the others, a t-interval no longer holds what it
# should: its coverage is 85 % for five of a hundred.
FEW = 10
# Signs of so many images are turned one by one; of more, the normal distribution is near enough.
MAX_TURNED = 12


def wilson_interval(num_right: float, num: float) -> tuple[float, float]:
    """The 95 % interval of a share; it never leaves [0, 1] or shrinks to a point.

    `num_right` of `num` images, neither of which need be whole: see `share_interval`. The interval
    is for the choice of images alone: it says nothing of the spread from seed to seed. Raises
    ValueError unless 0 <= num_right <= num and num >= 1. Source: Wilson 1927.
    """
    if num < 1 or not 0 <= num_right <= num:
        raise ValueError(f"{num_right} of {num} is no share")
    limits = proportion_confint(num_right, num, alpha=1 - CONFIDENCE, method="wilson")
    low, high = np.asarray(limits, np.float64).tolist()
    share = num_right / num
    # At the ends of the scale rounding can put a limit on the wrong side of the share.
    return min(low, share), max(high, share)


def share_interval(num_right: np.ndarray, num_answers: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a share of answers, for the choice of images alone.

    `num_right` [n] of `num_answers` [n] are those of several runs to each image. Answers to one
    image are no independent sample: the images are. It is Wilson's interval for the number of
    answers that `num_independent` gives; with one answer to each image, it is Wilson's own. Raises
    ValueError without an answer. Source: Wilson 1927.
    """
    num = num_independent(num_right, num_answers)
    share = float(np.sum(num_right, dtype=np.float64) / np.sum(num_answers, dtype=np.float64))
    return wilson_interval(share * num, num)


def num_independent(num_right: np.ndarray, num_answers: np.ndarray) -> float:
    """Returns the number of independent answers that leave a share as uncertain as the images do.

    `num_right` [n] of `num_answers` [n] are those of several runs to each image. Where fewer than
    ten images differ from all the others, as where all answers are right, too few tell how
    uncertain it is, and each image counts once at most. Raises ValueError without an answer.
    Sources: Kish 1965, Korn and Graubard 1998.
    """
    right, answers = np.asarray(num_right, np.float64), np.asarray(num_answers, np.float64)
    total = float(answers.sum())
    if not total:
        raise ValueError("no answers, no share of them")
    share = float(right.sum()) / total
    # The variance of a ratio of sums over images, such as of the answers that fall into a bin.
    variance = float(((right - share * answers) ** 2).sum()) / total**2
    binomial, num_images = share * (1 - share), int((answers > 0).sum())
    num = min(binomial / variance, total) if variance else total
    if binomial == 0 or _num_apart(right[answers > 0] / answers[answers > 0]) < FEW:
        num = min(num, num_images)
    return num


def paired_difference(differences: np.ndarray) -> Estimate:
    """The mean difference over images, its 95 % interval and the p value of no difference.

    `differences` [n] in [-1, 1], one an image: the share of the first arm's seeds that are right
    about it minus the second's. So all seeds count, and an image that is hard for both arms adds
    no noise. It is a t-interval and a t test, unless nearly all images agree: where most differ by
    one amount and fewer than ten by another, the interval counts one more image for each arm, which
    it alone is right about. The p value is then the larger of that interval's and of the one from
    turning the signs at random, which for one seed is McNemar's exact test. Raises ValueError if
    there is no image. Sources: Student 1908; Bonett and Price 2012; Fisher 1935.
    """
    values = np.asarray(differences, np.float64)
    if not len(values):
        raise ValueError("no images to compare on")
    mean = without_rounding(float(values.mean()), [1.0])
    if len(values) < 2:
        return Estimate(mean)
    if _num_apart(values) < FEW:
        return _few_apart(values, mean)
    result = stats.ttest_1samp(values, 0.0)
    low, high = result.confidence_interval(CONFIDENCE)
    # Pyright does not see the fields of this named tuple, which scipy makes when it is imported.
    p_value = float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Estimate(mean, clip((float(low), float(high)), -1.0, 1.0), p_value)


def _num_apart(values: np.ndarray) -> float:
    """Counts the values beside the most frequent one; infinite if that is not the majority."""
    # What differs by rounding is one amount.
    most = int(np.unique(np.round(values, 9), return_counts=True)[1].max())
    return len(values) - most if 2 * most >= len(values) else math.inf


def _few_apart(values: np.ndarray, mean: float) -> Estimate:
    test = stats.ttest_1samp(np.append(values, [1.0, -1.0]), 0.0)
    low, high = test.confidence_interval(CONFIDENCE)
    # Either of the two may be quicker to find that there is a difference.
    of_interval = float(test.pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    p_value = max(_sign_turning(values), of_interval)
    if p_value >= 1 - CONFIDENCE:
        low, high = min(low, 0.0), max(high, 0.0)
    interval = float(min(low, mean)), float(max(high, mean))
    return Estimate(mean, clip(interval, -1.0, 1.0), p_value)


def _sign_turning(values: np.ndarray) -> float:
    """Returns the probability of a sum as far from zero, were the sign of each image random."""
    told = values[np.abs(values) > ROUNDING]
    if not len(told):
        return 1.0
    if len(told) > MAX_TURNED:
        return float(2 * stats.norm.sf(abs(told.sum()) / math.sqrt((told**2).sum())))
    turns = np.array(list(itertools.product((-1, 1), repeat=len(told))))
    sums = np.abs(turns @ told)
    return float((sums >= abs(told.sum()) - 1e-9).mean())


def holm(found: Sequence[Estimate]) -> list[Estimate]:
    """Corrects the p values that are known, so that the chance of any false alarm holds.

    They stay in [0, 1]; none becomes smaller. One that is not known stays None and makes the others
    no larger. Source: Holm 1979. Statsmodels' own collects all garbage at every call: a tenth of a
    second, 15 times a report and more.
    """
    known = [each.p_value for each in found if each.p_value is not None]
    ascending = np.argsort(known)
    factors = np.arange(len(known), 0, -1)
    corrected = np.empty(len(known))
    corrected[ascending] = np.maximum.accumulate(np.take(known, ascending) * factors)
    p_values = iter(np.minimum(corrected, 1.0).tolist())
    return [
        each if each.p_value is None else dataclasses.replace(each, p_value=next(p_values))
        for each in found
    ]
