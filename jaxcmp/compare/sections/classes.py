"""Classes: how accurate each arm is in each, where two arms differ, and what they confuse."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Figure, Heatmap, Plot, Series, Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, texts
from jaxcmp.compare.statistics.means import Estimate, Lead
from jaxcmp.compare.statistics.paired import holm, paired_difference, share_interval
from jaxcmp.compare.words import count

NUM_CONFUSED = 10
GAP_NOTE = (
    "Accuracies: mean over seeds, with a 95 % interval for the choice of the class's test images. "
    "Gaps: paired over those images, all seeds of both arms together, by a t test; where fewer "
    "than ten images differ from the others, by an interval that counts one more image for each "
    "arm (Bonett and Price 2012) and the exact test of turning signs. None covers the choice of "
    "seeds. Intervals are of each class alone; Holm's correction of p is over the {} tested."
)


def classes_section(group: Group) -> Answer:
    gaps = [(one, two, class_gaps(group, one, two)) for one, two in group.pairs]
    order = list(gaps[0][2]) if gaps else _by_accuracy(group)
    sentences = [_sentence(group, *each) for each in gaps]
    tables: list[Block] = [gap_table(group, *each) for each in gaps]
    num_shown = len(tables) == 1
    return answered(
        "classes",
        "Classes",
        [*texts(*sentences), _accuracies(group, order), *tables[:num_shown]],
        findings=[group.of_main_pair(sentences)],
        details=[*tables[num_shown:], _confusions(group), _confused(group)],
        folded="confusion matrices",
    )


def class_gaps(group: Group, first: Arm, second: Arm) -> dict[int, Estimate]:
    """The gap in each class that has test images, in points, the first arm's widest lead first.

    By index: two classes of a data set may have one name. Paired over the images of a class, with
    all seeds of both arms; Holm's correction is over the classes.
    """
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    present = np.unique(group.labels).tolist()
    gaps = [paired_difference(difference[group.labels == c]).times(100) for c in present]
    found = zip(present, holm(gaps), strict=True)
    return dict(sorted(found, key=lambda each: -each[1].mean))


def class_accuracies(group: Group, arm: Arm) -> dict[int, Estimate]:
    """The mean over seeds, in percent, of each class that has test images, by index."""
    num_right, num_seeds = arm.is_right.sum(axis=0), len(arm.outcomes)
    found = {}
    for c in np.unique(group.labels).tolist():
        right = num_right[group.labels == c]
        interval = share_interval(right, np.full(len(right), num_seeds))
        found[c] = Estimate(float(right.mean() / num_seeds), interval).times(100)
    return found


def _by_accuracy(group: Group) -> list[int]:
    best = class_accuracies(group, group.ranked[0])
    return sorted(best, key=lambda c: -best[c].mean)


def _accuracies(group: Group, order: Sequence[int]) -> Figure:
    series, places = [], [float(place) for place in range(len(order))]
    for arm in group.arms:
        own = class_accuracies(group, arm)
        values = [own[c].mean for c in order]
        low, high = zip(*(own[c].interval or (None, None) for c in order), strict=True)
        line = Series(arm.name, values, places, "points", arm.index, low, high, runs=arm.runs)
        series.append(line)
    axis = Axis("class", "category", [group.class_labels[c] for c in order])
    return Figure(
        "classes",
        [Plot("Accuracy by class", Axis("test accuracy, %"), axis, series)],
        "Mean over seeds, with its 95 % interval for the choice of the class's test images."
        + " Classes stand in the order of the gap." * bool(group.pairs),
        "Test accuracy of each arm in each class, with intervals.",
    )


def _sentence(group: Group, leader: Arm, other: Arm, gaps: Mapping[int, Estimate]) -> str:
    """Counts the classes in which each arm scores higher, and names the largest gap."""
    parts, num = [], count(len(gaps), "class")
    for arm, rival, ordered, side in (
        (leader, other, gaps, Lead.FIRST),
        (other, leader, [*gaps][::-1], Lead.SECOND),
    ):
        if real := [c for c in ordered if gaps[c].lead is side]:
            by = cells.in_words(gaps[real[0]], of="classes")
            parts.append(
                f"{arm.name} scores higher than {rival.name} in {len(real)} of {num}, most in "
                f"{group.class_labels[real[0]]}: by {by}"
            )
    if parts:
        return f"{'; '.join(parts)}."
    sizes = np.bincount(group.labels)[list(gaps)]
    few, many = (f"{size:,}" for size in (sizes.min(), sizes.max()))
    images = f"{few} to {many} test images" if few != many else count(sizes.min(), "test image")
    return (
        f"Of {num} of {images} each, {leader.name} and {other.name} differ in none by "
        "more than the choice of images alone explains."
    )


def gap_table(group: Group, leader: Arm, other: Arm, gaps: Mapping[int, Estimate]) -> Table:
    """Both accuracies, the gap and its p value, in the order of the gaps."""
    runs = leader.runs + other.runs
    accuracies = [class_accuracies(group, arm) for arm in (leader, other)]
    # All cells of a table have as many digits.
    digits = cells.digits_of([each for own in (gaps, *accuracies) for each in own.values()])
    rows = []
    for c, gap in gaps.items():
        row = [Cell(group.class_labels[c]), cells.as_cell(gap, runs, digits)]
        row.append(cells.p_value(gap.p_value, runs))
        for arm, own in zip((leader, other), accuracies, strict=True):
            row.append(cells.estimated(own[c], arm.runs, digits=digits, unit=" %"))
        rows.append(row)
    num = sum(gap.p_value is not None for gap in gaps.values())
    # The gap comes early: on a phone the last columns are out of sight.
    headings = columns.of_words("class") + columns.of_numbers("gap, points", "p, Holm")
    headings += columns.of_arms([leader, other])
    note = GAP_NOTE.format(count(num, "class"))
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
        "Each row is a true class and adds up to 100 %, if it has test images; mean over seeds."
        + " In the difference, the diagonal is the gap in accuracy." * bool(group.pairs),
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
            own = [cells.share(float(rate) / 100, arm.runs) for rate, arm in shares]
            rows.append([Cell(names), *own])
    headings = columns.of_words("pair") + columns.of_arms(group.arms)
    return Table("Confused most", headings, rows, "Share of the images of the true class.")
