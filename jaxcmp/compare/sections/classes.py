"""Per class: how accurate each arm is, where they differ, and what they take for what."""

import numpy as np
from sklearn.metrics import confusion_matrix

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import (
    Axis,
    Block,
    Column,
    Figure,
    Heatmap,
    Plot,
    Section,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.statistics.paired import (
    PairedDifference,
    holm,
    paired_difference,
    wilson_interval,
)

NUM_CONFUSED = 10


def classes_section(group: Group) -> Section:
    blocks: list[Block] = [_accuracies(group)]
    for leader, other in group.pairs:
        gaps = class_gaps(group, leader, other)
        blocks += [_answer(leader, other, gaps), gap_table(leader, other, gaps)]
    blocks += [_confusions(group), _confused(group)]
    return Section("classes", "Per class", blocks)


def class_gaps(
    group: Group, first: Arm, second: Arm
) -> list[tuple[str, PairedDifference, float | None]]:
    """Class, accuracy of `first` minus that of `second`, and its corrected p value; widest first.

    Paired over the images of a class, with all seeds of both arms; Holm's correction is over the
    classes. Classes without a test image are left out.
    """
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    present = [c for c in range(len(group.class_names)) if np.any(group.labels == c)]
    gaps = [paired_difference(difference[group.labels == c]) for c in present]
    known = [gap.p_value for gap in gaps if gap.p_value is not None]
    corrected = iter(holm(known) if known else [])
    rows = [
        (group.class_names[c], gap, None if gap.p_value is None else next(corrected))
        for c, gap in zip(present, gaps, strict=True)
    ]
    return sorted(rows, key=lambda row: -row[1].mean)


def class_accuracies(group: Group, arm: Arm) -> dict[int, float]:
    """The mean over seeds, in [0, 1], of each class that has test images.

    By index: two classes of a data set may have one name.
    """
    right = arm.is_right.mean(axis=0)
    return {int(c): float(right[group.labels == c].mean()) for c in np.unique(group.labels)}


def _accuracies(group: Group) -> Figure:
    best = class_accuracies(group, group.ranked[0])
    order = sorted(best, key=lambda c: -best[c])
    nums = [int(np.sum(group.labels == c)) for c in order]
    series = []
    for arm in group.arms:
        shares = class_accuracies(group, arm)
        pairs = zip(order, nums, strict=True)
        bounds = [wilson_interval(shares[c] * num, num) for c, num in pairs]
        series.append(
            Series(
                arm.name,
                [100 * shares[c] for c in order],
                [float(place) for place in range(len(order))],
                "points",
                arm.index,
                low=[100 * low for low, _ in bounds],
                high=[100 * high for _, high in bounds],
                runs=arm.runs,
            )
        )
    axis = Axis("class", "category", [group.class_names[c] for c in order])
    return Figure(
        "classes",
        [Plot("Accuracy by class", Axis("test accuracy, %"), axis, series)],
        "Mean over seeds, with Wilson's 95 % interval for the number of test images of the class.",
        "Test accuracy of each arm for each class, with intervals.",
    )


def _answer(
    leader: Arm, other: Arm, gaps: list[tuple[str, PairedDifference, float | None]]
) -> Text:
    name, gap, p_value = gaps[0]
    clear = [name for name, _, p in gaps if p is not None and p < 0.05]
    size = cells.points(100 * gap.mean)
    text = f"{leader.name} is furthest ahead of {other.name} on {name}, by {size} points"
    if p_value is not None:
        text += f" (corrected {cells.say_p(p_value)})"
    if not size.startswith("+"):
        text = f"{leader.name} is ahead of {other.name} in no class"
    return Text(
        f"{text}. In {len(clear)} of {len(gaps)} classes the two differ more than the choice of "
        "test images explains."
    )


def gap_table(
    leader: Arm, other: Arm, gaps: list[tuple[str, PairedDifference, float | None]]
) -> Table:
    """The rows of `class_gaps` of these two arms, as a table."""
    runs = leader.runs + other.runs
    rows = [
        [
            cells.words(name),
            cells.difference(gap.mean, gap.interval, runs),
            cells.p_value(gap.p_value, runs),
            cells.p_value(p_value, runs),
        ]
        for name, gap, p_value in gaps
    ]
    num_tests = sum(p_value is not None for _, _, p_value in gaps)
    classes = "class" if num_tests == 1 else "classes"
    return Table(
        f"{leader.name} minus {other.name}, by class",
        [
            Column("class", is_numeric=False),
            Column("gap, points [95 % interval]"),
            Column("p"),
            Column("p, Holm"),
        ],
        rows,
        "Paired over the images of the class, all seeds of both arms together: a t-interval and a "
        "t test of the share of seeds that are right. It covers the choice of test images, not "
        f"that of seeds. Holm's correction is over {num_tests} {classes}.",
    )


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
    axes = {"row_label": "true class", "column_label": "answer", "rows": names, "columns": names}
    panels = [
        Heatmap(
            arm.name, values=rates[arm.index].tolist(), unit="% of the class", runs=arm.runs, **axes
        )
        for arm in group.arms
    ]
    panels += [
        Heatmap(
            f"{leader.name} minus {other.name}",
            values=(rates[leader.index] - rates[other.index]).tolist(),
            unit="points",
            is_diverging=True,
            runs=leader.runs + other.runs,
            **axes,
        )
        for leader, other in group.pairs
    ]
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
    np.fill_diagonal(mean, -1)
    order = np.argsort(-mean, axis=None, kind="stable")[:NUM_CONFUSED]
    rows = []
    for place in order:
        true, answer = np.unravel_index(place, mean.shape)
        if mean[true, answer] <= 0:
            break
        rows.append(
            [
                cells.words(f"{group.class_names[true]} taken for {group.class_names[answer]}"),
                *(
                    cells.share(float(rates[i, true, answer]) / 100, None, arm.runs)
                    for i, arm in enumerate(group.arms)
                ),
            ]
        )
    columns = [Column("pair", is_numeric=False)]
    columns += [Column(arm.name, arm=arm.index) for arm in group.arms]
    return Table("Confused most", columns, rows, "Share of the images of the true class.")
