"""The comparison in a terminal: a table of the arms, and who is ahead in a sentence."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group as RenderableGroup
from rich.styled import Styled
from rich.table import Table

from jaxcmp.compare.accounting import account
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import duration, durations, percent, short_p
from jaxcmp.compare.gaps import every_gap
from jaxcmp.compare.statistics.means import MIN_RUNS
from jaxcmp.compare.verdict import answer, pretrained_arms
from jaxcmp.text import plain_table


def render(group: Group) -> RenderableGroup:
    """The terminal's answer for one set of images: heading, table and verdict."""
    arms = [*group.ranked, *pretrained_arms(group)]
    heading = f"{group.data}: test accuracy after the last epoch{_spread(arms)}"
    return RenderableGroup(
        Styled(heading, "bold"),
        "",
        arms_table(arms),
        *(["", pairs_table(group.arms)] if len(group.arms) > 2 else []),
        "",
        *answer(group),
        *account(group),
    )


def _spread(arms: Sequence[Arm]) -> str:
    """Writes the spread beside a mean, where there is a mean."""
    num_runs = [len(arm.outcomes) for arm in arms]
    if max(num_runs) < MIN_RUNS:
        return ", each seed"
    few = "; each seed of fewer than three" if min(num_runs) < MIN_RUNS else ""
    return f", mean ± its 95 % t-interval{few}"


def pairs_table(arms: Sequence[Arm]) -> Table:
    """Makes one row per pair of arms, the one with the higher mean first."""
    table = plain_table("pair", "by, points", "95 % interval", "p, Holm")
    for gap in every_gap(arms):
        bounds = [f"{bound:.2f}" for bound in gap.over_seeds.interval or ()]
        table.add_row(
            f"{gap.first.name} over {gap.second.name}",
            f"{gap.over_seeds.mean:.2f}",
            " to ".join(bounds) or "–",
            short_p(gap.corrected.p_value),
        )
    return table


def arms_table(arms: Sequence[Arm]) -> Table:
    """Makes one row per arm, and another for each further machine that it was trained on."""
    headings = ("accuracy, %", "seeds", "parameters", "multiply-adds", "training")
    table = plain_table("arm", *headings)
    table.add_column("on", overflow="fold")
    for arm in arms:
        shown, first = percent(arm.accuracies, arm.runs), arm.outcomes[0]
        sizes = (f"{first.parameters:,}", f"{first.multiply_adds:,}")
        cells = [arm.name, shown.text.removesuffix(" %"), str(shown.num), *sizes]
        for device, seconds in durations(arm).items():
            table.add_row(*cells, duration(float(np.mean(seconds))), device)
            cells = [""] * len(cells)
    return table
