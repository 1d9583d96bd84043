"""The questions of "Why": what is measured on changed images, and the gap of two arms in it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.inspected import InspectedArm, State, mean_over
from jaxcmp.compare.sections import differences
from jaxcmp.compare.sections.why_figures import (
    centre_accuracy,
    is_near_chance,
    spread_over_places,
    under_corruption,
)
from jaxcmp.compare.statistics.means import Difference, compare_runs

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
    """A question with the difference of two arms, the first minus the second, with its p by Holm.

    `difference` is None, and the sentence says why, where the two cannot be compared.
    """

    question: Question
    arms: tuple[InspectedArm, InspectedArm]
    difference: Difference | None
    sentence: str


def questions_for(arm: InspectedArm) -> list[Question]:
    """Returns the questions in their order; distances are those of the inspected images."""
    distances = [d for d in arm.levels("shifts", "black") if d <= max(arm.side / 8, 1)]
    tile = shuffled_tile(arm)
    kinds, num_places = arm.kinds("corruptions"), len(arm.levels("places", "place"))
    pixels = "1 pixel" if distances == [1] else f"{distances[0]} to {distances[-1]} pixels"

    def kept(each: InspectedArm, state: State) -> list[float]:
        return mean_over([each.shares("shifts", "black", d, "kept", state) for d in distances])

    def lost(each: InspectedArm, state: State) -> list[float]:
        after = each.shares("arrangement", "tiles", tile, "right", state)
        return [x - y for x, y in zip(each.unchanged(state), after, strict=True)]

    def spoiled(each: InspectedArm, state: State) -> list[float]:
        return mean_over([under_corruption(each, kind, state) for kind in kinds])

    return [
        Question(
            f"answers kept after shifts by {pixels}, %",
            kept,
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
            lost,
            f"Shuffled tiles of {tile} pixels cost {{a}} {{x}} points of accuracy and {{b}} {{y}}",
        ),
        Question(
            f"accuracy under {len(kinds)} corruptions, %",
            spoiled,
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


def find_gaps(
    questions: Sequence[Question], first: InspectedArm, second: InspectedArm
) -> list[Gap]:
    """Compares two arms on each question; Holm's correction is over these."""
    values = [[each.values(arm, "trained") for arm in (first, second)] for each in questions]
    found = differences.corrected([compare_runs(*pair) for pair in values])
    gaps = []
    for question, pair, difference in zip(questions, values, found, strict=True):
        if instead := question.instead(first, second):
            gaps.append(Gap(question, (first, second), None, instead))
            continue
        x, y = (cells.two_digits(float(np.mean(each))) for each in pair)
        said = question.sentence.format(a=first.arm.name, b=second.arm.name, x=x, y=y)
        apart = differences.in_words(difference, "points apart", of="question, questions")
        surely = f", {differences.surely(difference)}" if difference.interval else ""
        gaps.append(Gap(question, (first, second), difference, f"{said}: {apart}{surely}."))
    return gaps


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
    own = [leads[c] for c in present]
    if len(present) < MIN_CLASSES or np.ptp(own) == 0 or np.ptp(losses[present]) == 0:
        return None
    rho, p_value = (float(np.asarray(x)) for x in tuple(stats.spearmanr(own, losses[present])))
    return rho, p_value, len(present)
