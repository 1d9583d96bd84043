"""Cost: what an accuracy takes in operations and in time, and who is ahead at equal cost."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, arm_of, is_equal
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
    Text,
)
from jaxcmp.compare.sections.answer import Answer, answered, unanswered
from jaxcmp.compare.sections.commands import at_length, repeat, vary
from jaxcmp.compare.sections.over_seeds import over_seeds
from jaxcmp.compare.verdict import lead_sentence

TITLE = "Cost"
CAPTION = "The mean over seeds after each epoch, on a schedule made for the whole run."
SIZE_CAPTION = (
    "The last epoch: mean with its 95 % t-interval over seeds, or each of fewer than three."
)
BUDGET_NOTE = (
    "The arm that spent more is read in the middle of its schedule, before its learning rate has "
    "come down: a run planned for this budget would do better."
)
EQUAL_NOTE = (
    "Each run was planned for its length, learning rate and all. Training FLOPs are equal where "
    "they differ by 2 % at most: a training lasts for whole epochs."
)


@dataclasses.dataclass(frozen=True)
class Spending:
    """A measure of cost: what a run has spent by the end of each epoch, and how that is written."""

    what: str
    axis: str
    spent: Callable[[Outcome], list[float]]
    say: Callable[[float], str]


def _teraflops(outcome: Outcome) -> list[float]:
    total, last = outcome.run.cost["training_flops"], outcome.epochs[-1]["step"]
    return [total * epoch["step"] / last / 1e12 for epoch in outcome.epochs]


def _minutes(outcome: Outcome) -> list[float]:
    return np.cumsum([epoch["seconds"] / 60 for epoch in outcome.epochs]).tolist()


FLOPS = Spending("operations", "training TFLOP", _teraflops, lambda spent: _say_flops(1e12 * spent))
TIME = Spending("time", "training time, min", _minutes, lambda spent: cells.duration(60 * spent))


def cost_section(group: Group) -> Answer:
    known = [arm_of(arm, list(filter(_can_tell, arm.outcomes))) for arm in group.arms]
    arms = [arm for arm in known if arm]
    if not arms:
        text = "Cost: the runs recorded no epochs or no costs. To train again:"
        return unanswered(text, repeat(group.arms[0].outcomes[0]))
    devices = {outcome.device for arm in arms for outcome in arm.outcomes}
    # Times on different machines have no common mean, and no common axis.
    spendings = [FLOPS, TIME] if len(devices) == 1 else [FLOPS]
    names = ", ".join(arm.name for arm in arms)
    alternative = f"Test accuracy against what training had spent, for {names}."
    figure = Figure("cost", [_along(each, arms) for each in spendings], CAPTION, alternative)
    equal = [_equal_flops(group, *pair) for pair in group.pairs]
    blocks: list[Block] = [*(b for each in equal for b in each.blocks), figure]
    details: list[Block] = [_at_budget(each, arms) for each in spendings if len(arms) > 1]
    alternative = f"Test accuracy against parameters, for {names}."
    sizes = Figure("parameters", [_sizes(arms)], SIZE_CAPTION, alternative)
    details += [sizes, *_notes(group, arms, devices)]
    finding = equal[0].finding if len(equal) == 1 else ""
    more = [suggestion for each in equal for suggestion in each.more]
    folded = "equal operations, equal time, parameters"
    return answered(
        "cost", TITLE, blocks, finding=finding, details=details, folded=folded, more=more
    )


def _notes(group: Group, arms: Sequence[Arm], devices: set[str]) -> list[Text]:
    notes = []
    if len(devices) > 1:
        listed = ", ".join(sorted(devices))
        notes.append(f"Times are not compared, as the runs were on several devices ({listed}).")
    without = [
        f"seed {outcome.seed} of {arm.name} ({outcome.folder})"
        for arm in group.arms
        for outcome in arm.outcomes
        if not _can_tell(outcome)
    ]
    if without:
        notes.append(f"Left out, without recorded epochs or costs: {', '.join(without)}.")
    begun = [arm.name for arm in arms if arm.outcomes[0].origin]
    if begun:
        notes.append(f"The cost of pretraining is not counted for {' and '.join(begun)}.")
    return [Text(note, "note") for note in notes]


def accuracy_at(outcome: Outcome, spending: Spending, budget: float) -> float | None:
    """Test accuracy in [0, 1] once `budget` is spent, linear between epochs; None before one."""
    x, y = spending.spent(outcome), _accuracies(outcome)
    # Sums of the same numbers in another order differ in the last digit.
    return None if budget < x[0] * (1 - 1e-9) else float(np.interp(budget, x, y))


def _can_tell(outcome: Outcome) -> bool:
    return bool(outcome.epochs) and outcome.training_flops is not None


def _accuracies(outcome: Outcome) -> list[float]:
    return [epoch["test_accuracy"] for epoch in outcome.epochs]


def _say_flops(flops: float) -> str:
    return f"{cells.powers(flops)}FLOP"


def _along(spending: Spending, arms: Sequence[Arm]) -> Plot:
    series = []
    for arm in arms:
        x = [float(np.mean(values)) for values in arm.by_epoch(spending.spent).values()]
        y = [100 * float(np.mean(values)) for values in arm.by_epoch(_accuracies).values()]
        series.append(Series(arm.name, list(x), list(y), "thick", arm.index, runs=arm.runs))
    title = f"Training {spending.what}"
    return Plot(title, Axis(spending.axis), Axis("test accuracy, %"), series)


def _sizes(arms: Sequence[Arm]) -> Plot:
    series = []
    for arm in arms:
        size, percents = [arm.outcomes[0].parameters / 1e6], [100 * a for a in arm.accuracies]
        series += over_seeds(arm.name, size, [percents], "points", arm.index, arm.runs)
    return Plot("Parameters", Axis("parameters, millions"), Axis("test accuracy, %"), series)


def _at_budget(spending: Spending, arms: Sequence[Arm]) -> Table:
    """Accuracies at the least that any of the arms spent in all, so that each has a figure."""
    budget = min(spending.spent(outcome)[-1] for arm in arms for outcome in arm.outcomes)
    rows = []
    for arm in arms:
        found = [accuracy_at(outcome, spending, budget) for outcome in arm.outcomes]
        known = [accuracy for accuracy in found if accuracy is not None]
        total = float(np.mean([spending.spent(outcome)[-1] for outcome in arm.outcomes]))
        is_whole = len(known) == len(found)
        rows.append(
            [
                cells.words(arm.name, arm=arm.index),
                cells.percent(known, arm.runs) if is_whole else Cell("not one epoch yet"),
                cells.percent(arm.accuracies, arm.runs),
                cells.number(total, spending.say(total), arm.runs),
            ]
        )
    columns = [Column("Arm", is_numeric=False), Column("test accuracy at that point")]
    columns += [Column("at the end"), Column("spent in all")]
    title = f"At equal training {spending.what}: {spending.say(budget)}"
    return Table(title, columns, rows, BUDGET_NOTE)


@dataclasses.dataclass(frozen=True)
class _Equal:
    """Says what runs of equal cost show of a pair of arms, or which run would show it."""

    blocks: list[Block] = dataclasses.field(default_factory=list)
    finding: str = ""
    more: list[Suggestion] = dataclasses.field(default_factory=list)


def _equal_flops(group: Group, leader: Arm, other: Arm) -> _Equal:
    """Compares two arms at the lengths at which their trainings take as many operations."""
    one, two = (arm.outcomes[0].training_flops for arm in (leader, other))
    if not one or not two:
        return _Equal()
    if is_equal(one, two):
        text = (
            f"{leader.name} and {other.name} take as many training FLOPs as each other, "
            f"{_say_flops(one)} and {_say_flops(two)}: who is ahead at equal epochs is ahead at "
            "equal cost."
        )
        return _Equal([Text(text)], text)
    pairs = _equal_pairs(group, leader, other)
    if not pairs:
        return _Equal(more=[_planned(leader, other)])
    found = [f"At equal training FLOPs, {lead_sentence(*_ranked(pair))}" for pair in pairs]
    columns = [Column("Arm", is_numeric=False), Column("test accuracy"), Column("n")]
    columns += [Column("epochs"), Column("training FLOPs")]
    rows = [_row(arm) for pair in pairs for arm in pair]
    table = Table("At equal training FLOPs, each run planned for them", columns, rows, EQUAL_NOTE)
    return _Equal([*(Text(each) for each in found), table], found[0])


def _equal_pairs(group: Group, first: Arm, second: Arm) -> list[tuple[Arm, Arm]]:
    """Compares one arm with the other, at all lengths that take as many FLOPs."""
    lengths = [
        [arm, *(each for each in group.other_lengths if each.index == arm.index)]
        for arm in (first, second)
    ]
    return [
        (one, two)
        for one, two in itertools.product(*lengths)
        if is_equal(one.outcomes[0].training_flops, two.outcomes[0].training_flops)
    ]


def _ranked(arms: Sequence[Arm]) -> list[Arm]:
    return sorted(arms, key=lambda arm: -arm.mean_accuracy)


def _row(arm: Arm) -> list[Cell]:
    first = arm.outcomes[0]
    flops = first.training_flops or 0.0
    return [
        cells.words(arm.name, arm=arm.index),
        cells.percent(arm.accuracies, arm.runs),
        cells.count(len(arm.outcomes), arm.runs),
        cells.count(first.num_epochs, arm.runs),
        cells.number(flops, _say_flops(flops), arm.runs),
    ]


def _planned(leader: Arm, other: Arm) -> Suggestion:
    """The cheaper arm, for as many epochs as the other's FLOPs pay for."""
    flops = {arm.name: arm.outcomes[0].training_flops or 1.0 for arm in (leader, other)}
    cheap, dear = sorted((leader, other), key=lambda arm: flops[arm.name])
    run, ratio = cheap.outcomes[0], flops[leader.name] / flops[other.name]
    num_epochs = round(run.num_epochs * flops[dear.name] / flops[cheap.name])
    text = (
        f"Equal cost: {leader.name} takes {ratio:.2f} times the training FLOPs of {other.name}; "
        f"{num_epochs:,} epochs of {cheap.name}, planned for that length, would take as many."
    )
    settings = at_length(run, num_epochs)
    return Suggestion(text, vary(run, settings, suffix=f"-{num_epochs}-epochs"))
