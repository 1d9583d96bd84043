"""Scratch against pretrained in figures: at the end, against images, and against epochs."""

from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, with_epochs
from jaxcmp.compare.document import Axis, Block, Figure, Plot, Series, Style
from jaxcmp.compare.sections.answer import left_out, notes
from jaxcmp.compare.sections.columns import colour
from jaxcmp.compare.sections.over_seeds import accuracies, over_seeds
from jaxcmp.compare.sections.pretraining_arms import Pretrained, of_sizes

ACCURACY = Axis("test accuracy, %")
RANDOM, PRETRAINED = "random weights", "pretrained"
INTERVAL = "Mean over seeds with its 95 % t-interval, or each of fewer than three."
DASHED = " Dashed: from random weights."


def pretraining_figures(arms: Sequence[Pretrained]) -> list[Block]:
    """Draws the arms that have a counterpart which began at random; nothing where none has."""
    pairs = [(each, each.baseline) for each in arms if each.baseline]
    beside = [each for each, _ in pairs]
    if not beside:
        return []
    panels, caption = [_both_ways(beside)], INTERVAL
    if len({each.architecture for each in beside}) > 1:
        caption += " Lines that cross: the means change places, which seeds alone can explain."
    if len({each.num_train for each in beside}) > 1:
        panels.append(_by_images(pairs))
        caption += DASHED
    names = "; ".join(dict.fromkeys(each.label for each in beside))
    alternative = f"Test accuracy from random and from pretrained weights: {names}."
    blocks: list[Block] = [Figure("pretraining", panels, caption, alternative)]
    # On the most and on the fewest images of each architecture.
    if shown := of_sizes([each for each in beside if with_epochs(each.arm)], min, max):
        alternative = "Test accuracy by epoch, from random and from pretrained weights."
        curves = [_curve(each) for each in shown]
        blocks.append(Figure("pretraining-curves", curves, INTERVAL + DASHED, alternative))
    drawn = [each.arm for each in beside]
    return [*blocks, *notes(left_out(drawn, lambda run: run.epochs, "a record of its epochs"))]


def _both_ways(beside: Sequence[Pretrained]) -> Plot:
    series, arms = [], of_sizes(beside, max)
    for each in arms:
        pair = [each.baseline, each.arm]
        series += accuracies(_name(each), [0.0, 1.0], pair, "thick", colour(each.arm))
    starts = Axis("", "category", [f"from {RANDOM}", PRETRAINED], (-0.25, 1.15))
    sizes = " or ".join(f"{num:,}" for num in dict.fromkeys(each.num_train for each in arms))
    title = f"From random and from pretrained weights, {sizes} images"
    return Plot(title, starts, ACCURACY, series)


def _by_images(pairs: Sequence[tuple[Pretrained, Arm]]) -> Plot:
    series = []
    for label in dict.fromkeys(each.label for each, _ in pairs):
        # By size, the fewest images first.
        own = {each.num_train: (each.arm, random) for each, random in pairs if each.label == label}
        sizes = sorted(own)
        tuned, random = zip(*(own[size] for size in sizes), strict=True)
        x, index = [float(size) for size in sizes], colour(tuned[-1])
        series += accuracies(label, x, tuned, "thick", index)
        series += accuracies(_untrained(random[-1]), x, random, "dashed", index)
    return Plot("Accuracy by training images", Axis("training images", "log"), ACCURACY, series)


def _curve(pretrained: Pretrained) -> Plot:
    index, baseline = colour(pretrained.arm), pretrained.baseline
    series = _epochs(pretrained.label, pretrained.arm, "thick", index)
    if baseline:
        series += _epochs(_untrained(baseline), baseline, "dashed", index)
    title = f"{_name(pretrained)} on {pretrained.num_train:,} images"
    return Plot(title, Axis("epoch"), ACCURACY, series)


def _epochs(label: str, arm: Arm, style: Style, index: int | None) -> list[Series]:
    recorded = with_epochs(arm)
    if recorded is None:
        return []
    found = recorded.by_epoch(lambda run: [100 * each["test_accuracy"] for each in run.epochs])
    epochs = [float(epoch) for epoch in found]
    return over_seeds(label, epochs, list(found.values()), style, index, recorded.runs)


def _name(pretrained: Pretrained) -> str:
    """Returns the label of both starts, where one source is enough to tell."""
    return pretrained.label.removesuffix(f", {PRETRAINED}")


def _untrained(baseline: Arm) -> str:
    return f"{baseline.name}, {RANDOM}"
