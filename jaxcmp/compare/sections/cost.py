"""Cost: what an accuracy takes in FLOPs and in time, and who is ahead at equal cost."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, arm_of, is_equal
from jaxcmp.compare.document import Axis, Block, Cell, Figure, Plot, Series, Suggestion, Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, left_out, notes, texts, unanswered
from jaxcmp.compare.sections.commands import at_length, repeat_run, vary
from jaxcmp.compare.sections.over_seeds import accuracies
from jaxcmp.compare.verdict import lead_sentence
from jaxcmp.compare.words import count

TITLE = "Cost"
ACCURACY = Axis("test accuracy, %")
CAPTION = "The mean over seeds after each epoch, on a schedule made for the whole run."
SIZE_CAPTION = (
    "The last epoch: mean with its 95 % t-interval over seeds, or each of fewer than three."
)
BUDGET_NOTE = (
    "An arm that spent more is shown before the end of its schedule, while its learning rate is "
    "still high: a run planned for this budget may do better."
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


FLOPS = Spending("FLOPs", "training TFLOP", _teraflops, lambda spent: _say_flops(1e12 * spent))
TIME = Spending("time", "training time, min", _minutes, lambda spent: cells.duration(60 * spent))


def cost_section(group: Group) -> Answer:
    known = [arm_of(arm, list(filter(_can_tell, arm.outcomes))) for arm in group.arms]
    arms = [arm for arm in known if arm]
    if not arms:
        text = "Cost: the runs recorded no epochs or no costs. To train again:"
        return unanswered(text, repeat_run(group.arms[0].outcomes[0].run))
    devices = sorted({outcome.device for arm in arms for outcome in arm.outcomes})
    # Times on different machines have no common mean, and no common axis.
    spendings = [FLOPS, TIME] if len(devices) == 1 else [FLOPS]
    names = ", ".join(arm.name for arm in arms)
    alternative = f"Test accuracy against what training had spent, for {names}."
    figure = Figure("cost", [_along(each, arms) for each in spendings], CAPTION, alternative)
    said, equal, more = _equal_flops(group)
    alternative = f"Test accuracy against parameters, for {names}."
    details: list[Block] = [_at_budget(each, arms) for each in spendings if len(arms) > 1]
    details.append(Figure("parameters", [_sizes(arms)], SIZE_CAPTION, alternative))
    without = left_out(group.arms, _can_tell, "recorded epochs or costs")
    return answered(
        "cost",
        TITLE,
        [*equal, figure],
        finding=said[0] if said and len(group.pairs) == 1 else "",
        details=[*details, *_notes(arms, devices, without)],
        folded="equal operations, equal time, parameters",
        more=more,
    )


def _notes(arms: Sequence[Arm], devices: Sequence[str], without: str) -> list[Block]:
    apart, listed = "", ", ".join(devices)
    if len(devices) > 1:
        apart = f"Times are not compared, as the runs were on several devices ({listed})."
    begun = " and ".join(arm.name for arm in arms if arm.outcomes[0].origin)
    uncounted = f"The cost of pretraining is not counted for {begun}." if begun else ""
    return notes(apart, without, uncounted)


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
        series.append(Series(arm.name, x, list(y), "thick", arm.index, runs=arm.runs))
    return Plot(f"Training {spending.what}", Axis(spending.axis), ACCURACY, series)


def _sizes(arms: Sequence[Arm]) -> Plot:
    series = []
    for arm in arms:
        size = [arm.outcomes[0].parameters / 1e6]
        series += accuracies(arm.name, size, [arm], "points", arm.index)
    return Plot("Parameters", Axis("parameters, millions"), ACCURACY, series)


def _at_budget(spending: Spending, arms: Sequence[Arm]) -> Table:
    """Accuracies at the least that any of the arms spent in all, so that each has a figure."""
    budget = min(spending.spent(outcome)[-1] for arm in arms for outcome in arm.outcomes)
    rows = []
    for arm in arms:
        found = [accuracy_at(outcome, spending, budget) for outcome in arm.outcomes]
        known = [accuracy for accuracy in found if accuracy is not None]
        total = float(np.mean([spending.spent(outcome)[-1] for outcome in arm.outcomes]))
        is_whole = len(known) == len(found)
        there = cells.percent(known, arm.runs) if is_whole else Cell("not one epoch yet")
        spent = cells.number(total, spending.say(total), arm.runs)
        rows.append([columns.name(arm), there, columns.accuracy(arm), spent])
    headings = columns.of_words("Arm")
    headings += columns.of_numbers("test accuracy at that point", "at the end", "spent in all")
    title = f"At equal training {spending.what}: {spending.say(budget)}"
    return Table(title, headings, rows, BUDGET_NOTE)


def _equal_flops(group: Group) -> tuple[list[str], list[Block], list[Suggestion]]:
    """Compares arms at the lengths at which their trainings take as many operations.

    Returns sentences, the blocks that hold them, and the runs that would compare the other pairs.
    """
    said: list[str] = []
    blocks: list[Block] = []
    more: list[Suggestion] = []
    for leader, other in group.pairs:
        one, two = (arm.outcomes[0].training_flops for arm in (leader, other))
        if not one or not two:
            continue
        pairs = _equal_pairs(group, leader, other)
        if is_equal(one, two):
            own = [
                f"{leader.name} and {other.name} take as many training FLOPs as each other, "
                f"{_say_flops(one)} and {_say_flops(two)}: who is ahead at equal epochs is ahead "
                "at equal cost."
            ]
            pairs = []
        elif pairs:
            own = [f"At equal training FLOPs, {lead_sentence(*pair)}" for pair in pairs]
        else:
            more.append(_planned(leader, other))
            continue
        said += own
        blocks += [*texts(*own), *([_equal_table(pairs)] if pairs else [])]
    return said, blocks, more


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


def _equal_table(pairs: Sequence[tuple[Arm, Arm]]) -> Table:
    rows = []
    for arm in itertools.chain.from_iterable(pairs):
        flops = arm.outcomes[0].training_flops or 0.0
        row = [columns.name(arm), columns.accuracy(arm), cells.count(len(arm.runs), arm.runs)]
        row.append(cells.count(arm.outcomes[0].num_epochs, arm.runs))
        rows.append([*row, cells.number(flops, _say_flops(flops), arm.runs)])
    headings = columns.of_words("Arm")
    headings += columns.of_numbers("test accuracy", "n", "epochs", "training FLOPs")
    return Table("At equal training FLOPs, each run planned for them", headings, rows, EQUAL_NOTE)


def _planned(leader: Arm, other: Arm) -> Suggestion:
    """The cheaper arm, for as many epochs as the other's FLOPs pay for."""
    flops = {arm.name: arm.outcomes[0].training_flops or 1.0 for arm in (leader, other)}
    cheap, dear = sorted((leader, other), key=lambda arm: flops[arm.name])
    run, ratio = cheap.outcomes[0], flops[leader.name] / flops[other.name]
    num_epochs = round(run.num_epochs * flops[dear.name] / flops[cheap.name])
    text = (
        f"Equal cost: {leader.name} takes {ratio:.2f} times the training FLOPs of {other.name}; "
        f"{count(num_epochs, 'epoch')} of {cheap.name}, planned for that length, would take as "
        "many."
    )
    settings = at_length(run, num_epochs)
    return Suggestion(text, vary(run, settings, suffix=f"-{num_epochs}-epochs"))
