"""The comparison in a terminal: a table of the arms, and who is ahead in a sentence."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group as RenderableGroup
from rich.table import Table
from rich.text import Text

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import duration, durations
from jaxcmp.compare.statistics.means import estimate_mean
from jaxcmp.compare.verdict import answer, pretrained_arms


def render(group: Group) -> RenderableGroup:
    """What is to be said on one set of images: heading, table and verdict."""
    heading = f"{group.data}: test accuracy after the last epoch, ± its 95 % t-interval"
    return RenderableGroup(
        Text(heading, style="bold"),
        Text(),
        arms_table([*group.ranked, *pretrained_arms(group)]),
        Text(),
        *(Text(sentence) for sentence in answer(group)),
    )


def arms_table(arms: Sequence[Arm]) -> Table:
    """One row per arm, and a further one for each further machine that it was trained on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", overflow="fold")
    for heading in ("accuracy, %", "seeds", "parameters", "multiply-adds", "training"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("on", overflow="fold")
    for arm in arms:
        cells = _cells(arm)
        for device, seconds, _ in durations(arm):
            table.add_row(*map(Text, [*cells, duration(float(np.mean(seconds))), device]))
            cells = [""] * len(cells)
    return table


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
