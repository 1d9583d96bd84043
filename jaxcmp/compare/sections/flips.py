"""Whether pretraining flips the gap between two architectures: before, after, and the change."""

import dataclasses
import itertools
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Block, Cell, Column, Table, Text
from jaxcmp.compare.sections.tuned import Tuned
from jaxcmp.compare.statistics.factorial import contrast
from jaxcmp.compare.statistics.means import Difference, compare_means

TITLE = "The gap between architectures, from random and from pretrained weights"
NOTE = (
    "Gaps: Welch's test. Their change is a contrast of the four means, each with its own spread "
    "between seeds (Satterthwaite's degrees of freedom); an arm with one seed is taken to vary as "
    "the others do, pooled. n counts the seeds of each arm."
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
    def tuned(self) -> Difference:
        return compare_means(self.arms[0].accuracies, self.arms[1].accuracies)

    @property
    def random(self) -> Difference:
        return compare_means(self.arms[2].accuracies, self.arms[3].accuracies)

    @property
    def change(self) -> Difference:
        return contrast([arm.accuracies for arm in self.arms], (1, -1, -1, 1))


def flip_blocks(arms: Sequence[Tuned]) -> list[Block]:
    """A sentence and three rows for each number of images; nothing without two architectures."""
    found = gaps_of(arms)
    if not found:
        return []
    columns = [Column("gap", is_numeric=False), Column("training images")]
    columns += [Column("points [95 % interval]"), Column("p"), Column("n", is_numeric=False)]
    rows = [row for each in found for row in _rows(each)]
    return [*(Text(_sentence(each)) for each in found), Table(TITLE, columns, rows, NOTE)]


def gaps_of(arms: Sequence[Tuned]) -> list[Gaps]:
    """By size; of several, those whose weights had seen the same, if there are such."""
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


def _gaps(one: Tuned, two: Tuned) -> Gaps | None:
    if one.baseline is None or two.baseline is None:
        return None
    names = (one.architecture, two.architecture)
    arms = (one.arm, two.arm, one.baseline, two.baseline)
    return Gaps(names, one.num_train, arms, (one.origin.words, two.origin.words))


def _rows(gaps: Gaps) -> list[list[Cell]]:
    name = " − ".join(gaps.names)
    tuned, random = gaps.arms[:2], gaps.arms[2:]
    return [
        _row(f"{name}, from random weights", gaps, gaps.random, random),
        _row(f"{name}, pretrained", gaps, gaps.tuned, tuned),
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
        f"random weights and {_say(gaps.tuned)} from pretrained ones: "
        f"{_meaning(gaps)}. The gap changes by {_say(gaps.change)}."
    )
    if gaps.origins[0] != gaps.origins[1]:
        text += f" Their weights had not seen the same: {gaps.origins[0]}; {gaps.origins[1]}."
    return text


def _say(gap: Difference) -> str:
    size = f"{cells.points(100 * gap.mean)} points"
    if gap.interval is None:
        return f"{size} (single seeds: spread unknown)"
    low, high = (cells.points(100 * bound) for bound in gap.interval)
    surely = "" if gap.p_value is None else f", {cells.say_p(gap.p_value)}"
    return f"{size} (95 % interval {low} to {high}{surely})"


def _meaning(gaps: Gaps) -> str:
    random, tuned = gaps.random, gaps.tuned
    product = random.mean * tuned.mean
    are_clear = _is_clear(random) and _is_clear(tuned)
    if product == 0:
        return "in one of the two they are level"
    if product > 0:
        return (
            "pretraining does not flip the gap"
            if are_clear
            else "the means do not change places, though seeds alone could explain one of the gaps"
        )
    if are_clear:
        return "pretraining flips the gap"
    return "the means change places, but these seeds do not show that pretraining is why"


def _is_clear(gap: Difference) -> bool:
    if gap.interval is None:
        return False
    low, high = gap.interval
    return low > 0 or high < 0
