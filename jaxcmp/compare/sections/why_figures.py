"""The figures of the section "Why", one for each question."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import structs

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Axis, Figure, Heatmap, Plot, Series
from jaxcmp.compare.inspected import InspectedArm, State, mean_over
from jaxcmp.compare.sections.over_seeds import over_seeds

ANSWERS, ACCURACY = Axis("answers kept, %"), Axis("accuracy, %")
UNTRAINED = "Dashed: the same models untrained."
FLOOR = 0.25
# The values of an arm at a level, one a seed, in percent.
Values = Callable[[InspectedArm, int, State], list[float]]


def figures(group: Group, arms: Sequence[InspectedArm]) -> list[Figure]:
    """Draws shifts, places, arrangement and corruptions, in this order."""
    return [_shifts(arms), _places(arms), _arrangement(arms), _corruptions(arms)]


def _shifts(arms: Sequence[InspectedArm]) -> Figure:
    panels, paddings = [], []
    for kind, title in (("black", "Shifted, black behind"), ("circular", "Shifted in a circle")):
        levels = arms[0].levels("shifts", kind)

        def kept(each: InspectedArm, level: int, state: State, kind: str = kind) -> list[float]:
            return each.shares("shifts", kind, level, "kept", state)

        series = _lines(arms, levels, kept)
        paddings = _crop_paddings(arms, max(levels))
        for padding in paddings:
            ends = [float(padding)] * 2
            series.append(Series("trained up to here", ends, [0.0, 100.0], "reference"))
        panels.append(Plot(title, Axis("shift, pixels"), ANSWERS, series))
    reach = "Dotted: as far as crops shift in training. " if paddings else ""
    return Figure(
        "why-shifts",
        panels,
        "Share of the test images that keep their answer when they are shifted, mean over eight "
        "directions and seeds, with 95 % t-intervals. In the first panel the gap is black, as "
        f"random crops leave it. {reach}{UNTRAINED} A shift by a whole patch leaves a ViT the same "
        "patches at other positions (Gunasekar 2022; Azulay and Weiss 2019).",
        "Share of answers kept against the shift in pixels.",
    )


def _crop_paddings(arms: Sequence[InspectedArm], longest: int) -> list[int]:
    """Returns by how many pixels the arms' random crops shift, as far as the figure reaches."""
    paddings = {int(each.arm.config["augment"].get("crop_padding", 0)) for each in arms}
    return sorted(padding for padding in paddings if 0 < padding <= longest)


def _lines(arms: Sequence[InspectedArm], levels: Sequence[int], values: Values) -> list[Series]:
    """The seeds' mean of each arm with its interval, and dashed that of the untrained models."""
    series: list[Series] = []
    for each in arms:
        x, arm = [float(level) for level in levels], each.arm
        trained = [values(each, level, "trained") for level in levels]
        series += over_seeds(arm.name, x, trained, "thick", arm.index, arm.runs)
        initial = [float(np.mean(values(each, level, "initial"))) for level in levels]
        name = f"{arm.name}, untrained"
        series.append(Series(name, x, list(initial), "dashed", arm.index, runs=arm.runs))
    return series


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
        grid = _grid(each).mean(axis=0)
        num = len(grid)
        names = [str(i - num // 2).replace("-", "−") for i in range(num)]
        centre = centre_accuracy(each)
        panels.append(
            Heatmap(
                f"{each.arm.name}: {centre:.1f} % at the centre",
                "place, from the centre down",
                "place, to the right",
                names,
                names,
                (grid - centre).tolist(),
                "points",
                is_diverging=True,
                runs=each.arm.runs,
            )
        )
    return Figure(
        "why-places",
        panels,
        "Each test image, at five eighths of its size, pasted on black at a grid of places: "
        "accuracy minus that at the centre, mean over seeds. A ViT's pattern can be that of its "
        f"patches, into which an image falls otherwise at each place.{_floor(arms)}",
        "Accuracy by the place of the image, relative to the centre, for each arm.",
    )


def _floor(arms: Sequence[InspectedArm]) -> str:
    names = [each.arm.name for each in arms if is_near_chance(each)]
    if not names:
        return ""
    return (
        f" A map says nothing where accuracy at the centre is near chance, as that of "
        f"{' and '.join(names)}: above the share of the largest class by less than a quarter of "
        "what unchanged images give."
    )


def _arrangement(arms: Sequence[InspectedArm]) -> Figure:
    titles = {
        "tiles": ("Tiles shuffled", "side of a tile, pixels"),
        "low-pass": ("Low frequencies alone", "highest frequency, cycles per image"),
        "high-pass": ("High frequencies alone", "frequencies above, cycles per image"),
    }
    panels = []
    for kind, (title, label) in titles.items():
        levels = sorted(arms[0].levels("arrangement", kind))

        def right(each: InspectedArm, level: int, state: State, kind: str = kind) -> list[float]:
            return each.shares("arrangement", kind, level, "right", state)

        axis = Axis(label, "category", [str(level) for level in levels])
        series = []
        for line in _lines(arms, levels, right):
            places = [float(levels.index(int(x))) for x in line.x]
            series.append(structs.replace(line, x=places))
        panels.append(Plot(title, axis, ACCURACY, series))
    return Figure(
        "why-arrangement",
        panels,
        "Accuracy where square tiles are put in another order (mean over three permutations), and "
        "where only low or only high frequencies are left (sharp circles in the Fourier plane, "
        f"Wang et al. 2020); mean over seeds with 95 % t-intervals. {UNTRAINED}",
        "Accuracy against the size of shuffled tiles, and after low-pass and high-pass filters.",
    )


def _corruptions(arms: Sequence[InspectedArm]) -> Figure:
    kinds = arms[0].kinds("corruptions")

    def mean_of(each: InspectedArm, kind: str, state: State) -> list[float]:
        levels = each.levels("corruptions", kind)
        return mean_over([each.shares("corruptions", kind, x, "right", state) for x in levels])

    order = sorted(kinds, key=lambda kind: -np.mean(mean_of(arms[0], kind, "trained")))
    series: list[Series] = []
    for each in arms:
        arm, places = each.arm, [float(i) for i in range(len(order))]
        found = over_seeds(
            arm.name,
            places,
            [mean_of(each, kind, "trained") for kind in order],
            "points",
            arm.index,
            arm.runs,
        )
        # Values lie along x, where categories are on y.
        series += [
            structs.replace(line, x=[value or 0.0 for value in line.y], y=line.x)
            for line in found
            if line.style == "points"
        ]
        initial = float(np.mean([mean_of(each, kind, "initial") for kind in order]))
        name, values = f"{arm.name}, untrained", [initial] * len(order)
        series.append(Series(name, values, list(places), "dashed", arm.index, runs=arm.runs))
    return Figure(
        "why-corruptions",
        [Plot("Accuracy under corruptions", ACCURACY, Axis("", "category", order), series)],
        f"{len(order)} of the 19 corruptions of CIFAR-10-C with its parameters (Hendrycks and "
        "Dietterich 2019): those that need no other files or programs. Mean over five severities "
        f"and seeds, with 95 % t-intervals. {UNTRAINED}",
        "Accuracy of each arm under each corruption.",
    )
