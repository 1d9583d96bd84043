"""Transfer: what pretrained weights are worth, beside the same training from random ones."""

import dataclasses
from collections.abc import Sequence

from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Block, Cell, Column, Suggestion, Table, Text
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION
from jaxcmp.compare.sections.answer import Answer, answered, unanswered
from jaxcmp.compare.sections.classes import class_gaps, gap_table
from jaxcmp.compare.sections.commands import (
    PUBLISHED,
    fine_tune,
    from_random,
    other_model,
    vary,
)
from jaxcmp.compare.sections.pretrained_arms import (
    Pretrained,
    differences,
    ends,
    largest,
    pretrained_arms,
)
from jaxcmp.compare.sections.pretraining_data import data_blocks
from jaxcmp.compare.sections.pretraining_figures import pretraining_figures
from jaxcmp.compare.sections.pretraining_gaps import gaps_and_table
from jaxcmp.compare.statistics.means import compare_runs
from jaxcmp.compare.verdict import lead_sentence

TITLE = "Pretraining"
SMALL_PART = 0.1
NOTE = (
    "Mean over seeds with half of its 95 % t-interval, or each of fewer than three; n is the "
    "number of seeds. The gain is the pretrained arm's accuracy minus the other's, with "
    "Welch's 95 % interval."
)


def pretraining_section(group: Group) -> Answer:
    arms = pretrained_arms(group)
    if not arms:
        run = group.arms[0].outcomes[0]
        text = "Pretraining: a run that begins with published weights, with their file in place."
        known = run.architecture if run.architecture in PUBLISHED else "vit"
        return unanswered(text, fine_tune(run, known))
    gains = [_gain_sentence(each, each.baseline) for each in ends(arms) if each.baseline]
    gaps, changes = gaps_and_table(arms)
    blocks: list[Block] = [Text(each) for each in (*gains, *gaps)]
    blocks += [*pretraining_figures(arms), _table(arms)]
    details: list[Block] = [*changes, *_by_class(group, arms), *data_blocks(group, arms)]
    finding = (gaps or gains or [""])[0]
    more = _missing(arms)
    return answered("pretraining", TITLE, blocks, finding=finding, details=details, more=more)


def _gain_sentence(pretrained: Pretrained, baseline: Arm) -> str:
    pair = sorted([pretrained.arm, _named(baseline)], key=lambda arm: -arm.mean_accuracy)
    return f"On {pretrained.num_train:,} training images, {lead_sentence(*pair)}"


def _named(baseline: Arm) -> Arm:
    return dataclasses.replace(baseline, name=f"{baseline.name} from random weights")


def _table(arms: Sequence[Pretrained]) -> Table:
    # The gain comes early: on a phone the last columns are out of sight.
    columns = [Column("Arm", is_numeric=False), Column("training images")]
    columns += [Column("gain, points [95 % interval]"), Column("p"), Column("pretrained")]
    columns += [Column("from random weights"), Column("which is of", is_numeric=False)]
    columns += [Column("epochs")]
    rows = [_row(each, baseline) for each in arms for baseline in each.baselines or (None,)]
    return Table("Test accuracy from random and from pretrained weights", columns, rows, NOTE)


def _row(pretrained: Pretrained, baseline: Arm | None) -> list[Cell]:
    epochs = cells.count(pretrained.arm.outcomes[0].num_epochs, pretrained.arm.runs)
    first = [
        cells.words(pretrained.label, arm=pretrained.index),
        cells.count(pretrained.num_train, pretrained.arm.runs),
    ]
    if baseline is None:
        accuracies = [_accuracy(pretrained.arm), Cell("not trained")]
        return [*first, Cell("–"), Cell("–"), *accuracies, Cell("–"), epochs]
    gain = compare_runs(pretrained.arm.accuracies, baseline.accuracies, most=1)
    runs = pretrained.arm.runs + baseline.runs
    told = differences(pretrained, baseline)
    return [
        *first,
        cells.difference(gain.mean, gain.interval, runs),
        cells.p_value(gain.p_value, runs),
        _accuracy(pretrained.arm),
        _accuracy(baseline),
        cells.words(f"{baseline.name}, another {', '.join(told)}" if told else baseline.name),
        epochs,
    ]


def _accuracy(arm: Arm) -> Cell:
    cell = cells.percent(arm.accuracies, arm.runs)
    return structs.replace(cell, text=f"{cell.text}, n = {cell.num}")


def _by_class(group: Group, arms: Sequence[Pretrained]) -> list[Block]:
    """Chooses the arms on the most images that have a counterpart."""
    tables: list[Block] = []
    for each in largest([each for each in arms if each.baseline]):
        if each.baseline:
            gaps = class_gaps(group, each.arm, each.baseline)
            tables.append(gap_table(group, each.arm, _named(each.baseline), gaps))
    return tables


def _missing(arms: Sequence[Pretrained]) -> list[Suggestion]:
    more = []
    mixed = [each for each in arms if each.baseline and differences(each, each.baseline)]
    if mixed:
        text = (
            f"The gain of {mixed[0].arm.name} may be partly its recipe's: a run from random "
            "weights that differs in nothing else."
        )
        more.append(Suggestion(text, from_random(mixed[0].arm.outcomes[0])))
    alone = [each for each in arms if not each.baselines]
    if alone:
        text = f"The gain of {alone[0].arm.name}: the same run from random weights."
        more.append(Suggestion(text, from_random(alone[0].arm.outcomes[0])))
    for architecture in PUBLISHED:
        if all(each.architecture != architecture for each in arms):
            more.append(_other_architecture(arms[0], architecture))
    if len({each.num_train for each in arms}) == 1:
        run = arms[0].arm.outcomes[0]
        fraction = f"{SMALL_PART * run.train_fraction:g}"
        text = "Pretraining may be worth more with fewer images: a run on a tenth of them."
        more.append(Suggestion(text, vary(run, {TRAIN_FRACTION: fraction}, suffix=f"-{fraction}")))
    return more


def _other_architecture(pretrained: Pretrained, architecture: str) -> Suggestion:
    """Returns the command of a run that begins with weights of the same kind."""
    start = f"Whether pretraining changes who is ahead: a pretrained {architecture} as well"
    run = pretrained.arm.outcomes[0]
    if not pretrained.origin.is_run:
        return Suggestion(f"{start}, with published weights.", fine_tune(run, architecture))
    source = f"runs/pretrained/{architecture}/seed-0"
    folder = f"runs/{architecture}-pretrained/seed-{run.seed}"
    text = f"{start}, from {source}, a run of it on {pretrained.origin.words}."
    return Suggestion(text, other_model(run, source, folder))
