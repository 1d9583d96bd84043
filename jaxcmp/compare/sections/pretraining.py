"""Pretraining: what weights are worth beside random ones, and whether they change who is ahead."""

import dataclasses
import itertools
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
from jaxcmp.compare.sections.pretraining_arms import (
    Pretrained,
    data_blocks,
    differences,
    ends,
    largest,
    pretrained_arms,
)
from jaxcmp.compare.sections.pretraining_figures import pretraining_figures
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, contrast
from jaxcmp.compare.verdict import lead_sentence

TITLE = "Pretraining"
SMALL_PART = 0.1
NOTE = (
    "Mean over seeds with half of its 95 % t-interval, or each of fewer than three; n is the "
    "number of seeds. The gain is the pretrained arm's accuracy minus the other's, with "
    "Welch's 95 % interval."
)
GAPS_TITLE = "The gap between architectures, from random and from pretrained weights"
GAPS_NOTE = (
    "Gaps: Welch's test. Their change is a contrast of the four means, each with its own spread "
    "between seeds (Satterthwaite's degrees of freedom). With fewer than three seeds of an arm "
    "there is no interval and no p value. n counts the seeds of each arm."
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
    blocks += [*pretraining_figures(arms), _gain_table(arms)]
    details: list[Block] = [*changes, *_by_class(group, arms), *data_blocks(group, arms)]
    finding = (gaps or gains or [""])[0]
    return answered(
        "pretraining",
        TITLE,
        blocks,
        finding=finding,
        details=details,
        folded="gaps, classes, origin of the weights",
        more=_missing(arms),
    )


def _gain_sentence(pretrained: Pretrained, baseline: Arm) -> str:
    pair = sorted([pretrained.arm, _named(baseline)], key=lambda arm: -arm.mean_accuracy)
    return f"On {pretrained.num_train:,} training images, {lead_sentence(*pair)}"


def _named(baseline: Arm) -> Arm:
    return dataclasses.replace(baseline, name=f"{baseline.name} from random weights")


def _gain_table(arms: Sequence[Pretrained]) -> Table:
    # The gain comes early: on a phone the last columns are out of sight.
    columns = [Column("Arm", is_numeric=False), Column("training images")]
    columns += [Column("gain, points [95 % interval]"), Column("p"), Column("pretrained")]
    columns += [Column("from random weights"), Column("which is of", is_numeric=False)]
    columns += [Column("epochs")]
    rows = [_gain_row(each, baseline) for each in arms for baseline in each.baselines or (None,)]
    return Table("Test accuracy from random and from pretrained weights", columns, rows, NOTE)


def _gain_row(pretrained: Pretrained, baseline: Arm | None) -> list[Cell]:
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


@dataclasses.dataclass(frozen=True)
class Gaps:
    """The first architecture minus the second, in shares of test images.

    `arms` are both pretrained, then both from random weights, and may have other names: those of
    models of their architecture.
    """

    names: tuple[str, str]
    num_train: int
    arms: tuple[Arm, Arm, Arm, Arm]
    origins: tuple[str, str]

    @property
    def pretrained(self) -> Difference:
        return compare_runs(self.arms[0].accuracies, self.arms[1].accuracies, most=1)

    @property
    def random(self) -> Difference:
        return compare_runs(self.arms[2].accuracies, self.arms[3].accuracies, most=1)

    @property
    def change(self) -> Difference:
        accuracies = [arm.accuracies for arm in self.arms]
        return contrast(accuracies, (1, -1, -1, 1), most=1)


def gaps_and_table(arms: Sequence[Pretrained]) -> tuple[list[str], list[Block]]:
    """A sentence for each number of images, and a table; nothing without two architectures."""
    found = gaps_of(arms)
    if not found:
        return [], []
    columns = [Column("gap", is_numeric=False), Column("training images")]
    columns += [Column("points [95 % interval]"), Column("p"), Column("n", is_numeric=False)]
    rows = [row for each in found for row in _gap_rows(each)]
    return [_gap_sentence(each) for each in found], [Table(GAPS_TITLE, columns, rows, GAPS_NOTE)]


def gaps_of(arms: Sequence[Pretrained]) -> list[Gaps]:
    """Pairs the arms by size; of several, those pretrained on the same data, if there are such."""
    found = []
    for size in sorted({each.num_train for each in arms}, reverse=True):
        pairs = [
            (one, two)
            for one, two in itertools.combinations(arms, 2)
            if one.num_train == two.num_train == size and one.architecture != two.architecture
        ]
        alike = [(one, two) for one, two in pairs if one.origin.words == two.origin.words]
        found += [gaps for pair in alike or pairs if (gaps := _gaps(*pair))]
    return found


def _gaps(one: Pretrained, two: Pretrained) -> Gaps | None:
    if one.baseline is None or two.baseline is None:
        return None
    names = (one.architecture, two.architecture)
    arms = (one.arm, two.arm, one.baseline, two.baseline)
    return Gaps(names, one.num_train, arms, (one.origin.words, two.origin.words))


def _gap_rows(gaps: Gaps) -> list[list[Cell]]:
    name = " − ".join(gaps.names)
    pretrained, random = gaps.arms[:2], gaps.arms[2:]
    return [
        _gap_row(f"{name}, from random weights", gaps, gaps.random, random),
        _gap_row(f"{name}, pretrained", gaps, gaps.pretrained, pretrained),
        _gap_row("Change by pretraining", gaps, gaps.change, gaps.arms),
    ]


def _gap_row(label: str, gaps: Gaps, gap: Difference, arms: Sequence[Arm]) -> list[Cell]:
    runs = [run for arm in arms for run in arm.runs]
    return [
        cells.words(label),
        cells.count(gaps.num_train, runs),
        cells.difference(gap.mean, gap.interval, runs),
        cells.p_value(gap.p_value, runs),
        cells.words(", ".join(str(len(arm.runs)) for arm in arms)),
    ]


def _gap_sentence(gaps: Gaps) -> str:
    one, two = gaps.names
    text = (
        f"On {gaps.num_train:,} training images, {one} minus {two} is {_say(gaps.random)} from "
        f"random weights and {_say(gaps.pretrained)} from pretrained ones: "
        f"{_meaning(gaps)}. The gap changes by {_say(gaps.change)}."
    )
    if gaps.origins[0] != gaps.origins[1]:
        text += f" They were pretrained on different data: {gaps.origins[0]}; {gaps.origins[1]}."
    return text


def _say(gap: Difference) -> str:
    size = f"{cells.points(100 * gap.mean)} points"
    if gap.p_value is None:
        return f"{size} (of too few seeds, or equal ones, to tell how surely)"
    if gap.interval is None:
        return f"{size} (seeds equal within each arm, {cells.say_p(gap.p_value)})"
    low, high = (cells.points(100 * bound) for bound in gap.interval)
    return f"{size} (95 % interval {low} to {high}, {cells.say_p(gap.p_value)})"


def _meaning(gaps: Gaps) -> str:
    """Says whether the lead changes hands, which takes two leads that are real."""
    random, pretrained = gaps.random, gaps.pretrained
    leads = (random.lead, pretrained.lead)
    if Lead.TIE in leads:
        level = "both" if leads == (Lead.TIE, Lead.TIE) else "one of the two"
        return f"in {level} they are level"
    if all(each.is_real for each in leads):
        changes = "changes" if random.lead is not pretrained.lead else "does not change"
        return f"pretraining {changes} who is ahead"
    if random.mean * pretrained.mean < 0:
        return "the means change places, but these seeds do not show that pretraining is why"
    which = "one of the gaps" if any(each.is_real for each in leads) else "either gap"
    return f"the means do not change places, though seeds alone can explain {which}"


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
