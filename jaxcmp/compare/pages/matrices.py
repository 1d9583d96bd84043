"""Matrices as colour: more opaque where the value is larger, two hues around zero."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from jaxcmp.compare.document import Heatmap
from jaxcmp.compare.pages.limits import array
from jaxcmp.compare.pages.palette import stand_in as colour
from jaxcmp.compare.words import clean

# More classes take the width of the page; cells of even more have no numbers.
MAX_NARROW, MAX_NUMBERED, MAX_NAMES = 12, 20, 34
# In inches.
WIDTH, WIDE, ROW = 4.4, 7.4, 0.29
# Cells have so many steps of opacity. From PLAIN on a soft number would fade, from TURN on it has
# the colour of the paper: the contrast of a number with its cell is 4.5:1 or more.
LEVELS, PLAIN, TURN = 50, 8, 35
# Below 1, differences among small values show beside one large value, such as the diagonal's.
POWER = 0.6


def is_wide(matrix: Heatmap) -> bool:
    return max(len(matrix.rows), len(matrix.columns)) > MAX_NARROW


def matrix_size(matrix: Heatmap) -> tuple[float, float]:
    """Width and height in inches."""
    if is_wide(matrix):
        share = len(matrix.rows) / max(len(matrix.columns), 1)
        return WIDE, 1.5 + 5.7 * min(max(share, 0.25), 1.2)
    return WIDTH, 1.4 + ROW * len(matrix.rows)


def draw_matrix(canvas: Canvas, matrix: Heatmap) -> Axes:
    axes = canvas.subplots()
    _draw_cells(axes, matrix)
    _set_axes(axes, matrix)
    canvas.draw_without_rendering()
    return axes


def _draw_cells(axes: Axes, matrix: Heatmap) -> None:
    values = np.array([array(row) for row in matrix.values]).reshape(len(matrix.rows), -1)
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    levels = np.ceil((np.abs(np.nan_to_num(values)) / largest) ** POWER * LEVELS)
    corners = 0.48 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    for is_negative in (False, True):
        hue = ("less" if is_negative else "more") if matrix.is_diverging else "heat"
        for level in range(1, LEVELS + 1):
            cells = np.argwhere((levels == level) & ((values < 0) == is_negative))
            if cells.size:
                # All cells of a level are one shape, which keeps the file small.
                places = (cells[:, None, ::-1] + corners).reshape(-1, 2)
                shape = Path(places, [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(cells))
                axes.add_patch(PathPatch(shape, color=colour(hue), alpha=level / LEVELS, lw=0))
    if max(values.shape, default=0) <= MAX_NUMBERED:
        for (row, column), value in np.ndenumerate(values):
            text = _cell_text(float(value), max(values.shape))
            own = _ink(text, float(levels[row, column]))
            style = {"ha": "center", "va": "center_baseline", "fontsize": 9, "in_layout": False}
            axes.text(column, row, text, color=colour(own), **style)
    deepest = f"; the deepest colour is {largest:.3g}" if max(values.shape) > MAX_NUMBERED else ""
    axes.set_title(clean(f"in {matrix.unit}{deepest}" if matrix.unit else deepest))


def _ink(text: str, level: float) -> str:
    """Chooses the colour of a number by its cell's step of opacity; zeros are soft."""
    if level >= TURN:
        return "cell-paper"
    return "soft" if text == "0" and level < PLAIN else "cell-ink"


def _cell_text(value: float, num_classes: int) -> str:
    """A number that fits into a cell."""
    if math.isnan(value):
        return ""
    digits = 0 if abs(value) >= 99.95 or num_classes > MAX_NARROW or value == round(value) else 1
    text = f"{value:.{digits}f}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def _set_axes(axes: Axes, matrix: Heatmap) -> None:
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(-0.5, max(len(matrix.columns), 1) - 0.5)
    axes.set_ylim(max(len(matrix.rows), 1) - 0.5, -0.5)
    limit = 18 if is_wide(matrix) else 11
    for axis, names in ((axes.xaxis, matrix.columns), (axes.yaxis, matrix.rows)):
        step = max(math.ceil(len(names) / MAX_NAMES), 1)
        axis.set_ticks(range(0, len(names), step))
        axis.set_ticklabels([clean(name, limit) for name in names[::step]])
    axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel(clean(matrix.column_label))
    axes.set_ylabel(clean(matrix.row_label))
