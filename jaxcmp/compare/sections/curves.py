"""Training curves: how accuracy, loss and learning rate went by epoch, a line per seed."""

from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, Group, arms_with, runs_of
from jaxcmp.compare.document import Axis, Figure, Plot
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.sections.answer import Answer, answered, notes
from jaxcmp.compare.sections.over_seeds import by_epoch

EPOCH = Axis("epoch")
CAPTION = "Thin: one seed. Thick: the mean over seeds."
MIXING = (
    "The dashed accuracy of {} cannot be compared with others: MixUp and CutMix blend two images "
    "and their labels, and a prediction counts by the share of its class in the blended label. It "
    "is low by design, and may lie below the test accuracy."
)
CLEAN = "Training accuracy without augmentation"
ON_CLEAN = (
    "The training accuracy is measured after each epoch, on a fixed sample of training images "
    "without augmentation, so that it can be compared with the test accuracy."
)


def opening_figure(group: Group) -> Figure:
    """Test accuracy by epoch of all arms."""
    arms = group.arms
    plot = _plot("Test accuracy by epoch", "test accuracy, %", arms, "test_accuracy", 100)
    return Figure("accuracy", [plot], CAPTION, f"Test accuracy by epoch for {_names(arms)}.")


def curves_section(group: Group) -> Answer:
    arms = group.arms
    panels = [
        _plot("Test loss", "test loss, nats", arms, "test_loss"),
        _plot("Training loss", "training loss, nats", arms, "train_loss"),
    ]
    caption = f"{CAPTION} The training loss is against the targets used in training."
    recorded = {
        outcome.number: outcome
        for outcome in runs_of(arms)
        if all("train_accuracy" in epoch for epoch in outcome.epochs)
    }
    if clean := arms_with(arms, recorded):
        panels.append(_plot(CLEAN, "training accuracy, %", clean, "train_accuracy", 100))
        caption += f" {ON_CLEAN}"
    curves = Figure("curves", panels, caption, f"Losses and accuracy by epoch for {_names(arms)}.")
    mixed = " and ".join(arm.name for arm in arms if recipe.is_mixed(arm.config))
    details = [_training_figure(arms), _rates(arms), *notes(MIXING.format(mixed) if mixed else "")]
    folded = "accuracy on augmented images, learning rates"
    return answered("curves", "Training curves", [curves], details=details, folded=folded)


def _names(arms: Sequence[Arm]) -> str:
    return ", ".join(arm.name for arm in arms)


def _training_figure(arms: Sequence[Arm]) -> Figure:
    panels = []
    for arm in arms:
        is_mixed = recipe.is_mixed(arm.config)
        label = "training, mixed targets" if is_mixed else "training, augmented images"
        series = by_epoch(arm, "test_accuracy", 100, "test")
        series += by_epoch(arm, "train_accuracy_mixed", 100, label, style="dashed")
        panels.append(Plot(f"{arm.name}: accuracy", EPOCH, Axis("accuracy, %"), series))
    caption = f"{CAPTION} Dashed: accuracy on the augmented images of training."
    names = _names(arms)
    alternative = f"Accuracy on test images and on augmented training images by epoch for {names}."
    return Figure("curves-training", panels, caption, alternative)


def _rates(arms: Sequence[Arm]) -> Figure:
    """Rates as shares of their peak: the peaks of two optimizers may differ a hundredfold."""
    series = []
    for arm in arms:
        rates = [epoch["learning_rate"] for outcome in arm.outcomes for epoch in outcome.epochs]
        peak = max([arm.config["schedule"]["peak_learning_rate"], *rates]) or 1.0
        series += by_epoch(arm, "learning_rate", 100 / peak, arm.name)
    peaks = ", ".join(f"{a.name} {a.config['schedule']['peak_learning_rate']:g}" for a in arms)
    return Figure(
        "learning-rate",
        [Plot("Learning rate", EPOCH, Axis("share of the peak learning rate, %"), series)],
        f"Peaks: {peaks}.",
        "Learning rate by epoch, as a share of its peak.",
    )


def _plot(title: str, label: str, arms: Sequence[Arm], key: str, scale: float = 1) -> Plot:
    series = [line for arm in arms for line in by_epoch(arm, key, scale, arm.name)]
    return Plot(title, EPOCH, Axis(label), series)
