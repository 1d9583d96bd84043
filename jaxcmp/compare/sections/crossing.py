"""Finds where arms change places as training images become more: by power laws and as measured."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Text
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

    def accuracies(self, num_train: float) -> list[float]:
        """Returns the accuracies of the runs on so many images."""
        parts = [each for each in self.parts if each.outcomes[0].num_train == num_train]
        return [accuracy for part in parts for accuracy in part.accuracies]


def law_text(sized: Sized) -> Text:
    law, name = sized.law, sized.arm.name
    if law is None:
        return Text(f"{name}: a run without an error leaves no power law to fit.", "note")
    factor, exponent = 2**law.exponent, cells.decimal(-law.exponent, sized.runs, digits=3)
    return Text(
        f"{name}: error = {law.coefficient:.3g} n^{exponent.text}; twice the images divide "
        f"the error by {factor:.2f}.",
        "note",
    )


def crossing_sentences(leader: Sized, other: Sized, budget: str) -> list[str]:
    """Says what was measured first, because the law is fitted to it."""
    if not np.intersect1d(leader.points[:, 0], other.points[:, 0]).size:
        return [_fitted(leader, other, budget)]
    return [_measured(leader, other, budget), _fitted(leader, other, budget)]


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
    if all(each.p_value is None for each in leads.values()):
        return (
            f"{ahead.arm.name} scored no less than {behind.arm.name} at any of the {len(leads)} "
            "sizes measured, but with fewer than three seeds their spread is unknown"
        )
    num = sum(each.lead.is_real for each in leads.values())
    if num == len(leads):
        return f"{ahead.arm.name} is ahead of {behind.arm.name} at all {num} sizes measured"
    return (
        f"{ahead.arm.name} scored no less than {behind.arm.name} at any of the {len(leads)} sizes "
        f"measured, and is ahead by {CLEAR} at {num or 'none'}"
    )


def _ahead(leader: Sized, other: Sized, size: float, gap: Difference) -> str:
    """Says who leads at one size, by how much, how surely, and from how many runs."""
    first, second = (leader, other) if gap.mean >= 0 else (other, leader)
    one, two = len(first.accuracies(size)), len(second.accuracies(size))
    num = f"n = {one}" if one == two else f"n = {one} and {two}"
    if gap.lead is Lead.TIE:
        return f"they are level ({num})"
    verb = "leads" if gap.lead.is_real else "scored more"
    by = f"{first.arm.name} {verb} by {100 * abs(gap.mean):.2f} points"
    if gap.interval is None:
        known = "spread unknown" if gap.p_value is None else cells.say_p(gap.p_value)
        return f"{by} ({num}, {known})"
    ends = sorted(100 * end if gap.mean > 0 else -100 * end for end in gap.interval)
    low, high = (cells.decimal(end, [], digits=2).text for end in ends)
    surely = "" if gap.lead.is_real else f", {UNCLEAR}"
    return f"{by} (95 % interval {low} to {high}, {num}){surely}"


def _fitted(leader: Sized, other: Sized, budget: str) -> str:
    first, second = leader.law, other.law
    place = crossover(first, second) if first and second else None
    # Where both were measured: elsewhere one of the two laws is a guess.
    smallest = max(int(each.points[:, 0].min()) for each in (leader, other))
    largest = min(int(each.points[:, 0].max()) for each in (leader, other))
    names = f"The laws of {leader.arm.name} and {other.arm.name} at {budget}"
    if place is None or not smallest <= place <= largest:
        return (
            f"{names} do not cross within the range measured, {smallest:,} to {largest:,} images; "
            "beyond it a fitted law is no evidence."
        )
    rng = np.random.default_rng(SEED)
    parts = [*leader.parts, *other.parts]
    is_few = min(len(part.outcomes) for part in parts) < MIN_RUNS
    interval = None if is_few else crossover_interval(leader.points, other.points, rng=rng)
    if interval is None:
        return (
            f"{names} cross at {place:,.0f} images; these runs give no interval, more seeds at "
            "each size would."
        )
    low, high = interval
    return (
        f"{names} cross at {place:,.0f} images (95 % bootstrap interval over runs {low:,.0f} to "
        f"{high:,.0f})."
    )
