"""The marks of a plot: lines, bands, points with whiskers, and bars."""

import dataclasses

import numpy as np
from matplotlib.axes import Axes

from jaxcmp.compare.document import Plot, Series
from jaxcmp.compare.pages.palette import MARKERS, NUM_ARMS, arm_name, stand_in
from jaxcmp.compare.pages.scales import numbers

# Up to so many points, a line shows where they are.
MAX_MARKED = 12
# A longer one has a mark at so many places, those of one arm beside those of another.
NUM_MARKS = 6
# Lines over categories stand so far apart that their whiskers do not hide each other.
LINE_SHIFT = 0.05


@dataclasses.dataclass(frozen=True)
class Placed:
    """A series with NaN for what is missing, moved within its category so that none hides another.

    Arrays [n]; `low` and `high` are None where no interval is known. `repeat` counts the series
    before it that have its style and arm, and would look as it does. Between categories there is
    nothing: `has_whiskers` is of a line over them, whose intervals are drawn where they are known.
    """

    series: Series
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    width: float
    repeat: int
    has_whiskers: bool = False

    @property
    def colour(self) -> str:
        return stand_in(arm_name(self.series.arm))

    @property
    def marker(self) -> str:
        return "o" if self.series.arm is None else MARKERS[self.series.arm % NUM_ARMS]


def place(plot: Plot) -> list[Placed]:
    """The series of a plot, those that share categories side by side."""
    is_sideways = plot.y.scale == "category"
    has_categories = is_sideways or plot.x.scale == "category"
    sharing = [
        index
        for index, series in enumerate(plot.series)
        if series.style == "bars" or (series.style == "points" and has_categories)
    ]
    width = _spacing(plot, sharing) * (0.8 / max(len(sharing), 1))
    over_categories = plot.x.scale == "category"
    lines = [i for i, series in enumerate(plot.series) if series.style == "thick"]
    placed, seen = [], {}
    for index, series in enumerate(plot.series):
        x, y = numbers(series.x), numbers(series.y)
        if index in sharing:
            shift = (sharing.index(index) - (len(sharing) - 1) / 2) * width
            x, y = (x, y + shift) if is_sideways else (x + shift, y)
        has_whiskers = over_categories and index in lines
        if has_whiskers:
            x = x + (lines.index(index) - (len(lines) - 1) / 2) * LINE_SHIFT
        key = (series.style, series.arm)
        low, high = (None if end is None else numbers(end) for end in (series.low, series.high))
        repeat = seen.get(key, 0)
        placed.append(Placed(series, x, y, low, high, width, repeat, has_whiskers))
        seen[key] = seen.get(key, 0) + 1
    return placed


def _spacing(plot: Plot, sharing: list[int]) -> float:
    """The room of one category, or of one bar of a histogram, in units of the axis."""
    if "category" in (plot.x.scale, plot.y.scale):
        return 1.0
    places = np.unique(np.concatenate([[], *(numbers(plot.series[i].x) for i in sharing)]))
    gaps = np.diff(places[~np.isnan(places)])
    return float(gaps.min()) if gaps.size else 1.0


def draw_marks(axes: Axes, placed: list[Placed], *, is_sideways: bool) -> None:
    """Draws thin lines first and means last; with `is_sideways`, values lie along x."""
    order = ("reference", "bars", "thin", "dashed", "thick", "points")
    for each in sorted(placed, key=lambda each: order.index(each.series.style)):
        if each.series.style == "bars":
            _draw_bars(axes, each, is_sideways)
        elif each.series.style == "points":
            _draw_points(axes, each, is_sideways)
        else:
            _draw_line(axes, each)


def line_look(placed: Placed) -> dict:
    """What a line of this style looks like, in the axes and in a legend."""
    match placed.series.style:
        case "thin":
            return {"linewidth": 0.9, "alpha": 0.45}
        case "reference":
            return {"linewidth": 1, "dashes": (2, 2)}
        case "dashed":
            return {"linewidth": 1.4, "dashes": (5, 2)}
        case "points":
            return {"linewidth": 0, "marker": placed.marker, "markersize": 5.5}
    # A second mean of the same arm, such as its training beside its test, is dotted.
    return {"linewidth": 2} | ({"dashes": (1, 1.2)} if placed.repeat else {})


def bar_look(placed: Placed) -> dict:
    return {"color": placed.colour, "alpha": (1, 0.55, 0.3)[placed.repeat % 3]}


def _draw_line(axes: Axes, placed: Placed) -> None:
    (line,) = axes.plot(placed.x, placed.y, color=placed.colour, **line_look(placed))
    shown = ~np.isnan(placed.x) & ~np.isnan(placed.y)
    if placed.series.style == "thick" and shown.sum() <= MAX_MARKED:
        line.set(marker=placed.marker, markersize=5)
    elif placed.series.style == "thick" and placed.series.arm is not None:
        step = int(shown.sum()) // NUM_MARKS
        start = placed.series.arm * step // NUM_ARMS % step
        line.set(marker=placed.marker, markersize=4, markevery=(start, step))
    elif placed.series.style in {"thin", "thick"}:
        # A point between two gaps has no line to show it.
        padded = np.concatenate([[False], shown, [False]])
        alone = shown & ~padded[:-2] & ~padded[2:]
        line.set(marker="o", markersize=3, markevery=np.flatnonzero(alone).tolist())
    if placed.has_whiskers:
        _draw_whiskers(axes, placed, False, placed.colour, 1.4)
    elif placed.low is not None and placed.high is not None:
        known = shown & ~np.isnan(placed.low) & ~np.isnan(placed.high)
        axes.fill_between(
            placed.x, placed.low, placed.high, where=known.tolist(), color=placed.colour,
            alpha=0.15, linewidth=0,
        )  # fmt: skip


def _draw_points(axes: Axes, placed: Placed, is_sideways: bool) -> None:
    _draw_whiskers(axes, placed, is_sideways, placed.colour, 1.4)
    axes.plot(placed.x, placed.y, color=placed.colour, markeredgewidth=0, **line_look(placed))


def _draw_bars(axes: Axes, placed: Placed, is_sideways: bool) -> None:
    shown = ~np.isnan(placed.x) & ~np.isnan(placed.y)
    x, y, width = placed.x[shown], placed.y[shown], placed.width * 0.92
    if is_sideways:
        axes.barh(y, x, height=width, **bar_look(placed))
    else:
        axes.bar(x, y, width=width, **bar_look(placed))
    _draw_whiskers(axes, placed, is_sideways, stand_in("ink"), 1)


def _draw_whiskers(axes: Axes, placed: Placed, is_sideways: bool, colour: str, width: float):
    if placed.low is None or placed.high is None:
        return
    known = ~(np.isnan(placed.low) | np.isnan(placed.high) | np.isnan(placed.x + placed.y))
    draw = axes.hlines if is_sideways else axes.vlines
    places = placed.y if is_sideways else placed.x
    draw(places[known], placed.low[known], placed.high[known], color=colour, linewidth=width)
