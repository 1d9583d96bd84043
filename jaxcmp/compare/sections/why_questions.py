"""The questions of "Why": what is measured on changed images, and the gap of two arms in it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.inspected import InspectedArm, State, mean_over
from jaxcmp.compare.sections.why_figures import (
    centre_accuracy,
    is_near_chance,
    spread_over_places,
)
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, lead
from jaxcmp.compare.statistics.paired import holm
from jaxcmp.compare.words import CLEAR, UNCLEAR

# Of fewer classes a rank correlation is no hint.
MIN_CLASSES = 4


@dataclasses.dataclass(frozen=True)
class Question:
    """A number of an arm for each seed, in percent or points, and the words for it.

    `values` takes the state; `sentence` has places for both arms' names and numbers. `instead`
    says why two arms cannot be compared, "" where they can. The figure may be folded.
    """

    name: str
    values: Callable[[InspectedArm, State], list[float]]
    sentence: str
    instead: Callable[[InspectedArm, InspectedArm], str] = lambda first, second: ""
    is_folded: bool = False


@dataclasses.dataclass(frozen=True)
class Gap:
    """A question with the difference of two arms, the first minus the second, and its p value."""

    question: Question
    first: InspectedArm
    second: InspectedArm
    difference: Difference
    p_value: float | None

    @property
    def is_compared(self) -> bool:
        return not self.question.instead(self.first, self.second)

    @property
    def lead(self) -> Lead:
        return lead(self.difference.mean, self.p_value) if self.is_compared else Lead.UNKNOWN

    @property
    def sentence(self) -> str:
        if not self.is_compared:
            return self.question.instead(self.first, self.second)
        arms = (self.first, self.second)
        values = [float(np.mean(self.question.values(each, "trained"))) for each in arms]
        numbers = dict(zip("xy", (cells.two_digits(value) for value in values), strict=True))
        said = self.question.sentence.format(
            a=self.first.arm.name, b=self.second.arm.name, **numbers
        )
        return f"{said}: {self._apart()}."

    def _apart(self) -> str:
        size = f"{abs(self.difference.mean):.2f} points apart"
        if self.difference.interval is None or self.p_value is None:
            return f"{size} (too few seeds, or equal ones, for an interval)"
        bounds = self.difference.interval
        low, high = sorted(np.sign(self.difference.mean or 1) * bound for bound in bounds)
        surely = CLEAR if self.lead.is_real else UNCLEAR
        return (
            f"{size} (95 % interval {cells.two_digits(low)} to {cells.two_digits(high)} for this "
            f"question alone; {cells.say_p(self.p_value)} after Holm's correction for all "
            f"questions), {surely}"
        )


def questions_for(arm: InspectedArm) -> list[Question]:
    """Returns the questions in their order; distances are those of the inspected images."""
    side = arm.side
    distances = [d for d in arm.levels("shifts", "black") if d <= max(side / 8, 1)]
    tile = shuffled_tile(arm)
    kinds, num_places = arm.kinds("corruptions"), len(arm.levels("places", "place"))
    pixels = "1 pixel" if distances == [1] else f"{distances[0]} to {distances[-1]} pixels"
    return [
        Question(
            f"answers kept after shifts by {pixels}, %",
            lambda each, state: mean_over(
                [each.shares("shifts", "black", d, "kept", state) for d in distances]
            ),
            f"Shifted by {pixels} in eight directions, {{a}} keeps {{x}} % of its answers and "
            "{b} {y} %",
        ),
        Question(
            f"spread of the accuracy over {num_places} places, points",
            spread_over_places,
            "Where a smaller image is pasted changes the accuracy of {a} by {x} points (standard "
            f"deviation over {num_places} places) and of {{b}} by {{y}}",
            instead=_near_chance,
        ),
        Question(
            f"accuracy lost to shuffled tiles of {tile} pixels, points",
            lambda each, state: _loss(
                each, state, each.shares("arrangement", "tiles", tile, "right", state)
            ),
            f"Shuffled tiles of {tile} pixels cost {{a}} {{x}} points of accuracy and {{b}} {{y}}",
        ),
        Question(
            f"accuracy under {len(kinds)} corruptions, %",
            lambda each, state: mean_over(
                [
                    each.shares("corruptions", kind, level, "right", state)
                    for kind in kinds
                    for level in each.levels("corruptions", kind)
                ]
            ),
            f"Over {len(kinds)} corruptions at five severities, {{a}} is right in {{x}} % of cases "
            "and {b} in {y} %",
            is_folded=True,
        ),
    ]


def _near_chance(first: InspectedArm, second: InspectedArm) -> str:
    """Says where accuracies at the centre leave nothing that other places could take away."""
    low = [each.arm.name for each in (first, second) if is_near_chance(each)]
    if not low:
        return ""
    one, two = (f"{centre_accuracy(each):.1f} %" for each in (first, second))
    return (
        f"Pasted smaller at the centre, {first.arm.name} is right in {one} of cases and "
        f"{second.arm.name} in {two}, which is near chance ({first.chance:.1f} %) for "
        f"{' and '.join(low)}: what the place of an image changes cannot be compared."
    )


def shuffled_tile(arm: InspectedArm) -> int:
    """Returns the side of the tiles, in pixels, that is nearest to a quarter of the image's."""
    wanted = arm.side / 4
    return min(arm.levels("arrangement", "tiles"), key=lambda level: abs(level - wanted))


def _loss(arm: InspectedArm, state: State, after: Sequence[float]) -> list[float]:
    return [x - y for x, y in zip(arm.unchanged(state), after, strict=True)]


def find_gaps(
    questions: Sequence[Question], first: InspectedArm, second: InspectedArm
) -> list[Gap]:
    """Compares two arms on each question; Holm's correction is over these."""
    differences = [
        compare_runs(question.values(first, "trained"), question.values(second, "trained"))
        for question in questions
    ]
    known = [each.p_value for each in differences if each.p_value is not None]
    corrected = iter(holm(known))
    return [
        Gap(question, first, second, each, None if each.p_value is None else next(corrected))
        for question, each in zip(questions, differences, strict=True)
    ]


def class_correlation(
    leads: Mapping[int, float], first: InspectedArm, second: InspectedArm
) -> tuple[float, float, int] | None:
    """Returns the rank correlation of leads by class with what shuffled tiles cost, p and n.

    `leads` are those of the first arm, by the number of the class; the loss is the mean of both
    arms'. None where classes are too few, or all alike.
    """
    tile = shuffled_tile(first)
    losses = np.mean(
        [each.class_losses("arrangement", "tiles", tile) for each in (first, second)], axis=0
    )
    present = [c for c in leads if np.isfinite(losses[c])]
    if len(present) < MIN_CLASSES:
        return None
    own = [leads[c] for c in present]
    if np.ptp(own) == 0 or np.ptp(losses[present]) == 0:
        return None
    rho, p_value = (float(np.asarray(x)) for x in tuple(stats.spearmanr(own, losses[present])))
    return rho, p_value, len(present)
