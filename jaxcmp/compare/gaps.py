"""The gap of two arms on the same images: over seeds, over images, and as one of many gaps."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from jaxcmp.compare.arms import Arm, by_accuracy
from jaxcmp.compare.statistics.means import Estimate, Lead, compare_runs
from jaxcmp.compare.statistics.paired import holm, paired_difference


@dataclasses.dataclass(frozen=True)
class Gap:
    """The accuracy of one arm minus that of another, in points.

    `over_seeds` is Welch's comparison, and `corrected` the same with its p value corrected for all
    gaps beside which this one stands; `over_images` is that of the trained models, paired over the
    images.
    """

    first: Arm
    second: Arm
    over_seeds: Estimate
    over_images: Estimate
    corrected: Estimate

    @property
    def runs(self) -> list[int]:
        return self.first.runs + self.second.runs

    @property
    def lead(self) -> Lead:
        return self.corrected.lead


def gaps(pairs: Iterable[tuple[Arm, Arm]]) -> list[Gap]:
    """Compares the arms of each pair; Holm's correction is over all pairs."""
    pairs = list(pairs)
    over_seeds = [compare_runs(one.percents, two.percents, most=100) for one, two in pairs]
    return [
        Gap(one, two, found, _over_images(one, two), corrected)
        for (one, two), found, corrected in zip(pairs, over_seeds, holm(over_seeds), strict=True)
    ]


def gap(first: Arm, second: Arm) -> Gap:
    (found,) = gaps([(first, second)])
    return found


def every_gap(arms: Sequence[Arm]) -> list[Gap]:
    """Compares every two of the arms, the more accurate first."""
    return gaps(by_accuracy(*pair) for pair in itertools.combinations(arms, 2))


def _over_images(first: Arm, second: Arm) -> Estimate:
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    return paired_difference(difference).times(100)
