"""Cost: what an accuracy takes in FLOPs and in time, and who is ahead at equal cost."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, all_devices, is_equal, runs_of
from jaxcmp.compare.document import Axis, Block, Figure, Plot, Suggestion, Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts
from jaxcmp.compare.sections.commands import at_length, vary
from jaxcmp.compare.sections.over_seeds import accuracies, by_epoch
from jaxcmp.compare.verdict import lead_sentence
from jaxcmp.compare.words import count

TITLE = "Cost"
ACCURACY = Axis("test accuracy, %")
CAPTION = (
    "Mean over seeds after each epoch. A run planned for a shorter length would have another "
    "learning rate at the same point."
)
SIZE_CAPTION = (
    "The last epoch: mean with its 95 % t-interval over seeds, or each of fewer than three."
)
EQUAL_NOTE = (
    "Each run was planned for its length, learning rate and all. Training FLOPs are equal where "
    "they differ by 2 % at most: a training lasts for whole epochs."
)


def _teraflops(outcome: Outcome) -> list[float]:
    total, last = outcome.training_flops, outcome.epochs[-1]["step"]
    return [total * epoch["step"] / last / 1e12 for epoch in outcome.epochs]


def _minutes(outcome: Outcome) -> list[float]:
    return np.cumsum([epoch["seconds"] / 60 for epoch in outcome.epochs]).tolist()


def cost_section(group: Group) -> Answer:
    arms = group.arms
    devices = sorted(all_devices(runs_of(arms)))
    panels = [_along("Accuracy by training FLOPs", "training TFLOP", _teraflops, arms)]
    # Times on different machines have no common mean, and no common axis.
    if len(devices) == 1:
        panels.append(_along("Accuracy by training time", "training time, min", _minutes, arms))
    names = ", ".join(arm.name for arm in arms)
    alternative = f"Test accuracy against what training had spent, for {names}."
    figure = Figure("cost", panels, CAPTION, alternative)
    sentences, equal, more = _equal_flops(group)
    alternative = f"Test accuracy against parameters, for {names}."
    sizes = Figure("parameters", [_sizes(arms)], SIZE_CAPTION, alternative)
    return answered(
        "cost",
        TITLE,
        [*equal, figure],
        findings=[group.of_main_pair(sentences)],
        details=[sizes, *_notes(arms, devices)],
        folded="parameters",
        more=more,
    )


def _notes(arms: Sequence[Arm], devices: Sequence[str]) -> list[Block]:
    apart, listed = "", ", ".join(devices)
    if len(devices) > 1:
        apart = f"Times are not compared, as the runs were on several devices ({listed})."
    begun = " and ".join(arm.name for arm in arms if arm.outcomes[0].origin)
    uncounted = f"The cost of pretraining is not counted for {begun}." if begun else ""
    return notes(apart, uncounted)


def _say_flops(flops: float) -> str:
    return f"{cells.powers(flops)}FLOP"


def _along(
    title: str, label: str, spent: Callable[[Outcome], list[float]], arms: Sequence[Arm]
) -> Plot:
    series = []
    for arm in arms:
        *_, mean = by_epoch(arm, "test_accuracy", 100, arm.name)
        x = [float(np.mean(values)) for values in arm.by_epoch(spent).values()]
        series.append(structs.replace(mean, x=x))
    return Plot(title, Axis(label), ACCURACY, series)


def _sizes(arms: Sequence[Arm]) -> Plot:
    series = []
    for arm in arms:
        size = [arm.outcomes[0].parameters / 1e6]
        series += accuracies(arm.name, size, [arm], "points", arm.index)
    return Plot("Accuracy by parameters", Axis("parameters, millions"), ACCURACY, series)


def _equal_flops(group: Group) -> tuple[list[str], list[Block], list[Suggestion]]:
    """Compares arms at the lengths at which their trainings take as many operations.

    Returns a sentence for each pair, "" where there is none, the blocks, and the runs that would
    compare the other pairs.
    """
    sentences: list[str] = []
    blocks: list[Block] = []
    more: list[Suggestion] = []
    for leader, other in group.pairs:
        one, two = (arm.outcomes[0].training_flops for arm in (leader, other))
        if is_equal(one, two):
            text = (
                f"{leader.name} and {other.name} take as many training FLOPs as each other, "
                f"{_say_flops(one)} and {_say_flops(two)}: who is ahead is ahead at equal cost."
            )
            sentences.append(text)
            blocks += texts(text)
        elif pairs := _equal_pairs(group, leader, other):
            own = [f"At equal training FLOPs, {lead_sentence(*pair)}" for pair in pairs]
            sentences.append(own[0])
            blocks += [*texts(*own), _equal_table(pairs)]
        else:
            sentences.append("")
            more += _planned(leader, other)
    return sentences, blocks, more


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
        flops = arm.outcomes[0].training_flops
        row = [columns.name(arm), columns.accuracy(arm), cells.count(len(arm.runs), arm.runs)]
        row.append(cells.count(arm.outcomes[0].num_epochs, arm.runs))
        rows.append([*row, cells.number(flops, _say_flops(flops), arm.runs)])
    headings = columns.of_words("Arm")
    headings += columns.of_numbers("test accuracy", "n", "epochs", "training FLOPs")
    return Table("At equal training FLOPs, each run planned for them", headings, rows, EQUAL_NOTE)


def _planned(leader: Arm, other: Arm) -> list[Suggestion]:
    """The cheaper arm, for as many epochs as the other's FLOPs pay for.

    Nothing where no whole number of epochs comes near enough.
    """
    flops = {arm.name: arm.outcomes[0].training_flops for arm in (leader, other)}
    cheap, dear = sorted((leader, other), key=lambda arm: flops[arm.name])
    run, ratio = cheap.outcomes[0], flops[leader.name] / flops[other.name]
    num_epochs = round(run.num_epochs * flops[dear.name] / flops[cheap.name])
    if not is_equal(flops[cheap.name] * num_epochs / run.num_epochs, flops[dear.name]):
        return []
    text = (
        f"Equal cost: {leader.name} takes {ratio:.2f} times the training FLOPs of {other.name}; "
        f"{count(num_epochs, 'epoch')} of {cheap.name}, planned for that length, would take about "
        "as many."
    )
    settings = at_length(run, num_epochs)
    return [Suggestion(text, vary(run, settings, suffix=f"-{num_epochs}-epochs"))]
