"""The gap between two architectures from random and from pretrained weights, and its change."""

import dataclasses
import itertools
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Block, Cell, Column, Table
from jaxcmp.compare.sections.pretrained_arms import Pretrained
from jaxcmp.compare.statistics.factorial import contrast
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs, without_few

TITLE = "The gap between architectures, from random and from pretrained weights"
NOTE = (
    "Gaps: Welch's test. Their change is a contrast of the four means, each with its own spread "
    "between seeds (Satterthwaite's degrees of freedom). With fewer than three seeds of an arm "
    "there is no interval and no p value. n counts the seeds of each arm."
)


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
        return without_few(contrast(accuracies, (1, -1, -1, 1), most=1), *accuracies)


def gaps_and_table(arms: Sequence[Pretrained]) -> tuple[list[str], list[Block]]:
    """A sentence for each number of images, and a table; nothing without two architectures."""
    found = gaps_of(arms)
    if not found:
        return [], []
    columns = [Column("gap", is_numeric=False), Column("training images")]
    columns += [Column("points [95 % interval]"), Column("p"), Column("n", is_numeric=False)]
    rows = [row for each in found for row in _rows(each)]
    return [_sentence(each) for each in found], [Table(TITLE, columns, rows, NOTE)]


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


def _rows(gaps: Gaps) -> list[list[Cell]]:
    name = " − ".join(gaps.names)
    pretrained, random = gaps.arms[:2], gaps.arms[2:]
    return [
        _row(f"{name}, from random weights", gaps, gaps.random, random),
        _row(f"{name}, pretrained", gaps, gaps.pretrained, pretrained),
        _row("Change by pretraining", gaps, gaps.change, gaps.arms),
    ]


def _row(label: str, gaps: Gaps, gap: Difference, arms: Sequence[Arm]) -> list[Cell]:
    runs = [run for arm in arms for run in arm.runs]
    return [
        cells.words(label),
        cells.count(gaps.num_train, runs),
        cells.difference(gap.mean, gap.interval, runs),
        cells.p_value(gap.p_value, runs),
        cells.words(", ".join(str(len(arm.runs)) for arm in arms)),
    ]


def _sentence(gaps: Gaps) -> str:
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
    return f"the means do not change places, though seeds alone could explain {which}"
