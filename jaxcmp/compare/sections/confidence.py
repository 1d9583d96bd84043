"""Calibration: whether an arm that says 80 % is right in 80 of 100 cases."""

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Figure,
    Plot,
    Series,
    Suggestion,
    Table,
)
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import vary
from jaxcmp.compare.statistics.calibration import (
    brier_score,
    ece_interval,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)
from jaxcmp.compare.statistics.paired import share_interval

SEED = 0
NOTE = (
    "NLL in nats per image, Brier score summed over classes, mean over seeds with its 95 % "
    "t-interval; of fewer than three seeds, each is shown. ECE over 15 bins of equal mass: chance "
    "moves every bin, so that even a calibrated model has one. Its 95 % interval over test images "
    "is for the error without that part: the errors of which the one found is a likely outcome, by "
    "1,000 draws of chance centred on zero (Wu 1986). It begins at 0 where a calibrated model "
    "would do as badly (consistency resampling, Broecker and Smith 2007). Temperatures are fitted "
    "on the held-out split, never on the test set."
)
# By the index of an arm: its logits over temperatures, and these; None without held-out images.
Scaled = dict[int, tuple[list[np.ndarray], list[float]] | None]


def confidence_section(group: Group) -> Answer:
    scaled: Scaled = {arm.index: _scaled_logits(arm) for arm in group.arms}
    rows = [_row(group, arm, arm.name, arm.logits, temperatures=None) for arm in group.arms]
    for arm in group.arms:
        found = scaled[arm.index]
        if found is not None:
            logits, temperatures = found
            name = f"{arm.name}, temperature-scaled"
            rows.append(_row(group, arm, name, logits, temperatures))
    columns = [Column("Arm", is_numeric=False)]
    columns += [
        Column(label) for label in ("NLL", "Brier", "ECE, % [95 % interval]", "temperature")
    ]
    table = Table("Calibration on the test images", columns, rows, NOTE)
    blocks: list[Block] = [_diagram(group, scaled), table]
    without = [arm for arm in group.arms if scaled[arm.index] is None]
    more = []
    if without:
        names = " and ".join(arm.name for arm in without)
        text = (
            f"Temperature scaling for {names}: a temperature is fitted on images that were neither "
            "trained nor tested on, and these runs held none out."
        )
        held_out = {"data.validation_fraction": 0.1}
        command = vary(without[0].outcomes[0], held_out, suffix="-held-out")
        more.append(Suggestion(text, command))
    return answered("calibration", "Calibration", blocks, more=more)


def _scaled_logits(arm: Arm) -> tuple[list[np.ndarray], list[float]] | None:
    """Test logits over each run's own temperature, which its held-out images choose."""
    temperatures = [_temperature(outcome) for outcome in arm.outcomes]
    known = [temperature for temperature in temperatures if temperature is not None]
    if len(known) < len(arm.outcomes):
        return None
    return [logits / t for logits, t in zip(arm.logits, known, strict=True)], known


def _temperature(outcome: Outcome) -> float | None:
    held_out = outcome.run.load_validation_predictions()
    return None if held_out is None else fit_temperature(held_out.logits, held_out.labels)


def _row(
    group: Group,
    arm: Arm,
    name: str,
    logits: list[np.ndarray],
    temperatures: list[float] | None,
) -> list[Cell]:
    labels = group.labels
    errors = [100 * expected_calibration_error(each, labels) for each in logits]
    interval = ece_interval(logits, labels, rng=np.random.default_rng(SEED))
    low, high = (100 * bound for bound in interval)
    error = float(np.mean(errors))
    return [
        cells.words(name, arm=arm.index),
        cells.mean([negative_log_likelihood(x, labels) for x in logits], arm.runs, digits=3),
        cells.mean([brier_score(x, labels) for x in logits], arm.runs, digits=3),
        Cell(f"{error:.2f} [{low:.2f}, {high:.2f}]", error, (low, high), len(logits), arm.runs),
        cells.mean(temperatures or [], arm.runs, digits=2),
    ]


def _diagram(group: Group, scaled: Scaled) -> Figure:
    before = [(arm, arm.logits) for arm in group.arms]
    after = [(arm, found[0]) for arm in group.arms if (found := scaled[arm.index]) is not None]
    panels = [_panel("Reliability", group.labels, before)]
    if after:
        panels.append(_panel("Reliability, temperature-scaled", group.labels, after))
    return Figure(
        "reliability",
        panels,
        "Up to 15 bins of equal mass over the answers of all seeds, with 95 % intervals for the "
        "choice of the test images in a bin. Below the line an arm is surer than it should be.",
        "Accuracy against confidence for each arm, beside the diagonal of perfect calibration.",
    )


def _panel(title: str, labels: np.ndarray, arms: list[tuple[Arm, list[np.ndarray]]]) -> Plot:
    series = [Series("as sure as right", [0.0, 100.0], [0.0, 100.0], "reference")]
    series += [_points(arm, logits, labels) for arm, logits in arms]
    return Plot(title, Axis("confidence, %"), Axis("accuracy, %"), series)


def _points(arm: Arm, logits: list[np.ndarray], labels: np.ndarray) -> Series:
    """Draws all seeds together: each bin holds the answers of every run."""
    num_runs, num_images = len(logits), len(labels)
    found = reliability(np.concatenate(logits), np.tile(labels, num_runs))
    is_right = np.concatenate([each.argmax(axis=1) for each in logits]) == np.tile(labels, num_runs)
    # An image that every seed has answered is still one image.
    images = np.tile(np.arange(num_images), num_runs)
    counts = [
        [np.bincount(images[chosen], minlength=num_images) for chosen in (own & is_right, own)]
        for own in (found.bins == index for index in range(len(found.num)))
    ]
    bounds = 100 * np.array([share_interval(right, answers) for right, answers in counts])
    return Series(
        arm.name,
        (100 * found.confidence).tolist(),
        (100 * found.accuracy).tolist(),
        "points",
        arm.index,
        low=bounds[:, 0].tolist(),
        high=bounds[:, 1].tolist(),
        runs=arm.runs,
    )
