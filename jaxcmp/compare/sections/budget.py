"""Cost: what an accuracy takes in operations, in seconds and in parameters."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Commands,
    Figure,
    Plot,
    Section,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.sections.commands import repeat
from jaxcmp.compare.sections.equal_cost import equal_cost_blocks

Spent = Callable[[Outcome], list[float]]


def budget_section(group: Group) -> Section:
    arms = [arm for arm in group.arms if all(_can_tell(each) for each in arm.outcomes)]
    if not arms:
        text = "The runs lack epochs or costs. To train them again, each with another --workdir:"
        commands = Commands([repeat(arm.outcomes[0]) for arm in group.arms])
        return Section("cost", "Cost", [Text(text), commands])
    devices = {outcome.device for arm in arms for outcome in arm.outcomes}
    panels = [_along("Training operations", "training TFLOP", arms, _teraflops)]
    # Times on different machines have no common mean, and no common axis.
    if len(devices) == 1:
        panels.append(_along("Training time", "training time, min", arms, _minutes))
    panels.append(_sizes(arms))
    names = ", ".join(arm.name for arm in arms)
    figure = Figure(
        "cost",
        panels,
        "Lines: the mean over seeds after each epoch, on a schedule made for the whole run. "
        "Points: the last epoch, with its 95 % t-interval over seeds.",
        f"Test accuracy against what was spent in training, and against parameters, for {names}.",
    )
    blocks: list[Block] = [*equal_cost_blocks(group), figure]
    if len(arms) > 1:
        blocks.append(_equal("operations", _say_teraflops, arms, _teraflops))
    if len(devices) > 1:
        listed = ", ".join(sorted(devices))
        text = f"Times are not compared: the runs were made on different devices ({listed})."
        blocks.append(Text(text))
    elif len(arms) > 1:
        blocks.append(_equal("time", _say_minutes, arms, _minutes))
    shown = [arm.index for arm in arms]
    without = [arm.name for arm in group.arms if arm.index not in shown]
    if without:
        text = (
            f"Left out: {' and '.join(without)}, not every run of which recorded epochs and cost."
        )
        blocks.append(Text(text, "note"))
    tuned = [arm.name for arm in arms if arm.outcomes[0].origin]
    if tuned:
        text = f"Without what training the weights took that {' and '.join(tuned)} began from."
        blocks.append(Text(text, "note"))
    return Section("cost", "Cost", blocks)


def accuracy_at(outcome: Outcome, spent: Spent, budget: float) -> float | None:
    """Test accuracy in [0, 1] once `budget` is spent, linear between epochs; None before one."""
    x, y = spent(outcome), _accuracies(outcome)
    # Sums of the same numbers in another order differ in the last digit.
    if budget < x[0] * (1 - 1e-9):
        return None
    return float(np.interp(budget, x, y))


def _can_tell(outcome: Outcome) -> bool:
    return bool(outcome.epochs) and outcome.run.cost.get("training_flops") is not None


def _accuracies(outcome: Outcome) -> list[float]:
    return [epoch["test_accuracy"] for epoch in outcome.epochs]


def _teraflops(outcome: Outcome) -> list[float]:
    total, last = outcome.run.cost["training_flops"], outcome.epochs[-1]["step"]
    return [total * epoch["step"] / last / 1e12 for epoch in outcome.epochs]


def _minutes(outcome: Outcome) -> list[float]:
    return np.cumsum([epoch["seconds"] / 60 for epoch in outcome.epochs]).tolist()


def _say_teraflops(teraflops: float) -> str:
    return f"{cells.powers(1e12 * teraflops)}FLOP"


def _say_minutes(minutes: float) -> str:
    return cells.duration(60 * minutes)


def _along(title: str, label: str, arms: Sequence[Arm], spent: Spent) -> Plot:
    series = []
    for arm in arms:
        x = [float(np.mean(values)) for values in arm.by_epoch(spent).values()]
        y = [100 * float(np.mean(values)) for values in arm.by_epoch(_accuracies).values()]
        series.append(Series(arm.name, x, list(y), "thick", arm.index, runs=arm.runs))
    return Plot(title, Axis(label), Axis("test accuracy, %"), series)


def _sizes(arms: Sequence[Arm]) -> Plot:
    series = []
    for arm in arms:
        cell = cells.percent(arm.accuracies, arm.runs)
        low, high = cell.interval or (None, None)
        size = [arm.outcomes[0].parameters / 1e6]
        series.append(
            Series(
                arm.name,
                size,
                [cell.value],
                "points",
                arm.index,
                low=None if low is None else [low],
                high=None if high is None else [high],
                runs=arm.runs,
            )
        )
    return Plot("Parameters", Axis("parameters, millions"), Axis("test accuracy, %"), series)


def _equal(what: str, say: Callable[[float], str], arms: Sequence[Arm], spent: Spent) -> Table:
    """Accuracies at the least that any of the arms spent in all, so that each has a figure."""
    budget = min(spent(outcome)[-1] for arm in arms for outcome in arm.outcomes)
    rows = []
    for arm in arms:
        found = [accuracy_at(outcome, spent, budget) for outcome in arm.outcomes]
        known = [accuracy for accuracy in found if accuracy is not None]
        spends = float(np.mean([spent(outcome)[-1] for outcome in arm.outcomes]))
        is_whole = len(known) == len(found)
        rows.append(
            [
                cells.words(arm.name, arm=arm.index),
                cells.percent(known, arm.runs) if is_whole else Cell("not one epoch yet"),
                cells.percent(arm.accuracies, arm.runs),
                cells.number(spends, say(spends), arm.runs),
            ]
        )
    return Table(
        f"At equal training {what}: {say(budget)}",
        [
            Column("", is_numeric=False),
            Column("test accuracy at that point"),
            Column("at the end"),
            Column("spent in all"),
        ],
        rows,
        "The arm that spent more is read in the middle of its schedule, before its learning rate "
        "has come down: a run planned for this budget would do better.",
    )
