"""Classes: how accurate each arm is in each, where two arms differ, and what they confuse."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Figure,
    Heatmap,
    Plot,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.statistics.means import Difference, Lead, lead
from jaxcmp.compare.statistics.paired import holm, paired_difference, share_interval

NUM_CONFUSED = 10
GAP_NOTE = (
    "Accuracies: mean over seeds, with a 95 % interval for the choice of the class's test images. "
    "Gaps: paired over those images, all seeds of both arms together, by a t test; where fewer "
    "than ten images differ from the others, by Tango's score interval (1998) and the exact test "
    "of turning signs. None covers the choice of seeds. Intervals are of each class alone; Holm's "
    "correction of p is over the {} tested."
)


@dataclasses.dataclass(frozen=True)
class ClassGap:
    """The accuracy of one arm minus another's in a class, and its p value after Holm."""

    index: int
    name: str
    gap: Difference
    p_value: float | None

    @property
    def lead(self) -> Lead:
        return lead(self.gap.mean, self.p_value)


def classes_section(group: Group) -> Answer:
    gaps = [(one, two, class_gaps(group, one, two)) for one, two in group.pairs]
    order = [each.index for each in gaps[0][2]] if gaps else _by_accuracy(group)
    sentences = [_sentence(*each) for each in gaps]
    blocks: list[Block] = [*(Text(each) for each in sentences), _accuracies(group, order)]
    tables = [gap_table(group, *each) for each in gaps]
    blocks += tables if len(tables) == 1 else []
    details: list[Block] = [] if len(tables) == 1 else [*tables]
    details += [_confusions(group), _confused(group)]
    finding = sentences[0] if len(gaps) == 1 else ""
    folded = "confusion matrices"
    return answered("classes", "Classes", blocks, finding=finding, details=details, folded=folded)


def class_gaps(group: Group, first: Arm, second: Arm) -> list[ClassGap]:
    """The gap in each class that has test images, the first arm's widest lead first.

    Paired over the images of a class, with all seeds of both arms; Holm's correction is over the
    classes.
    """
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    present = [c for c in range(len(group.class_names)) if np.any(group.labels == c)]
    gaps = [paired_difference(difference[group.labels == c]) for c in present]
    known = [gap.p_value for gap in gaps if gap.p_value is not None]
    corrected = iter(holm(known) if known else [])
    found = [
        ClassGap(c, group.class_labels[c], gap, None if gap.p_value is None else next(corrected))
        for c, gap in zip(present, gaps, strict=True)
    ]
    return sorted(found, key=lambda each: -each.gap.mean)


def class_accuracies(group: Group, arm: Arm) -> dict[int, tuple[float, float, float]]:
    """The mean over seeds in [0, 1] of each class that has test images, and its interval.

    By index: two classes of a data set may have one name.
    """
    num_right, num_seeds = arm.is_right.sum(axis=0), len(arm.outcomes)
    found = {}
    for c in map(int, np.unique(group.labels)):
        right = num_right[group.labels == c]
        low, high = share_interval(right, np.full(len(right), num_seeds))
        found[c] = (float(right.mean() / num_seeds), low, high)
    return found


def _by_accuracy(group: Group) -> list[int]:
    best = class_accuracies(group, group.ranked[0])
    return sorted(best, key=lambda c: -best[c][0])


def _accuracies(group: Group, order: Sequence[int]) -> Figure:
    series = []
    for arm in group.arms:
        shares = class_accuracies(group, arm)
        values, low, high = ([100 * shares[c][part] for c in order] for part in (0, 1, 2))
        places = [float(place) for place in range(len(order))]
        series.append(
            Series(
                arm.name,
                list(values),
                list(places),
                "points",
                arm.index,
                list(low),
                list(high),
                runs=arm.runs,
            )
        )
    axis = Axis("class", "category", [group.class_labels[c] for c in order])
    return Figure(
        "classes",
        [Plot("Accuracy by class", Axis("test accuracy, %"), axis, series)],
        "Mean over seeds, with its 95 % interval for the choice of the class's test images.",
        "Test accuracy of each arm in each class, with intervals.",
    )


def _sentence(leader: Arm, other: Arm, gaps: Sequence[ClassGap]) -> str:
    """Counts the classes in which each arm is ahead, and names the largest gap."""
    leads = [each.lead for each in gaps]
    num, total = sum(each.is_real for each in leads), len(gaps)
    if not num:
        return (
            f"In none of the {total} classes do {leader.name} and {other.name} differ by more than "
            "the choice of test images alone explains."
        )
    parts = []
    for first, ordered, side in (
        (leader, gaps, Lead.FIRST),
        (other, gaps[::-1], Lead.SECOND),
    ):
        real = [each for each in ordered if each.lead is side]
        if real:
            widest = real[0]
            parts.append(
                f"{first.name} is ahead in {len(real)} of {total} classes, most in {widest.name}: "
                f"by {100 * abs(widest.gap.mean):.2f} points{_surely(widest)}"
            )
    return f"{'; '.join(parts)}."


def _surely(each: ClassGap) -> str:
    known = []
    if each.gap.interval is not None:
        sign = 100 if each.gap.mean > 0 else -100
        low, high = sorted(sign * end for end in each.gap.interval)
        ends = f"{cells.two_digits(low)} to {cells.two_digits(high)}"
        known.append(f"95 % interval {ends} for this class alone")
    if each.p_value is not None:
        known.append(f"{cells.say_p(each.p_value)} after Holm's correction for all classes")
    return f" ({'; '.join(known)})" if known else ""


def gap_table(group: Group, leader: Arm, other: Arm, gaps: Sequence[ClassGap]) -> Table:
    """Both accuracies, the gap and its p value, in the order of the gaps."""
    runs = leader.runs + other.runs
    shares = {arm.name: class_accuracies(group, arm) for arm in (leader, other)}

    # All cells of a table have as many digits.
    intervals = [each.gap.interval for each in gaps]
    intervals += [(low, high) for each in shares.values() for _, low, high in each.values()]
    digits = cells.digits_of(intervals)

    def accuracy(arm: Arm, index: int) -> Cell:
        value, low, high = shares[arm.name][index]
        return cells.share(value, (low, high), arm.runs, digits)

    rows = [
        [
            cells.words(each.name),
            cells.difference(each.gap.mean, each.gap.interval, runs, digits),
            cells.p_value(each.p_value, runs),
            accuracy(leader, each.index),
            accuracy(other, each.index),
        ]
        for each in gaps
    ]
    num = sum(each.p_value is not None for each in gaps)
    # The gap comes early: on a phone the last columns are out of sight.
    columns = [Column("class", is_numeric=False), Column("gap, points"), Column("p, Holm")]
    columns += [Column(arm.name, arm=_colour(arm)) for arm in (leader, other)]
    note = GAP_NOTE.format(f"{num} class{'' if num == 1 else 'es'}")
    return Table(f"{leader.name} minus {other.name}, by class", columns, rows, note)


def _colour(arm: Arm) -> int | None:
    return arm.index if arm.index >= 0 else None


def _rates(group: Group, arm: Arm) -> np.ndarray:
    """The share of the images of each true class that get each answer, in percent."""
    labels = np.tile(group.labels, len(arm.outcomes))
    # One more class than there are: scikit-learn warns of a matrix with a single one.
    num = len(group.class_names)
    counts = confusion_matrix(labels, arm.answers.ravel(), labels=range(num + 1))[:num, :num]
    return 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _confusions(group: Group) -> Figure:
    names = list(group.class_names)
    rates = {arm.index: _rates(group, arm) for arm in group.arms}

    def matrix(title: str, values: np.ndarray, runs: list[int], **rest) -> Heatmap:
        rows = values.tolist()
        return Heatmap(title, "true class", "answer", names, names, rows, runs=runs, **rest)

    panels = [
        matrix(
            f"{leader.name} minus {other.name}",
            rates[leader.index] - rates[other.index],
            leader.runs + other.runs,
            unit="points",
            is_diverging=True,
        )
        for leader, other in group.pairs
    ]
    panels += [matrix(a.name, rates[a.index], a.runs, unit="% of the class") for a in group.arms]
    return Figure(
        "confusion",
        list(panels),
        "Each row is a true class and adds up to 100 %, if it has test images; mean over seeds. "
        "In the difference, the diagonal is the gap in accuracy.",
        "Confusion matrices of each arm, and their difference.",
    )


def _confused(group: Group) -> Table:
    rates = np.stack([_rates(group, arm) for arm in group.arms])
    mean = rates.mean(axis=0)
    np.fill_diagonal(mean, -1)
    order = np.argsort(-mean, axis=None, kind="stable")[:NUM_CONFUSED]
    rows = []
    for place in order:
        true, answer = np.unravel_index(place, mean.shape)
        if mean[true, answer] <= 0:
            break
        names = f"{group.class_labels[true]} taken for {group.class_labels[answer]}"
        shares = [float(rates[i, true, answer]) / 100 for i in range(len(group.arms))]
        own = [cells.share(s, None, a.runs) for s, a in zip(shares, group.arms, strict=True)]
        rows.append([cells.words(names), *own])
    columns = [Column("pair", is_numeric=False)]
    columns += [Column(arm.name, arm=arm.index) for arm in group.arms]
    return Table("Confused most", columns, rows, "Share of the images of the true class.")
