"""More data: accuracy against the number of training images, and where the arms would cross."""

import dataclasses

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import TRAIN_FRACTION, Arm, Group
from jaxcmp.compare.document import (
    Axis,
    Block,
    Column,
    Commands,
    Figure,
    Plot,
    Section,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.sections.commands import vary
from jaxcmp.compare.statistics.scaling import PowerLaw, crossover, crossover_interval, fit_power_law

SEED = 0
Points = list[tuple[int, float]]


def data_size_section(group: Group) -> Section:
    parts = {arm.index: _parts(group, arm) for arm in group.arms}
    arms = [arm for arm in group.arms if len(parts[arm.index]) > 1]
    if not arms:
        return Section("data-size", "More data", _missing(group))
    laws = {arm.index: _law(parts[arm.index]) for arm in arms}
    blocks: list[Block] = [_figure(arms, parts, laws), _table(arms, parts)]
    blocks += [_law_text(arm, laws[arm.index]) for arm in arms]
    for leader, other in group.pairs:
        if leader in arms and other in arms:
            blocks.append(_crossing(leader, other, parts, laws))
    return Section("data-size", "More data", blocks)


def _parts(group: Group, arm: Arm) -> list[Arm]:
    """The same recipe on each size of training set, the smallest first."""
    found = [each for each in (*group.smaller, arm) if each.index == arm.index]
    return sorted(found, key=lambda each: each.outcomes[0].num_train)


def _points(parts: list[Arm]) -> Points:
    """Training images and test error of every run."""
    return [(o.num_train, 1 - o.test_accuracy) for part in parts for o in part.outcomes]


def _law(parts: list[Arm]) -> PowerLaw | None:
    sizes, errors = zip(*_points(parts), strict=True)
    try:
        return fit_power_law(np.array(sizes, float), np.array(errors, float))
    except ValueError:
        return None


def _missing(group: Group) -> list[Block]:
    lines = []
    for run in (arm.outcomes[0] for arm in group.arms):
        for part in (0.1, 0.5):
            fraction = f"{part * run.train_fraction:g}"
            lines.append(vary(run, TRAIN_FRACTION, fraction, suffix=f"-{fraction}"))
    text = (
        "No recipe was trained on different numbers of images. Runs on parts of the training "
        "set would fill this section:"
    )
    return [Text(text), Commands(lines)]


def _figure(
    arms: list[Arm], parts: dict[int, list[Arm]], laws: dict[int, PowerLaw | None]
) -> Figure:
    accuracy, error = [], []
    for arm in arms:
        x = [float(part.outcomes[0].num_train) for part in parts[arm.index]]
        percents = [cells.percent(part.accuracies, part.runs) for part in parts[arm.index]]
        runs = [run for part in parts[arm.index] for run in part.runs]
        y = [cell.value for cell in percents]
        bounds = [cell.interval or (None, None) for cell in percents]
        low, high = [each[0] for each in bounds], [each[1] for each in bounds]
        accuracy.append(Series(arm.name, x, y, "thick", arm.index, low=low, high=high, runs=runs))
        points = _points(parts[arm.index])
        error.append(
            Series(
                arm.name,
                [float(size) for size, _ in points],
                # A run without an error has no place on a logarithmic axis.
                [100 * each or None for _, each in points],
                "points",
                arm.index,
                runs=runs,
            )
        )
        law = laws[arm.index]
        if law is not None:
            fit = [100 * law.coefficient * size**-law.exponent for size in x]
            label = f"{arm.name}, power law"
            error.append(Series(label, x, list(fit), "dashed", arm.index, runs=runs))
    images = Axis("training images", "log")
    return Figure(
        "data-size",
        [
            Plot("Accuracy", images, Axis("test accuracy, %"), accuracy),
            Plot("Error", images, Axis("test error, %", "log"), error),
        ],
        "Accuracy: mean over seeds with its 95 % t-interval. Error: every run, and the fitted "
        "power law.",
        "Test accuracy and test error against the number of training images.",
    )


def _table(arms: list[Arm], parts: dict[int, list[Arm]]) -> Table:
    outcomes = [o for arm in arms for part in parts[arm.index] for o in part.outcomes]
    rows = []
    for size in sorted({outcome.num_train for outcome in outcomes}):
        row = [cells.count(size, [o.number for o in outcomes if o.num_train == size])]
        for arm in arms:
            part = [each for each in parts[arm.index] if each.outcomes[0].num_train == size]
            accuracies = [accuracy for each in part for accuracy in each.accuracies]
            cell = cells.percent(accuracies, [run for each in part for run in each.runs])
            text = f"{cell.text}, n = {cell.num}" if cell.num else cell.text
            row.append(dataclasses.replace(cell, text=text))
        rows.append(row)
    columns = [Column("training images"), *(Column(arm.name, arm=arm.index) for arm in arms)]
    return Table("Test accuracy by training images", columns, rows, "n is the number of seeds.")


def _law_text(arm: Arm, law: PowerLaw | None) -> Text:
    if law is None:
        return Text(f"{arm.name}: a run without an error leaves no power law to fit.", "note")
    factor, exponent = 2**law.exponent, cells.decimal(-law.exponent, arm.runs, digits=3)
    return Text(
        f"{arm.name}: error = {law.coefficient:.3g} n^{exponent.text}; twice the images divide "
        f"the error by {factor:.2f}.",
        "note",
    )


def _crossing(
    leader: Arm, other: Arm, parts: dict[int, list[Arm]], laws: dict[int, PowerLaw | None]
) -> Text:
    first, second = laws[leader.index], laws[other.index]
    place = crossover(first, second) if first and second else None
    points = [np.array(_points(parts[arm.index])) for arm in (leader, other)]
    # Where both were measured: elsewhere one of the two laws is a guess.
    smallest = max(int(each[:, 0].min()) for each in points)
    largest = min(int(each[:, 0].max()) for each in points)
    names = f"The laws of {leader.name} and {other.name}"
    if place is None or not smallest <= place <= largest:
        return Text(
            f"{names} do not cross within the range measured, {smallest:,} to {largest:,} images; "
            "beyond it a fitted law is no evidence."
        )
    interval = crossover_interval(*points, rng=np.random.default_rng(SEED))
    if interval is None:
        return Text(
            f"{names} cross at {place:,.0f} images; these runs settle no interval, more seeds at "
            "each size would."
        )
    low, high = interval
    return Text(
        f"{names} cross at {place:,.0f} images (95 % bootstrap interval over runs {low:,.0f} to "
        f"{high:,.0f})."
    )
