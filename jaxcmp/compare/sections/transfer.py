"""Transfer: what pretrained weights are worth, beside the same training from random ones."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Block, Cell, Column, Commands, Section, Table, Text
from jaxcmp.compare.sections.classes import class_gaps, gap_table
from jaxcmp.compare.sections.commands import (
    PUBLISHED,
    begin_from,
    fine_tune,
    from_random,
    other_model,
    vary,
)
from jaxcmp.compare.sections.flips import flip_blocks
from jaxcmp.compare.sections.seen import seen_blocks
from jaxcmp.compare.sections.transfer_figures import transfer_figures
from jaxcmp.compare.sections.tuned import Tuned, differences, ends, largest, tuned_arms
from jaxcmp.compare.settings import TRAIN_FRACTION
from jaxcmp.compare.statistics.means import compare_means
from jaxcmp.compare.verdict import lead_sentence

TITLE = "Transfer"
SMALL_PART = 0.1
NOTE = (
    "Mean over seeds with half of its 95 % t-interval; n is the number of seeds. The gain is the "
    "pretrained arm's accuracy minus the other's, with Welch's 95 % interval."
)


def transfer_section(group: Group) -> Section:
    arms = tuned_arms(group)
    if not arms:
        text = (
            "No run here began from weights that had seen other images. With published ones in "
            "place, these would show what pretraining is worth:"
        )
        run = group.arms[0].outcomes[0]
        lines = [fine_tune(run, architecture) for architecture in PUBLISHED]
        return Section("transfer", TITLE, [Text(text), Commands(lines)])
    beside = [(each, each.baseline) for each in ends(arms)]
    blocks: list[Block] = [Text(_gain_text(each, random)) for each, random in beside if random]
    blocks += [*flip_blocks(arms), _table(arms), *_differences(arms), *transfer_figures(arms)]
    blocks += [*_by_class(group, arms), *seen_blocks(group, arms)]
    return Section("transfer", TITLE, [*blocks, *_missing(arms)])


def _gain_text(tuned: Tuned, baseline: Arm) -> str:
    pair = sorted([tuned.arm, _named(baseline)], key=lambda arm: -arm.mean_accuracy)
    return f"On {tuned.num_train:,} training images, {lead_sentence(*pair)}"


def _named(baseline: Arm) -> Arm:
    return dataclasses.replace(baseline, name=f"{baseline.name} from random weights")


def _table(arms: Sequence[Tuned]) -> Table:
    # The gain comes early: on a phone the last columns are out of sight.
    columns = [Column("", is_numeric=False), Column("training images")]
    columns += [Column("gain, points [95 % interval]"), Column("p"), Column("pretrained")]
    columns += [Column("from random weights"), Column("which is of", is_numeric=False)]
    columns += [Column("epochs")]
    rows = [_row(each, baseline) for each in arms for baseline in each.baselines or (None,)]
    return Table("Test accuracy from random and from pretrained weights", columns, rows, NOTE)


def _row(tuned: Tuned, baseline: Arm | None) -> list[Cell]:
    epochs = cells.count(tuned.arm.outcomes[0].num_epochs, tuned.arm.runs)
    first = [
        cells.words(tuned.label, arm=tuned.index),
        cells.count(tuned.num_train, tuned.arm.runs),
    ]
    if baseline is None:
        accuracies = [_accuracy(tuned.arm), Cell("not trained")]
        return [*first, Cell("–"), Cell("–"), *accuracies, Cell("–"), epochs]
    gain = compare_means(tuned.arm.accuracies, baseline.accuracies)
    runs = tuned.arm.runs + baseline.runs
    told = differences(tuned, baseline)
    return [
        *first,
        cells.difference(gain.mean, gain.interval, runs),
        cells.p_value(gain.p_value, runs),
        _accuracy(tuned.arm),
        _accuracy(baseline),
        cells.words(f"{baseline.name}, another {', '.join(told)}" if told else baseline.name),
        epochs,
    ]


def _accuracy(arm: Arm) -> Cell:
    cell = cells.percent(arm.accuracies, arm.runs)
    return dataclasses.replace(cell, text=f"{cell.text}, n = {cell.num}")


def _by_class(group: Group, arms: Sequence[Tuned]) -> list[Block]:
    """On the most images that there are with a counterpart."""
    blocks: list[Block] = []
    for each in largest([each for each in arms if each.baseline]):
        if each.baseline:
            gaps = class_gaps(group, each.arm, each.baseline)
            blocks.append(gap_table(each.arm, _named(each.baseline), gaps))
    return blocks


def _differences(arms: Sequence[Tuned]) -> list[Block]:
    """Gains that more than the weights may explain, and what would tell."""
    mixed = [each for each in arms if each.baseline and differences(each, each.baseline)]
    if not mixed:
        return []
    names = " and ".join(dict.fromkeys(each.arm.name for each in mixed))
    text = (
        f"What {names} and the arms beside differ in is more than their weights: part of the gain "
        "may be the recipe's. These runs would differ in nothing else:"
    )
    lines = [from_random(each.arm.outcomes[0]) for each in mixed]
    return [Text(text), Commands(list(dict.fromkeys(lines)))]


def _missing(arms: Sequence[Tuned]) -> list[Block]:
    blocks: list[Block] = []
    alone = [each for each in arms if not each.baselines]
    if alone:
        names = " and ".join(dict.fromkeys(each.arm.name for each in alone))
        text = f"Nothing beside {names} began from random weights. These runs would:"
        blocks += [Text(text), Commands([from_random(each.arm.outcomes[0]) for each in alone])]
    for architecture in PUBLISHED:
        if all(each.architecture != architecture for each in arms):
            blocks += _other_architecture(arms[0], architecture)
    if len({each.num_train for each in arms}) == 1:
        blocks += _smaller_parts(arms)
    return blocks


def _other_architecture(tuned: Tuned, architecture: str) -> list[Block]:
    """One that began from weights of the same kind as what there is."""
    start = f"Whether pretraining flips the gap takes a pretrained {architecture} as well."
    run = tuned.arm.outcomes[0]
    if not tuned.origin.is_run:
        lines = [fine_tune(run, architecture)]
        return [Text(f"{start} With published weights in place:"), Commands(lines)]
    source = f"runs/pretrained/{architecture}/seed-0"
    folder = f"runs/{architecture}-pretrained/seed-{run.seed}"
    text = f"{start} From {source}, a run of it on {tuned.origin.words}:"
    return [Text(text), Commands([begin_from(other_model(run), source, folder)])]


def _smaller_parts(arms: Sequence[Tuned]) -> list[Block]:
    runs = [arm.outcomes[0] for each in arms for arm in (each.arm, *each.baselines[:1])]
    lines = []
    for run in runs:
        fraction = f"{SMALL_PART * run.train_fraction:g}"
        lines.append(vary(run, {TRAIN_FRACTION: fraction}, suffix=f"-{fraction}"))
    text = "Pretraining may be worth more where there are fewer images. On a tenth of these:"
    return [Text(text), Commands(list(dict.fromkeys(lines)))]
