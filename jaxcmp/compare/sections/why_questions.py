"""The questions of "Why": what is measured on changed images, the gap of two arms, a figure."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import structs
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.document import Axis, Figure, Heatmap, Plot, Series, Style
from jaxcmp.compare.inspected import InspectedArm, State, mean_over
from jaxcmp.compare.sections.over_seeds import over_seeds, sideways
from jaxcmp.compare.statistics.means import Estimate, compare_runs
from jaxcmp.compare.statistics.paired import holm

# Of fewer classes a rank correlation is no hint.
MIN_CLASSES = 4
ANSWERS, ACCURACY = Axis("answers kept, %"), Axis("accuracy, %")
UNTRAINED = (
    "Dashed: the same models untrained, which give most images one answer, whatever is done "
    "to them."
)
FLOOR = 0.25
# The values of an arm at a place, one a seed, in percent.
Values = Callable[[InspectedArm, int, State], list[float]]


@dataclasses.dataclass(frozen=True)
class Question:
    """A number of an arm for each seed, in percent or points, and the words for it.

    `values` takes the state; `sentence` has places for both arms' names and numbers. `instead`
    says why two arms cannot be compared, "" where they can. The `figure` may be folded.
    """

    name: str
    values: Callable[[InspectedArm, State], list[float]]
    sentence: str
    figure: Callable[[Sequence[InspectedArm]], Figure]
    instead: Callable[[InspectedArm, InspectedArm], str] = lambda first, second: ""
    is_folded: bool = False


@dataclasses.dataclass(frozen=True)
class Gap:
    """A question with the difference of two arms, the first minus the second, with its p by Holm.

    `difference` is None, and the sentence says why, where the two cannot be compared.
    """

    question: Question
    arms: tuple[InspectedArm, InspectedArm]
    difference: Estimate | None
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
        after = mean_over([under_corruption(each, kind, state) for kind in kinds])
        return [x - y for x, y in zip(each.unchanged(state), after, strict=True)]

    return [
        Question(
            f"answers kept after shifts by {pixels}, %",
            kept,
            f"Shifted by {pixels} in eight directions, {{a}} keeps {{x}} % of its answers and "
            "{b} {y} %",
            _shifts,
        ),
        Question(
            f"spread of the accuracy over {num_places} places, points",
            spread_over_places,
            f"Over {num_places} places of a smaller, pasted image, the accuracy of {{a}} has a "
            "standard deviation of {x} points and that of {b} one of {y}",
            _places,
            instead=_near_chance,
        ),
        Question(
            f"accuracy lost to shuffled tiles of {tile} pixels, points",
            lost,
            f"Shuffled tiles of {tile} pixels cost {{a}} {{x}} points of accuracy and {{b}} {{y}}",
            _arrangement,
        ),
        Question(
            f"accuracy lost to {len(kinds)} corruptions, points",
            spoiled,
            f"Corrupted in {len(kinds)} ways at five severities (noise, blur and others), {{a}} "
            "loses {x} points of accuracy and {b} {y}",
            _corruptions,
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
        f"{second.arm.name} in {two}. That is near chance for {' and '.join(low)}, as the largest "
        f"class has {first.chance:.1f} % of the images: the effect of an image's place cannot be "
        "compared."
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
    found = holm([compare_runs(*pair, most=100) for pair in values])
    gaps = []
    for question, pair, difference in zip(questions, values, found, strict=True):
        if instead := question.instead(first, second):
            gaps.append(Gap(question, (first, second), None, instead))
            continue
        x, y = (cells.decimals(float(np.mean(each))) for each in pair)
        said = question.sentence.format(a=first.arm.name, b=second.arm.name, x=x, y=y)
        apart = cells.in_words(difference, "points apart", of="questions")
        sentence = f"{said}: {apart}{cells.surely(difference)}."
        gaps.append(Gap(question, (first, second), difference, sentence))
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


def lines(
    arm: InspectedArm, levels: Sequence[int], values: Values, style: Style = "thick"
) -> list[Series]:
    """The seeds' mean with its interval, and dashed that of the untrained models."""
    x, own = [float(level) for level in levels], arm.arm
    trained = [values(arm, level, "trained") for level in levels]
    initial = [float(np.mean(values(arm, level, "initial"))) for level in levels]
    name = f"{own.name}, untrained"
    dashed = Series(name, x, list(initial), "dashed", own.index, runs=own.runs)
    return [*over_seeds(own.name, x, trained, style, own.index, own.runs), dashed]


def _shifts(arms: Sequence[InspectedArm]) -> Figure:
    panels, paddings = [], []
    for kind, title in (("black", "Shifted, black behind"), ("circular", "Shifted in a circle")):
        levels = arms[0].levels("shifts", kind)

        def kept(each: InspectedArm, level: int, state: State, kind: str = kind) -> list[float]:
            return each.shares("shifts", kind, level, "kept", state)

        series = [line for each in arms for line in lines(each, levels, kept)]
        # As far as the arms' random crops shift, where the figure reaches that far.
        crops = {int(each.arm.config["augment"].get("crop_padding", 0)) for each in arms}
        paddings = sorted(padding for padding in crops if 0 < padding <= max(levels))
        for padding in paddings:
            ends = [float(padding)] * 2
            series.append(Series("trained up to here", ends, [0.0, 100.0], "reference"))
        panels.append(Plot(title, Axis("shift, pixels"), ANSWERS, series))
    reach = "Dotted: as far as crops shift in training. " if paddings else ""
    return Figure(
        "why-shifts",
        panels,
        "Share of the test images that keep their answer when they are shifted, mean over eight "
        "directions and seeds, with 95 % t-intervals. In the first panel the uncovered border is "
        f"black, as in random crops. {reach}{UNTRAINED} A shift by a whole patch leaves a ViT the "
        "same patches at other positions (Gunasekar 2022; Azulay and Weiss 2019).",
        "Share of answers kept against the shift in pixels.",
    )


def spread_over_places(arm: InspectedArm, state: State) -> list[float]:
    """Returns the standard deviation over places of each seed's accuracy, in points."""
    return _grid(arm, state).std(axis=(1, 2)).tolist()


def centre_accuracy(arm: InspectedArm) -> float:
    """Returns the accuracy on small images pasted at the centre, mean over seeds, in percent."""
    grid = _grid(arm).mean(axis=0)
    return float(grid[len(grid) // 2, len(grid) // 2])


def is_near_chance(arm: InspectedArm) -> bool:
    """Returns whether places tell nothing of an arm: it hardly recognises the small images.

    That is where it lies above chance by less than a share of what the unchanged images give.
    """
    above = float(np.mean(arm.unchanged())) - arm.chance
    return centre_accuracy(arm) - arm.chance < FLOOR * above


def _grid(arm: InspectedArm, state: State = "trained") -> np.ndarray:
    """The accuracy by place of each seed, [seeds, rows, columns], in percent."""
    levels = arm.levels("places", "place")
    shares = [arm.shares("places", "place", level, "right", state) for level in levels]
    num = round(len(levels) ** 0.5)
    return np.array(shares).T.reshape(-1, num, num)


def _places(arms: Sequence[InspectedArm]) -> Figure:
    panels = []
    for each in arms:
        grid, centre = _grid(each).mean(axis=0), centre_accuracy(each)
        names = [str(i - len(grid) // 2).replace("-", "−") for i in range(len(grid))]
        title = f"{each.arm.name}: {centre:.1f} % at the centre"
        labels = ("place, from the centre down", "place, to the right", names, names)
        values = (grid - centre).tolist()
        panels.append(Heatmap(title, *labels, values, "points", True, each.arm.runs))
    low = " and ".join(each.arm.name for each in arms if is_near_chance(each))
    floor = (
        f" A map says nothing where accuracy at the centre is near chance, as that of {low}: above "
        "the share of the largest class by less than a quarter of what unchanged images give."
    )
    return Figure(
        "why-places",
        panels,
        "Each test image, at five eighths of its size, pasted on black at a grid of places: "
        "accuracy minus that at the centre, mean over seeds. A ViT's pattern can come from "
        f"its patches, which cut the image differently at each place.{floor if low else ''}",
        "Accuracy by the place of the image, relative to the centre, for each arm.",
    )


def _arrangement(arms: Sequence[InspectedArm]) -> Figure:
    panels = []
    for kind, title, label in (
        ("tiles", "Tiles shuffled", "side of a tile, pixels"),
        ("low-pass", "Low frequencies alone", "highest frequency, cycles per image"),
        ("high-pass", "High frequencies alone", "frequencies above, cycles per image"),
    ):
        levels = sorted(arms[0].levels("arrangement", kind))

        def right(each: InspectedArm, level: int, state: State, kind: str = kind) -> list[float]:
            return each.shares("arrangement", kind, level, "right", state)

        places = [float(place) for place in range(len(levels))]
        found = [line for each in arms for line in lines(each, levels, right)]
        axis = Axis(label, "category", [str(level) for level in levels])
        series = [structs.replace(line, x=places) for line in found]
        panels.append(Plot(title, axis, ACCURACY, series))
    return Figure(
        "why-arrangement",
        panels,
        "Accuracy where square tiles are put in another order (mean over three permutations), and "
        "where only low or only high frequencies are left (sharp circles in the Fourier plane, "
        f"Wang et al. 2020); mean over seeds with 95 % t-intervals. {UNTRAINED}",
        "Accuracy against the size of shuffled tiles, and after low-pass and high-pass filters.",
    )


def under_corruption(arm: InspectedArm, kind: str, state: State) -> list[float]:
    """Returns each seed's accuracy under a corruption, mean over its severities, in percent."""
    levels = arm.levels("corruptions", kind)
    return mean_over([arm.shares("corruptions", kind, x, "right", state) for x in levels])


def _corruptions(arms: Sequence[InspectedArm]) -> Figure:
    kinds = arms[0].kinds("corruptions")
    order = sorted(kinds, key=lambda kind: -np.mean(under_corruption(arms[0], kind, "trained")))

    def right(arm: InspectedArm, place: int, state: State) -> list[float]:
        return under_corruption(arm, order[place], state)

    series: list[Series] = []
    for each in arms:
        *points, untrained = lines(each, range(len(order)), right, "points")
        mean = [float(np.mean(np.array(untrained.y, np.float64)))] * len(order)
        series += sideways(points)
        series.append(structs.replace(untrained, x=mean, y=untrained.x))
    return Figure(
        "why-corruptions",
        [Plot("Accuracy under corruptions", ACCURACY, Axis("", "category", order), series)],
        f"{len(order)} of the 19 corruptions of CIFAR-10-C with its parameters (Hendrycks and "
        "Dietterich 2019): those that need no other files or programs. Mean over five severities "
        f"and seeds, with 95 % t-intervals. {UNTRAINED}",
        "Accuracy of each arm under each corruption.",
    )
