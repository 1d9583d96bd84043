"""Finds where arms change places as training images become more: by power laws and as measured."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.sections import differences
from jaxcmp.compare.statistics.means import MIN_RUNS, Difference, Lead
from jaxcmp.compare.statistics.scaling import (
    PowerLaw,
    changes_of_lead,
    changes_of_mean,
    crossover,
    crossover_interval,
    fit_power_law,
    leads_by_size,
)
from jaxcmp.compare.words import CLEAR, UNCLEAR

SEED = 0


@dataclasses.dataclass(frozen=True)
class Sized:
    """An arm of the group with its runs on each number of training images, the smallest first."""

    arm: Arm
    parts: tuple[Arm, ...]

    @property
    def sizes(self) -> list[int]:
        return [part.outcomes[0].num_train for part in self.parts]

    @property
    def points(self) -> np.ndarray:
        """Training images and test error of every run, [m, 2]."""
        runs = [outcome for part in self.parts for outcome in part.outcomes]
        return np.array([(each.num_train, 1 - each.test_accuracy) for each in runs], np.float64)

    @property
    def runs(self) -> list[int]:
        return [run for part in self.parts for run in part.runs]

    @property
    def law(self) -> PowerLaw | None:
        """Returns the power law; None where a run without an error allows none."""
        try:
            return fit_power_law(*self.points.T)
        except ValueError:
            return None

    def part(self, size: float) -> Arm | None:
        """Returns the runs on so many images."""
        return next((each for each in self.parts if each.outcomes[0].num_train == size), None)


def law_text(sized: Sized) -> str:
    law, name = sized.law, sized.arm.name
    if law is None:
        return f"{name}: a run without an error leaves no power law to fit."
    exponent = cells.decimal(-law.exponent, sized.runs, digits=3).text
    return (
        f"{name}: error = {law.coefficient:.3g} n^{exponent}; twice the images divide "
        f"the error by {2**law.exponent:.2f}."
    )


def crossing_sentences(leader: Sized, other: Sized, budget: str) -> list[str]:
    """Says what was measured first, because the law is fitted to it."""
    measured = _measured(leader, other, budget) if {*leader.sizes} & {*other.sizes} else ""
    return [*filter(None, [measured]), _fitted(leader, other, budget)]


def _measured(leader: Sized, other: Sized, budget: str) -> str:
    names = f"{leader.arm.name} and {other.arm.name}"
    leads = leads_by_size(leader.points, other.points)

    def at(size: float) -> str:
        return _ahead(leader, other, size, leads[size])

    def between(changes: list[tuple[float, float]]) -> str:
        return "; and ".join(
            f"between {low:,.0f} images, where {at(low)}, and {high:,.0f}, where {at(high)}"
            for low, high in changes
        )

    if changes := changes_of_lead(leads):
        return f"At {budget}, {names} change places as measured {between(changes)}."
    if changes := changes_of_mean(leads):
        return f"At {budget}, the means of {names} change places, {UNCLEAR}: {between(changes)}."
    smallest, *rest = leads
    if not rest:
        return f"At {budget}, both were measured on {smallest:,.0f} images only: {at(smallest)}."
    return (
        f"At {budget}, {_one_sided(leader, other, leads)}: at {smallest:,.0f} images, "
        f"{at(smallest)}; at {rest[-1]:,.0f}, {at(rest[-1])}."
    )


def _one_sided(leader: Sized, other: Sized, leads: Mapping[float, Difference]) -> str:
    """Says who leads, for arms whose means do not change places."""
    widest = max((each.mean for each in leads.values()), key=abs)
    ahead, behind = (leader, other) if widest >= 0 else (other, leader)
    num = sum(each.lead.is_real for each in leads.values())
    if num == len(leads):
        return f"{ahead.arm.name} is ahead of {behind.arm.name} at all {num} sizes measured"
    start = (
        f"{ahead.arm.name} scored no less than {behind.arm.name} at any of the {len(leads)} sizes "
        "measured"
    )
    if all(each.p_value is None for each in leads.values()):
        return f"{start}, but with fewer than three seeds their spread is unknown"
    return f"{start}, and is ahead by {CLEAR} at {num or 'none'}"


def _ahead(leader: Sized, other: Sized, size: float, gap: Difference) -> str:
    """Says who leads at one size, by how much, how surely, and from how many runs."""
    first, second = (leader, other) if gap.mean >= 0 else (other, leader)
    parts = first.part(size), second.part(size)
    num = f"n = {' and '.join(dict.fromkeys(str(len(part.runs)) for part in parts if part))}"
    if gap.lead is Lead.TIE:
        return f"they are level ({num})"
    verb = "leads" if gap.lead.is_real else "scored more"
    by = differences.in_words(differences.in_points(gap), also=num)
    surely = "" if gap.lead.is_real or gap.interval is None else f", {UNCLEAR}"
    return f"{first.arm.name} {verb} by {by}{surely}"


def _fitted(leader: Sized, other: Sized, budget: str) -> str:
    first, second = leader.law, other.law
    place = crossover(first, second) if first and second else None
    # Where both were measured: elsewhere one of the two laws is a guess.
    smallest = max(min(each.sizes) for each in (leader, other))
    largest = min(max(each.sizes) for each in (leader, other))
    names = f"The laws of {leader.arm.name} and {other.arm.name} at {budget}"
    if place is None or not smallest <= place <= largest:
        return (
            f"{names} do not cross within the range measured, {smallest:,} to {largest:,} images; "
            "beyond it a fitted law is no evidence."
        )
    is_few = min(len(part.runs) for part in (*leader.parts, *other.parts)) < MIN_RUNS
    rng = np.random.default_rng(SEED)
    interval = None if is_few else crossover_interval(leader.points, other.points, rng=rng)
    if interval is None:
        return (
            f"{names} cross at {place:,.0f} images; these runs give no interval, more seeds at "
            "each size would."
        )
    ends = " to ".join(f"{end:,.0f}" for end in interval)
    return f"{names} cross at {place:,.0f} images (95 % bootstrap interval over runs {ends})."
