"""The hover of a panel: its values, and where they are drawn."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Transform

from jaxcmp.compare.document import Axis, Heatmap, Part, Plot
from jaxcmp.compare.pages.plots import places
from jaxcmp.compare.words import clean


class Hover(Part, frozen=True):
    """Values by their places, in points from the top left corner of the drawing.

    A trace is [label, arm, points], a point [x, y, index into heads, text]; traces are read along
    "x", "y" or "both". A matrix has the names of its rows and columns, and its texts, instead.
    """

    box: tuple[float, float, float, float]
    along: str = "both"
    heads: list[str] = []
    traces: list[tuple[str, int | None, list[tuple[float, float, int, str]]]] = []
    rows: list[str] = []
    columns: list[str] = []
    texts: list[list[str]] = []


def read_heatmap(axes: Axes, matrix: Heatmap) -> Hover:
    texts = [[_text(value, matrix.unit) for value in row] for row in matrix.values]
    rows = [f"{matrix.row_label}: {clean(name)}" for name in matrix.rows]
    columns = [f"{matrix.column_label}: {clean(name)}" for name in matrix.columns]
    return Hover(_box(axes), rows=rows, columns=columns, texts=texts)


def read_plot(axes: Axes, plot: Plot) -> Hover:
    is_sideways = plot.y.scale == "category"
    key, value = (plot.y, plot.x) if is_sideways else (plot.x, plot.y)
    unit = value.label.rpartition(", ")[2] if ", " in value.label else ""
    heads: dict[str, int] = {}
    traces = []
    for series in plot.series:
        if series.style == "reference":
            continue
        x, y, _ = places(plot, series)
        points = []
        for i in np.flatnonzero(np.isfinite(x) & np.isfinite(y)).tolist():
            own, shown = (series.y[i], series.x[i]) if is_sideways else (series.x[i], series.y[i])
            head = heads.setdefault(_head(own or 0.0, key), len(heads))
            text = _text(shown, unit)
            if series.low and series.high and series.low[i] is not None:
                text += f" [{_text(series.low[i])} to {_text(series.high[i])}]"
            points.append((*_at(axes, axes.transData, float(x[i]), float(y[i])), head, text))
        traces.append((clean(series.label), series.arm, points))
    along = "y" if is_sideways else "x" if _share_places(plot) else "both"
    return Hover(_box(axes), along, list(heads), traces)


def _box(axes: Axes) -> tuple[float, float, float, float]:
    return (*_at(axes, axes.transAxes, 0, 1), *_at(axes, axes.transAxes, 1, 0))


def _at(axes: Axes, transform: Transform, x: float, y: float) -> tuple[float, float]:
    canvas = axes.get_figure(root=True)
    assert canvas is not None
    across, up = transform.transform((x, y))
    return round(float(across), 1), round(72 * float(canvas.get_figheight()) - float(up), 1)


def _share_places(plot: Plot) -> bool:
    lines = [each for each in plot.series if each.style != "reference"]
    return len({tuple(each.x) for each in lines}) < 2


def _head(value: float, axis: Axis) -> str:
    if axis.scale == "category":
        return clean(axis.categories[round(value)])
    name, _, unit = axis.label.rpartition(", ") if ", " in axis.label else (axis.label, "", "")
    return clean(f"{name[:1].upper()}{name[1:]} {_text(value, unit)}")


def _text(value: float | None, unit: str = "") -> str:
    if value is None or not math.isfinite(value):
        return "no value"
    is_whole = value == round(value) or abs(value) >= 10_000
    digits = f"{value:.2f}" if unit == "%" else f"{value:,.0f}" if is_whole else f"{value:,.4g}"
    return f"{digits} {unit}".strip().replace("-", "−", 1 if value < 0 else 0)
