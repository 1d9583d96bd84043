"""Where arms change places as training images become more: by their power laws, and as measured."""

import dataclasses

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Text
from jaxcmp.compare.statistics.means import compare_means
from jaxcmp.compare.statistics.scaling import (
    PowerLaw,
    changes_of_lead,
    crossover,
    crossover_interval,
    fit_power_law,
)

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
        """None where a run without an error leaves none."""
        try:
            return fit_power_law(*self.points.T)
        except ValueError:
            return None

    def accuracies(self, num_train: float) -> list[float]:
        """Of the runs on so many images."""
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


def crossing_texts(leader: Sized, other: Sized, budget: str) -> list[Text]:
    """What was measured comes first: a law is fitted to it."""
    if not np.intersect1d(leader.points[:, 0], other.points[:, 0]).size:
        return [_fitted(leader, other, budget)]
    return [_measured(leader, other, budget), _fitted(leader, other, budget)]


def _measured(leader: Sized, other: Sized, budget: str) -> Text:
    names = f"{leader.arm.name} and {other.arm.name}"
    changes = changes_of_lead(leader.points, other.points)
    sizes = np.intersect1d(leader.points[:, 0], other.points[:, 0])
    if not changes:
        return Text(_never(leader, other, sizes, budget))
    told = [
        f"between {low:,.0f} images, where {_ahead(leader, other, low)}, and {high:,.0f}, where "
        f"{_ahead(leader, other, high)}"
        for low, high in changes
    ]
    return Text(f"At {budget}, {names} change places as measured {'; and '.join(told)}.")


def _never(leader: Sized, other: Sized, sizes: np.ndarray, budget: str) -> str:
    gaps = [_gap(leader, other, size) for size in sizes]
    ahead = leader if max(gaps, key=abs) >= 0 else other
    behind = other if ahead is leader else leader
    smallest = _ahead(leader, other, sizes[0])
    if len(sizes) == 1:
        return f"At {budget}, both were measured on {sizes[0]:,.0f} images only: {smallest}."
    return (
        f"At {budget}, {ahead.arm.name} is nowhere behind {behind.arm.name} at the {len(sizes)} "
        f"sizes measured: at {sizes[0]:,.0f} images, {smallest}; at "
        f"{sizes[-1]:,.0f}, {_ahead(leader, other, sizes[-1])}."
    )


def _gap(leader: Sized, other: Sized, size: float) -> float:
    return float(np.mean(leader.accuracies(size)) - np.mean(other.accuracies(size)))


def _ahead(leader: Sized, other: Sized, size: float) -> str:
    """Who leads at one size, by how much, how surely, and by how many runs."""
    first, second = (leader, other) if _gap(leader, other, size) >= 0 else (other, leader)
    one, two = first.accuracies(size), second.accuracies(size)
    gap = compare_means(one, two)
    num = f"n = {len(one)}" if len(one) == len(two) else f"n = {len(one)} and {len(two)}"
    if gap.mean == 0:
        return f"they are level ({num})"
    by = f"{first.arm.name} leads by {100 * gap.mean:.2f} points"
    if gap.interval is None:
        return f"{by} ({num}, spread unknown)"
    low, high = (cells.decimal(100 * bound, [], digits=2).text for bound in gap.interval)
    return f"{by} (95 % interval {low} to {high}, {num})"


def _fitted(leader: Sized, other: Sized, budget: str) -> Text:
    first, second = leader.law, other.law
    place = crossover(first, second) if first and second else None
    # Where both were measured: elsewhere one of the two laws is a guess.
    smallest = max(int(each.points[:, 0].min()) for each in (leader, other))
    largest = min(int(each.points[:, 0].max()) for each in (leader, other))
    names = f"The laws of {leader.arm.name} and {other.arm.name} at {budget}"
    if place is None or not smallest <= place <= largest:
        return Text(
            f"{names} do not cross within the range measured, {smallest:,} to {largest:,} images; "
            "beyond it a fitted law is no evidence."
        )
    rng = np.random.default_rng(SEED)
    interval = crossover_interval(leader.points, other.points, rng=rng)
    if interval is None:
        return Text(
            f"{names} cross at {place:,.0f} images; these runs settle no interval, more seeds at "
            "each size would."
        )
    low, high = interval
    return Text(
        f"{names} cross at {place:,.0f} images (95 % bootstrap interval over runs {low:,.0f} to "
        f"{high:,.0f})."
    )
