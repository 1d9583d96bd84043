"""What a reader sees at a place of a plot: values as text, at the coordinates of the drawing."""

import dataclasses
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from jaxcmp.compare.document import Axis, Heatmap, Plot
from jaxcmp.compare.pages.heatmaps import matrix
from jaxcmp.compare.pages.marks import Placed
from jaxcmp.compare.pages.scales import clean, split_unit, value_text

# Left, top, right and bottom of the axes, in the units of the viewBox.
Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Trace:
    """A series: `points` are (x, y, index into heads, text); a guide is a fit, nothing measured."""

    label: str
    arm: int | None
    is_guide: bool
    points: list[tuple[float, float, int, str]]


@dataclasses.dataclass(frozen=True)
class Traces:
    """The nearest points are sought `along` x, along y, or in both directions."""

    box: Box
    along: Literal["x", "y", "both"]
    heads: list[str]
    traces: list[Trace]
    kind: Literal["traces"] = "traces"


@dataclasses.dataclass(frozen=True)
class Grid:
    """The cells of a heatmap fill the box evenly; `values` are rows of numbers or None."""

    box: Box
    row_label: str
    column_label: str
    rows: list[str]
    columns: list[str]
    values: list[list[float | None]]
    unit: str
    kind: Literal["grid"] = "grid"


def read_plot(axes: Axes, plot: Plot, placed: list[Placed]) -> Traces:
    """The points of a drawn plot, those of means before those of single runs."""
    heads: dict[str, int] = {}
    read = [each for each in placed if each.series.style != "reference"]
    traces = [_trace(axes, plot, each, heads) for each in sorted(read, key=_is_run)]
    return Traces(box(axes), _along(plot), list(heads), traces)


def read_heatmap(axes: Axes, heatmap: Heatmap) -> Grid:
    """The cells of a drawn heatmap."""
    values = [
        [None if np.isnan(value) else float(f"{value:.6g}") for value in row]
        for row in matrix(heatmap)
    ]
    return Grid(
        box(axes),
        clean(heatmap.row_label),
        clean(heatmap.column_label),
        [clean(name) for name in heatmap.rows],
        [clean(name) for name in heatmap.columns],
        values,
        clean(heatmap.unit),
    )


def box(axes: Axes) -> Box:
    """Where the axes are in the drawing; its y points down."""
    (left, bottom), (right, top) = axes.transAxes.transform([(0, 0), (1, 1)])
    height = _height(axes)
    return (
        round(float(left), 1),
        round(height - float(top), 1),
        round(float(right), 1),
        round(height - float(bottom), 1),
    )


def _height(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure.bbox.height


def _is_run(placed: Placed) -> bool:
    return placed.series.style == "thin"


def _along(plot: Plot) -> Literal["x", "y", "both"]:
    if plot.y.scale == "category":
        return "y"
    styles = {each.style for each in plot.series} - {"reference", "dashed"}
    return "both" if styles == {"points"} and plot.x.scale != "category" else "x"


def _trace(axes: Axes, plot: Plot, placed: Placed, heads: dict[str, int]) -> Trace:
    is_sideways = plot.y.scale == "category"
    across, value_axis = (plot.y, plot.x) if is_sideways else (plot.x, plot.y)
    series = placed.series
    places, values = (series.y, placed.x) if is_sideways else (series.x, placed.y)
    ends = axes.transData.transform(np.column_stack([placed.x, placed.y]))
    points = []
    for index, (x, y) in enumerate(ends):
        place = places[index]
        # What a log scale cannot show, and what is missing, has no place.
        if place is None or not np.isfinite([x, y]).all():
            continue
        head = heads.setdefault(_head(place, across), len(heads))
        text = value_text(float(values[index]), value_axis.label)
        text += _interval(placed, index, value_axis.label)
        points.append((round(float(x), 1), round(_height(axes) - float(y), 1), head, text))
    return Trace(clean(series.label), series.arm, series.style == "dashed", points)


def _head(place: float, axis: Axis) -> str:
    if axis.scale == "category":
        index = round(place)
        is_named = 0 <= index < len(axis.categories)
        return clean(axis.categories[index]) if is_named else str(index)
    return f"{clean(split_unit(axis.label)[0])} {value_text(place, axis.label)}".strip()


def _interval(placed: Placed, index: int, label: str) -> str:
    if placed.low is None or placed.high is None:
        return ""
    ends = float(placed.low[index]), float(placed.high[index])
    if np.isnan(ends).any():
        return ""
    # The unit is said once, after the value itself.
    low, high = (value_text(end, label).removesuffix(split_unit(label)[1]).strip() for end in ends)
    return f" ({low} to {high})"
