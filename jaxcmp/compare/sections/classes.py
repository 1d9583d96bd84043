"""Classes: how accurate each arm is in each, where two arms differ, and what they confuse."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Figure, Heatmap, Plot, Series, Table
from jaxcmp.compare.sections import columns, differences
from jaxcmp.compare.sections.answer import Answer, answered, texts
from jaxcmp.compare.statistics.means import Difference, Lead
from jaxcmp.compare.statistics.paired import paired_difference, share_interval

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
    """The accuracy of one arm minus another's in a class, in points, with its p after Holm."""

    index: int
    name: str
    gap: Difference


def classes_section(group: Group) -> Answer:
    gaps = [(one, two, class_gaps(group, one, two)) for one, two in group.pairs]
    order = [each.index for each in gaps[0][2]] if gaps else _by_accuracy(group)
    sentences = [_sentence(*each) for each in gaps]
    tables: list[Block] = [gap_table(group, *each) for each in gaps]
    num_shown = len(tables) == 1
    return answered(
        "classes",
        "Classes",
        [*texts(*sentences), _accuracies(group, order), *tables[:num_shown]],
        finding=sentences[0] if len(gaps) == 1 else "",
        details=[*tables[num_shown:], _confusions(group), _confused(group)],
        folded="confusion matrices",
    )


def class_gaps(group: Group, first: Arm, second: Arm) -> list[ClassGap]:
    """The gap in each class that has test images, the first arm's widest lead first.

    Paired over the images of a class, with all seeds of both arms; Holm's correction is over the
    classes.
    """
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    present = np.unique(group.labels).tolist()
    gaps = [paired_difference(difference[group.labels == c]) for c in present]
    gaps = differences.corrected([differences.in_points(gap) for gap in gaps])
    found = [ClassGap(c, group.class_labels[c], gap) for c, gap in zip(present, gaps, strict=True)]
    return sorted(found, key=lambda each: -each.gap.mean)


def class_accuracies(group: Group, arm: Arm) -> dict[int, tuple[float, float, float]]:
    """The mean over seeds in [0, 1] of each class that has test images, and its interval.

    By index: two classes of a data set may have one name.
    """
    num_right, num_seeds = arm.is_right.sum(axis=0), len(arm.outcomes)
    found = {}
    for c in map(int, np.unique(group.labels)):
        right = num_right[group.labels == c]
        interval = share_interval(right, np.full(len(right), num_seeds))
        found[c] = (float(right.mean() / num_seeds), *interval)
    return found


def _by_accuracy(group: Group) -> list[int]:
    best = class_accuracies(group, group.ranked[0])
    return sorted(best, key=lambda c: -best[c][0])


def _accuracies(group: Group, order: Sequence[int]) -> Figure:
    series, places = [], [float(place) for place in range(len(order))]
    for arm in group.arms:
        shares = class_accuracies(group, arm)
        values, low, high = (100 * np.array([shares[c] for c in order]).T).tolist()
        line = Series(arm.name, values, places, "points", arm.index, low, high, runs=arm.runs)
        series.append(line)
    axis = Axis("class", "category", [group.class_labels[c] for c in order])
    return Figure(
        "classes",
        [Plot("Accuracy by class", Axis("test accuracy, %"), axis, series)],
        "Mean over seeds, with its 95 % interval for the choice of the class's test images.",
        "Test accuracy of each arm in each class, with intervals.",
    )


def _sentence(leader: Arm, other: Arm, gaps: Sequence[ClassGap]) -> str:
    """Counts the classes in which each arm scores higher, and names the largest gap."""
    parts = []
    for arm, rival, ordered, side in (
        (leader, other, gaps, Lead.FIRST),
        (other, leader, gaps[::-1], Lead.SECOND),
    ):
        if real := [each for each in ordered if each.gap.lead is side]:
            parts.append(
                f"{arm.name} scores higher than {rival.name} in {len(real)} of {len(gaps)} "
                f"classes, most in {real[0].name}: by {differences.in_words(real[0].gap, of='class, classes')}"
            )
    if parts:
        return f"{'; '.join(parts)}."
    return (
        f"In none of the {len(gaps)} classes do {leader.name} and {other.name} differ by more than "
        "the choice of test images alone explains."
    )


def gap_table(group: Group, leader: Arm, other: Arm, gaps: Sequence[ClassGap]) -> Table:
    """Both accuracies, the gap and its p value, in the order of the gaps."""
    runs = leader.runs + other.runs
    shares = [class_accuracies(group, arm) for arm in (leader, other)]
    # All cells of a table have as many digits.
    intervals = [each.gap.interval for each in gaps]
    shown = [(low / 100, high / 100) for low, high in filter(None, intervals)]
    shown += [(low, high) for each in shares for _, low, high in each.values()]
    digits = cells.digits_of(shown)
    rows = []
    for each in gaps:
        row = [cells.words(each.name), differences.as_cell(each.gap, runs, digits)]
        row.append(cells.p_value(each.gap.p_value, runs))
        for arm, own in zip((leader, other), shares, strict=True):
            value, *interval = own[each.index]
            row.append(cells.share(value, (interval[0], interval[1]), arm.runs, digits))
        rows.append(row)
    num = sum(each.gap.p_value is not None for each in gaps)
    # The gap comes early: on a phone the last columns are out of sight.
    headings = columns.of_words("class") + columns.of_numbers("gap, points", "p, Holm")
    headings += columns.of_arms([leader, other])
    note = GAP_NOTE.format(f"{num} class{'' if num == 1 else 'es'}")
    return Table(f"{leader.name} minus {other.name}, by class", headings, rows, note)


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
        panels,
        "Each row is a true class and adds up to 100 %, if it has test images; mean over seeds. "
        "In the difference, the diagonal is the gap in accuracy.",
        "Confusion matrices of each arm, and their difference.",
    )


def _confused(group: Group) -> Table:
    rates = np.stack([_rates(group, arm) for arm in group.arms])
    mean = rates.mean(axis=0)
    np.fill_diagonal(mean, 0)
    rows: list[list[Cell]] = []
    for place in np.argsort(-mean, axis=None, kind="stable")[:NUM_CONFUSED]:
        true, answer = np.unravel_index(place, mean.shape)
        if mean[true, answer]:
            names = f"{group.class_labels[true]} taken for {group.class_labels[answer]}"
            shares = zip(rates[:, true, answer], group.arms, strict=True)
            own = [cells.share(float(rate) / 100, None, arm.runs) for rate, arm in shares]
            rows.append([cells.words(names), *own])
    headings = columns.of_words("pair") + columns.of_arms(group.arms)
    return Table("Confused most", headings, rows, "Share of the images of the true class.")
