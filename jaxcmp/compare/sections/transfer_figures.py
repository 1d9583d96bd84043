"""Scratch against pretrained in figures: at the end, against images, and against epochs."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Axis, Block, Figure, Plot, Series, Text
from jaxcmp.compare.sections.tuned import Tuned, ends, largest
from jaxcmp.compare.statistics.means import estimate_mean

ACCURACY = Axis("test accuracy, %")
RANDOM, PRETRAINED = "random weights", "pretrained"
INTERVAL = "Mean over seeds with its 95 % t-interval."
DASHED = " Dashed: from random weights."


def transfer_figures(arms: Sequence[Tuned]) -> list[Block]:
    """Of the arms that have a counterpart which began at random; nothing where none has."""
    beside = [each for each in arms if each.baseline]
    if not beside:
        return []
    panels, caption = [_both_ways(largest(beside))], INTERVAL
    if len({each.architecture for each in beside}) > 1:
        caption += " Lines that cross: by the means, pretraining flips the gap."
    if len({each.num_train for each in beside}) > 1:
        panels.append(_by_images(beside))
        caption += DASHED
    names = "; ".join(dict.fromkeys(each.label for each in beside))
    ends = Figure(
        "transfer",
        panels,
        caption,
        f"Test accuracy from random and from pretrained weights: {names}.",
    )
    return [ends, *_curves(beside)]


def _both_ways(arms: Sequence[Tuned]) -> Plot:
    series = []
    for each in arms:
        pair = [arm for arm in (each.baseline, each.arm) if arm]
        series.append(_line(_name(each), [0.0, 1.0], pair, "thick", each.index))
    starts = Axis("", "category", [f"from {RANDOM}", PRETRAINED], (-0.25, 1.15))
    sizes = " or ".join(f"{num:,}" for num in dict.fromkeys(each.num_train for each in arms))
    return Plot(
        f"From random and from pretrained weights, {sizes} images", starts, ACCURACY, series
    )


def _by_images(arms: Sequence[Tuned]) -> Plot:
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
        series.append(_line(name, [float(size) for size in sizes], found, style, indices[label]))
    return Plot("Accuracy by training images", Axis("training images", "log"), ACCURACY, series)


def _line(label: str, x: list[float], arms: Sequence[Arm], style, index: int | None) -> Series:
    percents = [cells.percent(arm.accuracies, arm.runs) for arm in arms]
    bounds = [cell.interval or (None, None) for cell in percents]
    return Series(
        label,
        x,
        [cell.value for cell in percents],
        style,
        index,
        low=[low for low, _ in bounds],
        high=[high for _, high in bounds],
        runs=[run for arm in arms for run in arm.runs],
    )


def _curves(arms: Sequence[Tuned]) -> list[Block]:
    """A panel for each arm, on the most and on the fewest images of its architecture."""
    shown = ends([each for each in arms if _has_epochs(each.arm)])
    blocks: list[Block] = []
    if shown:
        figure = Figure(
            "transfer-curves",
            [_curve(each) for each in shown],
            INTERVAL + DASHED,
            "Test accuracy by epoch, from random and from pretrained weights.",
        )
        blocks.append(figure)
    silent = [each.arm.name for each in arms if not _has_epochs(each.arm)]
    if silent:
        text = f"Not every run of {' and '.join(dict.fromkeys(silent))} recorded its epochs."
        blocks.append(Text(text, "note"))
    return blocks


def _curve(tuned: Tuned) -> Plot:
    series = [_epochs(tuned.label, tuned.arm, "thick", tuned.index)]
    if tuned.baseline and _has_epochs(tuned.baseline):
        name = _untrained(tuned.baseline)
        series.append(_epochs(name, tuned.baseline, "dashed", tuned.index))
    title = f"{_name(tuned)} on {tuned.num_train:,} images"
    return Plot(title, Axis("epoch"), ACCURACY, series)


def _epochs(label: str, arm: Arm, style, index: int | None) -> Series:
    found = arm.by_epoch(lambda each: [100 * epoch["test_accuracy"] for epoch in each.epochs])
    means = [estimate_mean(values) for values in found.values()]
    bounds = [each.interval or (None, None) for each in means]
    return Series(
        label,
        [float(epoch) for epoch in found],
        [each.mean for each in means],
        style,
        index,
        low=[low for low, _ in bounds],
        high=[high for _, high in bounds],
        runs=arm.runs,
    )


def _has_epochs(arm: Arm) -> bool:
    return all(outcome.epochs for outcome in arm.outcomes)


def _name(tuned: Tuned) -> str:
    """Of both starts together, where one source is enough to tell."""
    return tuned.label.removesuffix(f", {PRETRAINED}")


def _untrained(baseline: Arm) -> str:
    return f"{baseline.name}, {RANDOM}"
