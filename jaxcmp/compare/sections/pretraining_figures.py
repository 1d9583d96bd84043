"""Scratch against pretrained in figures: at the end, against images, and against epochs."""

from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, with_epochs
from jaxcmp.compare.document import Axis, Block, Figure, Plot, Series, Text
from jaxcmp.compare.sections.over_seeds import over_seeds
from jaxcmp.compare.sections.pretraining_arms import Pretrained, ends, largest

ACCURACY = Axis("test accuracy, %")
RANDOM, PRETRAINED = "random weights", "pretrained"
INTERVAL = "Mean over seeds with its 95 % t-interval, or each of fewer than three."
DASHED = " Dashed: from random weights."


def pretraining_figures(arms: Sequence[Pretrained]) -> list[Block]:
    """Draws the arms that have a counterpart which began at random; nothing where none has."""
    beside = [each for each in arms if each.baseline]
    if not beside:
        return []
    panels, caption = [_both_ways(largest(beside))], INTERVAL
    if len({each.architecture for each in beside}) > 1:
        caption += " Lines that cross: the means change places, which seeds alone can explain."
    if len({each.num_train for each in beside}) > 1:
        panels.append(_by_images(beside))
        caption += DASHED
    names = "; ".join(dict.fromkeys(each.label for each in beside))
    ends = Figure(
        "pretraining",
        panels,
        caption,
        f"Test accuracy from random and from pretrained weights: {names}.",
    )
    return [ends, *_curves(beside)]


def _both_ways(arms: Sequence[Pretrained]) -> Plot:
    series = []
    for each in arms:
        pair = [arm for arm in (each.baseline, each.arm) if arm]
        series += _line(_name(each), [0.0, 1.0], pair, "thick", each.index)
    starts = Axis("", "category", [f"from {RANDOM}", PRETRAINED], (-0.25, 1.15))
    sizes = " or ".join(f"{num:,}" for num in dict.fromkeys(each.num_train for each in arms))
    return Plot(
        f"From random and from pretrained weights, {sizes} images", starts, ACCURACY, series
    )


def _by_images(arms: Sequence[Pretrained]) -> Plot:
    lines: dict[tuple[str, str], dict[int, Arm]] = {}
    indices: dict[str, int | None] = {}
    for each in arms:
        indices[each.label] = each.index
        lines.setdefault((each.label, "thick"), {})[each.num_train] = each.arm
        if each.baseline:
            lines.setdefault((each.label, "dashed"), {})[each.num_train] = each.baseline
    series = []
    for (label, style), by_size in lines.items():
        sizes = sorted(by_size)
        found = [by_size[size] for size in sizes]
        name = label if style == "thick" else _untrained(found[-1])
        series += _line(name, [float(size) for size in sizes], found, style, indices[label])
    return Plot("Accuracy by training images", Axis("training images", "log"), ACCURACY, series)


def _line(
    label: str, x: list[float], arms: Sequence[Arm], style, index: int | None
) -> list[Series]:
    percents = [[100 * accuracy for accuracy in arm.accuracies] for arm in arms]
    runs = [run for arm in arms for run in arm.runs]
    return over_seeds(label, x, percents, style, index, runs)


def _curves(arms: Sequence[Pretrained]) -> list[Block]:
    """A panel for each arm, on the most and on the fewest images of its architecture."""
    shown = ends([each for each in arms if _has_epochs(each.arm)])
    blocks: list[Block] = []
    if shown:
        figure = Figure(
            "pretraining-curves",
            [_curve(each) for each in shown],
            INTERVAL + DASHED,
            "Test accuracy by epoch, from random and from pretrained weights.",
        )
        blocks.append(figure)
    silent = [
        f"seed {outcome.seed} of {each.arm.name} ({outcome.folder})"
        for each in arms
        for outcome in each.arm.outcomes
        if not outcome.epochs
    ]
    if silent:
        text = f"Left out, without a record of its epochs: {', '.join(silent)}."
        blocks.append(Text(text, "note"))
    return blocks


def _curve(pretrained: Pretrained) -> Plot:
    series = _epochs(pretrained.label, pretrained.arm, "thick", pretrained.index)
    if pretrained.baseline and _has_epochs(pretrained.baseline):
        name = _untrained(pretrained.baseline)
        series += _epochs(name, pretrained.baseline, "dashed", pretrained.index)
    title = f"{_name(pretrained)} on {pretrained.num_train:,} images"
    return Plot(title, Axis("epoch"), ACCURACY, series)


def _epochs(label: str, arm: Arm, style, index: int | None) -> list[Series]:
    arm = with_epochs(arm) or arm
    found = arm.by_epoch(lambda each: [100 * epoch["test_accuracy"] for epoch in each.epochs])
    epochs = [float(epoch) for epoch in found]
    return over_seeds(label, epochs, list(found.values()), style, index, arm.runs)


def _has_epochs(arm: Arm) -> bool:
    return with_epochs(arm) is not None


def _name(pretrained: Pretrained) -> str:
    """Returns the label of both starts, where one source is enough to tell."""
    return pretrained.label.removesuffix(f", {PRETRAINED}")


def _untrained(baseline: Arm) -> str:
    return f"{baseline.name}, {RANDOM}"
