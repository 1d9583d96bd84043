"""Training curves: what each epoch left behind, a line per seed and their mean."""

from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Commands, Figure, Plot, Section, Series, Text
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.sections.commands import repeat

EPOCH = Axis("epoch")
CAPTION = "Thin: one seed. Thick: the mean over seeds."


def curves_section(group: Group) -> Section:
    arms = [arm for arm in group.arms if all(outcome.epochs for outcome in arm.outcomes)]
    if not arms:
        text = "The runs recorded no epoch. To train them again, each with another --workdir:"
        commands = Commands([repeat(arm.outcomes[0]) for arm in group.arms])
        return Section("curves", "Training curves", [Text(text), commands])
    blocks: list[Block] = [_overlaid(arms)]
    shown = [arm.index for arm in arms]
    without = [arm.name for arm in group.arms if arm.index not in shown]
    if without:
        text = f"Left out: {' and '.join(without)}, of which not every run recorded its epochs."
        blocks.append(Text(text, "note"))
    blocks += [_alone(arm) for arm in arms]
    mixed = [arm.name for arm in arms if recipe.is_mixed(arm.config)]
    if mixed:
        blocks.append(Text(_about_mixing(mixed)))
    return Section("curves", "Training curves", blocks)


def _overlaid(arms: Sequence[Arm]) -> Figure:
    panels = [
        _plot("Test accuracy", "test accuracy, %", arms, "test_accuracy", 100),
        _plot("Test loss", "test loss, nats", arms, "test_loss"),
        _plot("Training loss", "training loss, nats", arms, "train_loss"),
        _plot("Learning rate", "learning rate", arms, "learning_rate"),
    ]
    names = ", ".join(arm.name for arm in arms)
    return Figure(
        "curves",
        panels,
        f"{CAPTION} The training loss is against the targets that training saw.",
        f"Test accuracy, test loss, training loss and learning rate by epoch for {names}.",
    )


def _alone(arm: Arm) -> Figure:
    is_mixed = recipe.is_mixed(arm.config)
    label = "training, against mixed targets" if is_mixed else "training, augmented images"
    accuracy = [
        *_series([arm], "test_accuracy", 100, "test"),
        *_series([arm], "train_accuracy_mixed", 100, label, is_second=True),
    ]
    loss = [
        *_series([arm], "test_loss", 1, "test"),
        *_series([arm], "train_loss", 1, label, is_second=True),
    ]
    panels = [
        Plot(f"{arm.name}: accuracy", EPOCH, Axis("accuracy, %"), accuracy),
        Plot(f"{arm.name}: loss", EPOCH, Axis("loss, nats"), loss),
    ]
    return Figure(
        f"curves-{arm.index}",
        panels,
        f"{CAPTION} Dashed: {label}.",
        f"Accuracy and loss of {arm.name} by epoch, on the test images and in training.",
    )


def _about_mixing(names: Sequence[str]) -> str:
    return (
        f"Why the training accuracy of {' and '.join(names)} is no measure: MixUp and CutMix blend "
        "two images and their labels, and what counts in training is the share of the blended "
        "label that lies on the predicted class: an image that is half a cat and half a dog gives "
        "one half at best. It is low by design, may lie below the test accuracy, and cannot be "
        "compared with an arm that trains without mixing."
    )


def _plot(title: str, label: str, arms: Sequence[Arm], key: str, scale: float = 1) -> Plot:
    series = [line for arm in arms for line in _series([arm], key, scale, arm.name)]
    return Plot(title, EPOCH, Axis(label), series)


def _series(
    arms: Sequence[Arm], key: str, scale: float, label: str, *, is_second: bool = False
) -> list[Series]:
    """The runs of each arm as thin lines, then their mean as a thick or a dashed one."""
    series = []
    for arm in arms:
        # Of one seed alone the mean is the line.
        for outcome in arm.outcomes if len(arm.outcomes) > 1 else ():
            x = [float(epoch["epoch"]) for epoch in outcome.epochs]
            y = [scale * epoch[key] for epoch in outcome.epochs]
            name = f"{label}, seed {outcome.seed}"
            series.append(Series(name, x, list(y), "thin", arm.index, runs=[outcome.number]))
        found = arm.by_epoch(lambda each: [scale * epoch[key] for epoch in each.epochs])
        mean = [float(np.mean(values)) for values in found.values()]
        style = "dashed" if is_second else "thick"
        x = [float(epoch) for epoch in found]
        series.append(Series(label, x, list(mean), style, arm.index, runs=arm.runs))
    return series
