"""Calibration: whether an arm that says 80 % is right in 80 of 100 cases."""

import math
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Figure, Plot, Series, Suggestion, Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, texts
from jaxcmp.compare.sections.commands import vary
from jaxcmp.compare.statistics.calibration import (
    brier_score,
    ece_interval,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from jaxcmp.compare.statistics.means import compare_runs
from jaxcmp.compare.statistics.paired import holm, share_interval
from jaxcmp.runs.metrics import cross_entropy

SEED = 0
# More are folded.
MAX_PANELS = 4
NOTE = (
    "ECE, the expected calibration error: sort the answers by how sure the model is of them, share "
    "them out among 15 groups of one size, and compare in each how sure it was with how often it "
    "was right; ECE is the mean difference. At 2 %, confidence and accuracy differ by 2 points "
    "on average. Chance alone gives even a perfect model some error: the 95 % interval over "
    "test images is for the error without that part, and begins at 0 where chance can explain all "
    "of it (Wu 1986; Broecker and Smith 2007). NLL is the mean of −log(probability of the right "
    "class), in nats; Brier is the squared error of all probabilities. Of all three, less is "
    "better. Mean over seeds with its 95 % t-interval; of fewer than three seeds, each is shown. A "
    "temperature divides all logits, and is fitted on held-out images."
)


def confidence_section(group: Group) -> Answer:
    known = [(arm, _temperatures(arm)) for arm in group.arms]
    shown = [(arm, arm.name, []) for arm in group.arms]
    shown += [(arm, f"{arm.name}, temperature-scaled", found) for arm, found in known if found]
    headings = columns.of_words("Arm")
    headings += columns.of_numbers("NLL", "Brier", "ECE, % [95 % interval]")
    headings += columns.of_numbers("temperature") if len(shown) > len(known) else []
    rows = [_row(group, *each)[: len(headings)] for each in shown]
    panels = [_panel(group, *each) for each in shown]
    table = Table("Calibration on the test images", headings, rows, NOTE)
    diagram: list[Block] = [_diagram(panels)]
    unfolded, folded = ([], diagram) if len(panels) > MAX_PANELS else (diagram, [])
    more: list[Suggestion] = []
    if without := [arm for arm, found in known if not found]:
        names = " and ".join(arm.name for arm in without)
        text = (
            f"Temperature scaling for {names}: a temperature is fitted on images that were neither "
            "trained nor tested on, and these runs held none out."
        )
        held_out = {"data.validation_fraction": 0.1}
        command = vary(without[0].outcomes[0], held_out, suffix="-held-out")
        more.append(Suggestion(text, command))
    return answered(
        "calibration",
        "Calibration",
        [*texts(*_sentences(group, is_scaled=len(shown) > len(known))), *unfolded, table],
        details=folded,
        folded="accuracy by confidence",
        more=more,
    )


def _sentences(group: Group, *, is_scaled: bool) -> list[str]:
    """Compares how far confidence and accuracy lie apart in each pair, before any temperature."""
    pairs = [[_errors(group, arm.logits) for arm in pair] for pair in group.pairs]
    gaps = holm([compare_runs(*pair, most=100) for pair in pairs])
    start = "Without a temperature, the" if is_scaled else "The"
    said = []
    for (first, second), pair, gap in zip(group.pairs, pairs, gaps, strict=True):
        x, y = (cells.decimals(float(np.mean(each))) for each in pair)
        apart = cells.in_words(gap, "points apart", of="pairs" * (len(pairs) > 1))
        said.append(
            f"{start} calibration error (ECE, less is better) of {first.name} is {x} % and that "
            f"of {second.name} {y} %: {apart}{cells.surely(gap)}."
        )
    return said


def _errors(group: Group, logits: Sequence[np.ndarray]) -> list[float]:
    """Returns the ECE of each run, in percent."""
    return [100 * expected_calibration_error(each, group.labels) for each in logits]


def _temperatures(arm: Arm) -> list[float]:
    """Each run's temperature, which its held-out images choose; none where a run held none out."""
    held_out = [outcome.held_out for outcome in arm.outcomes if outcome.held_out]
    found = [fit_temperature(each.logits, each.labels) for each in held_out]
    return found if len(found) == len(arm.outcomes) else []


def _logits(arm: Arm, temperatures: Sequence[float]) -> list[np.ndarray]:
    pairs = zip(arm.logits, temperatures, strict=True)
    return [logits / t for logits, t in pairs] if temperatures else arm.logits


def _row(group: Group, arm: Arm, name: str, temperatures: Sequence[float]) -> list[Cell]:
    labels, logits = group.labels, _logits(arm, temperatures)
    error = float(np.mean(_errors(group, logits)))
    interval = ece_interval(logits, labels, rng=np.random.default_rng(SEED))
    low, high = (100 * bound for bound in interval)
    return [
        Cell(name, arm=arm.index),
        cells.mean([cross_entropy(x, labels) for x in logits], arm.runs, digits=3),
        cells.mean([brier_score(x, labels) for x in logits], arm.runs, digits=3),
        Cell(f"{error:.2f} [{low:.2f}, {high:.2f}]", error, (low, high), len(logits), arm.runs),
        cells.mean(temperatures, arm.runs, digits=2),
    ]


def _diagram(panels: Sequence[tuple[str, Series]]) -> Figure:
    ends = [end for _, line in panels for end in (*line.x, *(line.low or ())) if end is not None]
    # The part of the square that has points, in steps of 10 %.
    limits = (10.0 * math.floor(min(ends) / 10), 100.0)
    diagonal = Series("as sure as right", list(limits), list(limits), "reference")
    x, y = (Axis(label, limits=limits) for label in ("confidence, %", "accuracy, %"))
    return Figure(
        "reliability",
        [Plot(name, x, y, [diagonal, line]) for name, line in panels],
        "The answers of all seeds in steps of 10 % of confidence, joined where they hold few: mean "
        "confidence, and accuracy with its 95 % interval for the choice of the test images in a "
        "step. Below the line an arm is surer than it should be.",
        "Accuracy against confidence for each arm, beside the diagonal of perfect calibration.",
    )


def _panel(group: Group, arm: Arm, name: str, temperatures: Sequence[float]) -> tuple[str, Series]:
    """Draws all seeds together: each step of confidence holds the answers of every run."""
    num_runs, num_images = len(arm.outcomes), len(group.labels)
    logits, labels = np.concatenate(_logits(arm, temperatures)), np.tile(group.labels, num_runs)
    confidences, accuracies, bins = reliability(logits, labels)
    is_right = logits.argmax(axis=1) == labels
    # An image that every seed has answered is still one image.
    images = np.tile(np.arange(num_images), num_runs)
    counts = [
        [np.bincount(images[chosen], minlength=num_images) for chosen in (own & is_right, own)]
        for own in (bins == index for index in range(len(accuracies)))
    ]
    low, high = 100 * np.array([share_interval(right, answers) for right, answers in counts]).T
    x, y = 100 * confidences, 100 * accuracies
    ends = {"low": low.tolist(), "high": high.tolist()}
    return name, Series(
        arm.name, x.tolist(), y.tolist(), "points", arm.index, runs=arm.runs, **ends
    )
