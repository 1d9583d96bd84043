"""Plots drawn by matplotlib: lines, bands, points with intervals, and bars."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis as Drawn
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation

from jaxcmp.compare.document import Axis, Plot, Series
from jaxcmp.compare.pages.limits import array
from jaxcmp.compare.pages.palette import MARKERS, NUM_ARMS, arm_name
from jaxcmp.compare.pages.palette import stand_in as colour
from jaxcmp.compare.words import clean

# In inches; a row is one category of an axis.
WIDTH, HEIGHT, ROW = 4.4, 3.1, 0.27
# Names stand beside the ends of up to so many lines, and stray so many points from them.
MAX_ENDS, MAX_STRAY, LINE = 5, 14, 12
MAX_END_NAME, MAX_NAME, MAX_CATEGORY = 14, 34, 22
# Up to so many points of a line are marked.
MAX_MARKED = 12


def plot_size(plot: Plot) -> tuple[float, float]:
    """Width and height in inches."""
    rows = len(plot.y.categories) if plot.y.scale == "category" else 0
    return WIDTH, max(HEIGHT, 0.9 + ROW * rows)


def draw_plot(canvas: Canvas, plot: Plot) -> Axes:
    axes = canvas.subplots()
    _draw_marks(axes, plot)
    _name_series(canvas, axes, plot)
    return axes


def _draw_marks(axes: Axes, plot: Plot) -> None:
    is_sideways = plot.y.scale == "category"
    axes.grid(axis="x" if is_sideways else "y")
    _set_axis(axes.xaxis, plot.x)
    _set_axis(axes.yaxis, plot.y)
    axes.set_xlabel(clean(plot.x.label))
    # The label of the y axis stands above it, where it need not be turned.
    if not is_sideways and plot.y.label.lower() != plot.title.lower():
        axes.set_title(clean(plot.y.label))
    order = ("reference", "bars", "thin", "dashed", "thick", "points")
    for series in sorted(plot.series, key=lambda each: order.index(each.style)):
        _draw_series(axes, plot, series)
    for axis, said in ((axes.xaxis, plot.x), (axes.yaxis, plot.y)):
        _limit(axis, said)
    if not any(np.isfinite(array(s.x) + array(s.y)).any() for s in plot.series):
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center")


def _draw_series(axes: Axes, plot: Plot, series: Series) -> None:
    x, y, width = places(plot, series)
    is_sideways, has_categories = plot.y.scale == "category", plot.x.scale == "category"
    if series.style == "bars":
        draw = axes.barh if is_sideways else axes.bar
        spots, values = (y, x) if is_sideways else (x, y)
        draw(spots, values, width * 0.92, color=colour(arm_name(series.arm)))
    else:
        axes.plot(x, y, clip_on=False, **_look(series))
    if series.low is None or series.high is None:
        return
    low, high, own = array(series.low), array(series.high), colour(arm_name(series.arm))
    if series.style == "thick" and not has_categories:
        axes.fill_between(x, low, high, color=own, alpha=0.15, linewidth=0)
    else:
        known, spots = np.isfinite(low + high), (y if is_sideways else x)
        draw = axes.hlines if is_sideways else axes.vlines
        draw(spots[known], low[known], high[known], color=own, linewidth=1.4, clip_on=False)


def places(plot: Plot, series: Series) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns x, y and the room of one mark: series that share a category stand side by side."""
    x, y = array(series.x), array(series.y)
    if plot.y.scale != "category" and plot.x.scale != "category":
        return x, y, 1.0
    sharing = [each for each in plot.series if each.style == series.style]
    num = len(sharing)
    width = 0.8 / num if series.style in ("points", "bars") else 0.05
    shift = (next(i for i, s in enumerate(sharing) if s is series) - (num - 1) / 2) * width
    if series.style == "thin":
        shift = 0.0
    return (x, y + shift, width) if plot.y.scale == "category" else (x + shift, y, width)


def _look(series: Series) -> dict[str, Any]:
    own = colour(arm_name(series.arm))
    marker = "o" if series.arm is None else MARKERS[series.arm % NUM_ARMS]
    few = {"marker": marker, "markersize": 5} if len(series.x) <= MAX_MARKED else {}
    looks: dict[str, dict[str, Any]] = {
        "thin": {"linewidth": 0.9, "alpha": 0.45},
        "thick": {"linewidth": 2, **few},
        "dashed": {"linewidth": 1.4, "dashes": (5, 2)},
        "reference": {"linewidth": 1, "dashes": (2, 2)},
        "points": {"linewidth": 0, "marker": marker, "markersize": 5.5},
    }
    return {"color": own, "markeredgewidth": 0, **looks[series.style]}


def _is_x(axis: Drawn) -> bool:
    return axis is axis.axes.xaxis


def _set_axis(axis: Drawn, said: Axis) -> None:
    is_x = _is_x(axis)
    if said.scale == "category":
        # More names than fit stand at every second, third, ... place.
        step = max(math.ceil(len(said.categories) / 30), 1) if is_x else 1
        axis.set_ticks(range(0, len(said.categories), step))
        names = [clean(name, MAX_CATEGORY) for name in said.categories[::step]]
        is_long = is_x and sum(map(len, names)) > 42
        axis.set_ticklabels(names, **({"rotation": 40, "ha": "right"} if is_long else {}))
        return
    if said.scale == "log":
        (axis.axes.set_xscale if is_x else axis.axes.set_yscale)("log", nonpositive="mask")
        axis.set_minor_locator(ticker.NullLocator())
    else:
        whole = said.label in ("epoch", "block", "shift, pixels")
        most = 5 if is_x else 6
        axis.set_major_locator(ticker.MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=whole))
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))


def _limit(axis: Drawn, said: Axis) -> None:
    """Sets the ends of an axis, once everything is drawn: no share lies beyond 0 and 100 %."""
    set_ends = axis.axes.set_xlim if _is_x(axis) else axis.axes.set_ylim
    low, high = axis.get_view_interval()
    if said.scale == "category":
        last = len(said.categories) - 1
        ends = said.limits or (-0.6, last + 0.6)
        set_ends(*(ends if _is_x(axis) else ends[::-1]))
        return
    if said.limits:
        low, high = said.limits
    if said.label.endswith("%") and said.scale == "linear":
        low, high = max(low, 0.0), min(high, 100.0)
    if said.scale == "log" and low > 0:
        # Fewer than two decades show few powers of ten, so that steps between them are named too.
        decades = math.log10(high / low)
        steps = (1, 1.5, 2, 3, 5, 7) if decades < 0.9 else (1, 2, 5) if decades <= 2 else (1,)
        axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=8))
    if low < high:
        set_ends(low, high)


def _named(plot: Plot) -> list[Series]:
    """The series whose names are shown: single runs only where there is no mean of their arm."""
    means = {each.arm for each in plot.series if each.style == "thick"}
    shown: dict[tuple[str, int | None], Series] = {}
    for each in plot.series:
        if each.label.strip() and not (each.style == "thin" and each.arm in means):
            shown.setdefault((each.label, each.arm), each)
    return list(shown.values())


def _name_series(canvas: Canvas, axes: Axes, plot: Plot) -> None:
    """Writes names beside the right ends of lines, or a legend where they would collide."""
    shown = _named(plot)
    names = _ends(axes, shown) if plot.y.scale != "category" else []
    canvas.draw_without_rendering()
    if names and _spread(axes, names):
        return
    for name in names:
        name.remove()
    if len(shown) > 1 or (shown and shown[0].label not in plot.title and shown[0].arm is not None):
        handles = [_handle(each) for each in shown]
        widest = max(len(clean(each.label, MAX_NAME)) for each in shown)
        num_columns = max(1, int(WIDTH * 72 // (5.5 * widest + 40)))
        num_rows = -(-len(shown) // num_columns)
        canvas.set_figheight(canvas.get_figheight() + max(num_rows - 2, 0) * LINE * 1.4 / 72)
        legend = canvas.legend(
            handles, ["-"] * len(shown), loc="outside upper left", ncols=num_columns
        )
        # Set afterwards: a legend leaves out labels that start with "_".
        for text, each in zip(legend.get_texts(), shown, strict=True):
            text.set_text(clean(each.label, MAX_NAME))
    canvas.draw_without_rendering()


def _ends(axes: Axes, shown: Sequence[Series]) -> list[Annotation]:
    """Writes the names at the ends of lines; none where a line is not one or does not reach."""
    last = max((x for each in shown for x in each.x if x is not None), default=None)
    can_end = [
        each.style not in ("points", "bars")
        and len(each.label) <= MAX_END_NAME
        and bool(each.x)
        and each.x[-1] == last
        and each.y[-1] is not None
        for each in shown
    ]
    if not 1 < len(shown) <= MAX_ENDS or not all(can_end):
        return []
    return [
        axes.annotate(
            clean(each.label),
            (1, each.y[-1] or 0.0),
            (5, 0),
            ("axes fraction", "data"),
            "offset points",
            color=colour(arm_name(each.arm)),
            va="center",
            annotation_clip=False,
        )
        for each in shown
    ]


def _spread(axes: Axes, names: list[Annotation]) -> bool:
    """Moves names a line apart; False where one would stray too far from the end of its line."""
    heights = {name: axes.transData.transform((0, name.xy[1]))[1] for name in names}
    above, moves = -math.inf, {}
    for name in sorted(names, key=lambda each: heights[each]):
        above = max(heights[name], above + LINE)
        moves[name] = above - heights[name]
    for name, move in moves.items():
        name.set_position((5, move - max(moves.values()) / 2))
    return max(moves.values()) <= 2 * MAX_STRAY


def _handle(series: Series) -> Line2D | Patch:
    if series.style == "bars":
        return Patch(color=colour(arm_name(series.arm)))
    return Line2D([], [], **_look(series))  # pyright: ignore[reportArgumentType]
