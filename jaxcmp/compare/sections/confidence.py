"""Calibration: whether an arm that says 80 % is right in 80 of 100 cases."""

import math

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
    equal_width_bins,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from jaxcmp.compare.statistics.paired import share_interval
from jaxcmp.runs.metrics import cross_entropy

SEED = 0
# More are folded.
MAX_PANELS = 4
NOTE = (
    "ECE, the expected calibration error: sort the answers by how sure the model is of them, share "
    "them out among 15 groups of one size, and compare in each how sure it was with how often it "
    "was right; ECE is the mean difference. At 2 %, an arm is surer than right, or less sure, by 2 "
    "points on average. Chance alone gives even a perfect model some error: the 95 % interval over "
    "test images is for the error without that part, and begins at 0 where chance can explain all "
    "of it (Wu 1986; Broecker and Smith 2007). NLL is the mean of −log(probability of the right "
    "class), in nats; Brier is the squared error of all probabilities. Of all three, less is "
    "better. Mean over seeds with its 95 % t-interval; of fewer than three seeds, each is shown. A "
    "temperature divides all logits, and is fitted on held-out images."
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
    diagram = _diagram(group, scaled)
    is_many = len(diagram.panels) > MAX_PANELS
    blocks: list[Block] = [table] if is_many else [diagram, table]
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
    details = [diagram] if is_many else []
    folded = "accuracy by confidence"
    return answered("calibration", "Calibration", blocks, details=details, folded=folded, more=more)


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
        cells.mean([cross_entropy(x, labels) for x in logits], arm.runs, digits=3),
        cells.mean([brier_score(x, labels) for x in logits], arm.runs, digits=3),
        Cell(f"{error:.2f} [{low:.2f}, {high:.2f}]", error, (low, high), len(logits), arm.runs),
        cells.mean(temperatures or [], arm.runs, digits=2),
    ]


def _diagram(group: Group, scaled: Scaled) -> Figure:
    """Draws a panel for each arm, and one more where it has held-out images."""
    drawn = [(arm, arm.name, arm.logits) for arm in group.arms]
    drawn += [
        (arm, f"{arm.name}, temperature-scaled", found[0])
        for arm in group.arms
        if (found := scaled[arm.index]) is not None
    ]
    points = [_points(arm, logits, group.labels) for arm, _, logits in drawn]
    ends = [end for each in points for end in (*each.x, *(each.low or ())) if end is not None]
    # The part of the square that has points, in steps of 10 %.
    limits = (10.0 * math.floor(min(ends) / 10), 100.0)
    diagonal = Series("as sure as right", list(limits), list(limits), "reference")
    x, y = (Axis(label, limits=limits) for label in ("confidence, %", "accuracy, %"))
    return Figure(
        "reliability",
        [Plot(name, x, y, [diagonal, p]) for (_, name, _), p in zip(drawn, points, strict=True)],
        "The answers of all seeds in steps of 10 % of confidence, joined where they hold few: mean "
        "confidence, and accuracy with its 95 % interval for the choice of the test images in a "
        "step. Below the line an arm is surer than it should be.",
        "Accuracy against confidence for each arm, beside the diagonal of perfect calibration.",
    )


def _points(arm: Arm, logits: list[np.ndarray], labels: np.ndarray) -> Series:
    """Draws all seeds together: each step of confidence holds the answers of every run."""
    num_runs, num_images = len(logits), len(labels)
    found = reliability(np.concatenate(logits), np.tile(labels, num_runs), equal_width_bins)
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
