"""Equal training FLOPs: arms at the lengths at which their trainings take as many operations."""

import itertools
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, is_equal
from jaxcmp.compare.document import Block, Cell, Column, Commands, Table, Text
from jaxcmp.compare.sections.commands import at_length, vary
from jaxcmp.compare.verdict import lead_sentence

NOTE = (
    "Each run was planned for its length, learning rate and all. Equal are training FLOPs that "
    "differ by 2 % at most: a training lasts for whole epochs."
)


def equal_cost_blocks(group: Group) -> list[Block]:
    """For the leader beside each other arm whose cost is known; nothing where there is none."""
    return [block for leader, other in group.pairs for block in _blocks(group, leader, other)]


def _blocks(group: Group, leader: Arm, other: Arm) -> list[Block]:
    one, two = (arm.outcomes[0].training_flops for arm in (leader, other))
    if not one or not two:
        return []
    pairs = _equal_pairs(group, leader, other)
    if not pairs:
        return _missing(leader, other)
    if is_equal(one, two):
        text = (
            f"{leader.name} and {other.name} take as many training FLOPs as it is, "
            f"{_say(one)} and {_say(two)}: what was measured at equal epochs holds at equal cost."
        )
        return [Text(text)]
    return _compared([leader, other], pairs)


def _equal_pairs(group: Group, first: Arm, second: Arm) -> list[tuple[Arm, Arm]]:
    """One arm beside the other, at all lengths that take as many FLOPs."""
    lengths = [
        [arm, *(each for each in group.other_lengths if each.index == arm.index)]
        for arm in (first, second)
    ]
    return [
        (one, two)
        for one, two in itertools.product(*lengths)
        if is_equal(one.outcomes[0].training_flops, two.outcomes[0].training_flops)
    ]


def _compared(usual: Sequence[Arm], pairs: Sequence[tuple[Arm, Arm]]) -> list[Block]:
    epochs = " and ".join(dict.fromkeys(f"{arm.outcomes[0].num_epochs:,}" for arm in usual))
    blocks: list[Block] = [
        Text(f"At equal training FLOPs: {lead_sentence(*_ranked(pair))}") for pair in pairs
    ]
    blocks.append(Text(f"Beside it, after {epochs} epochs: {lead_sentence(*_ranked(usual))}"))
    columns = [Column("", is_numeric=False), Column("test accuracy"), Column("n")]
    columns += [Column("epochs"), Column("training FLOPs")]
    rows = [_row(arm) for pair in pairs for arm in pair]
    title = "At equal training FLOPs, each run planned for them"
    return [*blocks, Table(title, columns, rows, NOTE)]


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
        cells.number(flops, _say(flops), arm.runs),
    ]


def _missing(leader: Arm, other: Arm) -> list[Block]:
    """The cheaper arm, for as many epochs as the other's FLOPs pay for."""
    runs = [arm.outcomes[0] for arm in (leader, other)]
    cheap, dear = sorted(runs, key=lambda each: each.training_flops or 0.0)
    ratio = (dear.training_flops or 0.0) / (cheap.training_flops or 1.0)
    num_epochs = round(cheap.num_epochs * ratio)
    names = {arm.outcomes[0].folder: arm.name for arm in (leader, other)}
    text = (
        f"{names[dear.folder]} takes {ratio:.2f} times the training FLOPs of "
        f"{names[cheap.folder]}. {num_epochs:,} epochs of {names[cheap.folder]}, planned for that "
        "length, would compare the two at equal cost:"
    )
    settings = at_length(cheap, num_epochs)
    return [Text(text), Commands([vary(cheap, settings, suffix=f"-{num_epochs}-epochs")])]


def _say(flops: float) -> str:
    return f"{cells.powers(flops)}FLOP"
