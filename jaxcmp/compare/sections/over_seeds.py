"""Means over seeds as series of a figure: with their intervals, or with each of a few seeds."""

import itertools
from collections.abc import Sequence

from msgspec import structs

from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Series, Style
from jaxcmp.compare.statistics.means import MIN_RUNS, estimate_mean


def over_seeds(
    label: str,
    x: Sequence[float],
    percents: Sequence[Sequence[float]],
    style: Style,
    arm: int | None,
    runs: Sequence[int],
    *,
    most: float = 100,
) -> list[Series]:
    """The seeds of places with fewer than three as thin lines, and the mean of each place.

    `percents` has the shares of each place `x`, in percent, one a seed; none leaves a gap. `style`
    is that of the means, which have 95 % t-intervals where there are three seeds.
    """
    few = [each if 1 < len(each) < MIN_RUNS else () for each in percents]
    series = [
        Series(f"{label}, run {number}", list(x), list(seeds), "thin", arm, runs=list(runs))
        for number, seeds in enumerate(itertools.zip_longest(*few), start=1)
    ]
    estimates = [estimate_mean(each, most=most) if each else None for each in percents]
    bounds = [(each and each.interval) or (None, None) for each in estimates]
    is_known = any(low is not None for low, _ in bounds)
    means = Series(
        label,
        list(x),
        [None if each is None else each.mean for each in estimates],
        style,
        arm,
        low=[low for low, _ in bounds] if is_known else None,
        high=[high for _, high in bounds] if is_known else None,
        runs=list(runs),
    )
    return [*series, means]


def accuracies(
    label: str,
    x: Sequence[float],
    arms: Sequence[Arm | None],
    style: Style,
    index: int | None,
) -> list[Series]:
    """The accuracies of arms, one at each place; a missing arm leaves a gap."""
    percents = [arm.percents if arm else [] for arm in arms]
    runs = list(dict.fromkeys(run for arm in arms if arm for run in arm.runs))
    return over_seeds(label, x, percents, style, index, runs)


def sideways(series: Sequence[Series]) -> list[Series]:
    """Puts the values of points along x, where categories are on y; leaves out single seeds."""
    found = []
    for line in series:
        if line.style == "points":
            kept = [i for i, value in enumerate(line.y) if value is not None]
            x, y = ([values[i] or 0.0 for i in kept] for values in (line.y, line.x))
            low, high = (ends and [ends[i] for i in kept] for ends in (line.low, line.high))
            found.append(structs.replace(line, x=x, y=y, low=low, high=high))
    return found


def by_epoch(
    arm: Arm, key: str, scale: float, label: str, *, style: Style = "thick"
) -> list[Series]:
    """The runs of an arm as thin lines, where it has several, and their mean, by epoch."""
    series = []
    for outcome in arm.outcomes if len(arm.outcomes) > 1 else ():
        x = [float(epoch["epoch"]) for epoch in outcome.epochs]
        y = [scale * epoch[key] for epoch in outcome.epochs]
        name = f"{label}, seed {outcome.seed}"
        series.append(Series(name, x, list(y), "thin", arm.index, runs=[outcome.number]))
    found = arm.by_epoch(lambda each: [scale * epoch[key] for epoch in each.epochs])
    means = [sum(values) / len(values) for values in found.values()]
    x = [float(epoch) for epoch in found]
    return [*series, Series(label, x, list(means), style, arm.index, runs=arm.runs)]
