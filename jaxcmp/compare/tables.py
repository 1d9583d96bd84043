"""The comparison in a terminal: a table of the arms, and who is ahead in a sentence."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxcmp.compare.arms import Arm, Comparison
from jaxcmp.compare.statistics import compare_means, estimate_mean


def render(comparison: Comparison) -> Group:
    """What the comparison says on one set of images: heading, table and verdict."""
    heading = f"{comparison.data}: test accuracy after the last epoch, ± its 95 % t-interval"
    return Group(
        Text(heading, style="bold"),
        Text(),
        arms_table(comparison.arms),
        Text(),
        *(Text(sentence) for sentence in verdict(comparison.arms)),
    )


def arms_table(arms: Sequence[Arm]) -> Table:
    """One row per arm, and a further one for each further machine that it was trained on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", overflow="fold")
    for heading in ("accuracy, %", "seeds", "parameters", "multiply-adds", "training"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("on", overflow="fold")
    for arm in arms:
        by_device: dict[str, list[float]] = {}
        for outcome in arm.outcomes:
            by_device.setdefault(outcome.device, []).append(outcome.train_seconds)
        cells = _cells(arm)
        for device, seconds in by_device.items():
            # Times on different machines have no common mean.
            table.add_row(*map(Text, [*cells, duration(float(np.mean(seconds))), device]))
            cells = [""] * len(cells)
    return table


def verdict(arms: Sequence[Arm]) -> list[str]:
    """One sentence for each arm behind the leader: by how many points, and how surely."""
    leader, *others = arms
    if not others:
        return [f"{leader.name} is the only arm here: there is nothing to compare it with."]
    return [_sentence(leader, other) for other in others]


def duration(seconds: float) -> str:
    """Rounded to what a reader can use: seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _cells(arm: Arm) -> list[str]:
    estimate = estimate_mean([100 * accuracy for accuracy in arm.accuracies])
    spread = "?"
    if estimate.interval is not None:
        spread = f"{estimate.interval[1] - estimate.mean:.2f}"
    first = arm.outcomes[0]
    return [
        arm.name,
        f"{estimate.mean:.2f} ± {spread:<4}",
        str(estimate.num),
        f"{first.parameters:,}",
        f"{first.multiply_adds:,}",
    ]


def _sentence(leader: Arm, other: Arm) -> str:
    difference = compare_means(leader.accuracies, other.accuracies)
    points = 100 * difference.mean
    start = f"{leader.name} is ahead of {other.name} by {points:.2f} points"
    if points == 0:
        start = f"{leader.name} and {other.name} are level"
    seeds = _seeds(len(leader.outcomes), len(other.outcomes))
    if difference.interval is None:
        single = " and ".join(arm.name for arm in (leader, other) if len(arm.outcomes) == 1)
        return f"{start} ({seeds}). With one seed of {single}, the spread between seeds is unknown."
    if difference.p_value is None:
        return f"{start} ({seeds}). The seeds of each arm agree, so that no p value can be given."
    low, high = (100 * bound for bound in difference.interval)
    surely = "which seeds alone can explain" if low < 0 < high else "more than seeds alone explain"
    return (
        f"{start} ({seeds}; Welch's 95 % interval {low:.2f} to {high:.2f}, "
        f"p = {difference.p_value:.2g}), {surely}."
    )


def _seeds(first: int, second: int) -> str:
    if first != second:
        return f"{first} and {second} seeds"
    return "1 seed each" if first == 1 else f"{first} seeds each"
