"""Matrices as colour: one hue, more opaque where the value is larger; two hues around zero."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FixedFormatter, FixedLocator

from jaxcmp.compare.document import Heatmap
from jaxcmp.compare.pages.palette import stand_in
from jaxcmp.compare.pages.scales import clean, numbers, set_look, tick_text

# Numbers fit into the cells of a page-wide panel up to so many classes.
MAX_NUMBERED = 20
# Beside one another, two panels have room for the numbers of so many classes.
MAX_NARROW = 12
MAX_NAME, MAX_WIDE_NAME = 11, 18
MAX_NAMES = 34
# Cells are drawn in so many steps of opacity, all cells of a step as one shape.
LEVELS = 50
# From this level on, a number is easier to read in the colour that stands for the paper; the hues
# of the palette were chosen so that this level is the same for all, in light and in dark mode.
TURN = 35
# Below 1, differences among small values show beside one large value, such as the diagonal's.
POWER = 0.6


def is_wide(heatmap: Heatmap) -> bool:
    """Whether it needs the width of the page."""
    return max(len(heatmap.rows), len(heatmap.columns)) > MAX_NARROW


def size(heatmap: Heatmap) -> tuple[float, float]:
    """Width and height in inches."""
    if not is_wide(heatmap):
        return 4.4, 1.4 + 0.29 * len(heatmap.rows)
    share = len(heatmap.rows) / max(len(heatmap.columns), 1)
    return 7.2, 1.5 + 5.7 * min(max(share, 0.25), 1.2)


def draw_heatmap(figure: Figure, heatmap: Heatmap) -> Axes:
    """Draws the matrix with numbers in its cells, or with a scale where there are too many."""
    values = matrix(heatmap)
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    levels = np.ceil((np.abs(values) / largest) ** POWER * LEVELS)
    if max(values.shape) <= MAX_NUMBERED:
        axes = figure.subplots()
        _draw_cells(axes, values, levels, heatmap.is_diverging, side=0.95)
        _draw_numbers(axes, values, levels)
    else:
        axes, scale = figure.subplots(2, height_ratios=[42, 1])
        _draw_cells(axes, values, levels, heatmap.is_diverging, side=1)
        _draw_scale(scale, largest, heatmap)
    _set_axes(axes, heatmap)
    return axes


def matrix(heatmap: Heatmap) -> np.ndarray:
    """The values [rows, columns] as floats, NaN where there is none."""
    rows = [numbers(row) for row in heatmap.values]
    return np.array(rows).reshape(len(heatmap.rows), len(heatmap.columns))


def cell_texts(values: np.ndarray) -> list[list[str]]:
    """Numbers that fit into cells: one decimal, or none for integers and for narrow cells."""
    is_exact = bool(np.all(np.isnan(values) | (values == np.round(values))))
    decimals = 0 if is_exact or max(values.shape, default=0) > MAX_NARROW else 1
    return [[_cell_text(float(value), decimals) for value in row] for row in values]


def _cell_text(value: float, decimals: int) -> str:
    if math.isnan(value):
        return ""
    if abs(value) >= 1000:
        return tick_text(float(f"{value:.2g}"))
    text = f"{value:.{0 if abs(value) >= 99.95 else decimals}f}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def _hue(is_negative: bool, is_diverging: bool) -> str:
    return ("less" if is_negative else "more") if is_diverging else "heat"


def _draw_cells(axes: Axes, values, levels, is_diverging: bool, *, side: float) -> None:
    for is_negative in (False, True):
        colour = stand_in(_hue(is_negative, is_diverging))
        for level in range(1, LEVELS + 1):
            cells = np.argwhere((levels == level) & ((values < 0) == is_negative))
            if cells.size:
                corners = [Rectangle((column - side / 2, row - side / 2), side, side)
                           for row, column in cells]  # fmt: skip
                shape = Path.make_compound_path(
                    *(
                        corner.get_transform().transform_path(corner.get_path())
                        for corner in corners
                    )
                )
                axes.add_patch(
                    PathPatch(shape, facecolor=colour, alpha=level / LEVELS, edgecolor="none")
                )


def _draw_numbers(axes: Axes, values: np.ndarray, levels: np.ndarray) -> None:
    for (row, column), text in np.ndenumerate(np.array(cell_texts(values), dtype=object)):
        colour = "cell-paper" if levels[row, column] >= TURN else "cell-ink"
        axes.text(
            column, row, text, ha="center", va="center_baseline", fontsize=9,
            color=stand_in("soft" if text == "0" else colour), in_layout=False,
        )  # fmt: skip


def _draw_scale(axes: Axes, largest: float, heatmap: Heatmap) -> None:
    """A strip from the smallest to the largest value."""
    ends = np.linspace(-largest if heatmap.is_diverging else 0, largest, 41)
    strip = (ends[1:] + ends[:-1])[None, :] / 2
    levels = np.ceil((np.abs(strip) / largest) ** POWER * LEVELS)
    _draw_cells(axes, strip, levels, heatmap.is_diverging, side=1)
    axes.set(xlim=(-0.5, 39.5), ylim=(-0.5, 0.5), yticks=[])
    texts = [
        f"{tick_text(float(f'{end:.3g}'))} {heatmap.unit}".strip() for end in ends[[0, 20, 40]]
    ]
    axes.xaxis.set_major_locator(FixedLocator([-0.5, 19.5, 39.5]))
    axes.xaxis.set_major_formatter(FixedFormatter(texts))
    set_look(axes)


def _set_axes(axes: Axes, heatmap: Heatmap) -> None:
    set_look(axes)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(-0.5, max(len(heatmap.columns), 1) - 0.5)
    axes.set_ylim(max(len(heatmap.rows), 1) - 0.5, -0.5)
    for axis, names in ((axes.xaxis, heatmap.columns), (axes.yaxis, heatmap.rows)):
        step = math.ceil(max(len(names), 1) / MAX_NAMES)
        limit = MAX_WIDE_NAME if is_wide(heatmap) else MAX_NAME
        axis.set_major_locator(FixedLocator(list(range(0, len(names), step))))
        axis.set_major_formatter(FixedFormatter([clean(n, limit) for n in names[::step]]))
    axes.tick_params(axis="x", rotation=90)
    for label in axes.get_xticklabels():
        label.set(ha="right", va="center", rotation_mode="anchor")
    axes.set_xlabel(clean(heatmap.column_label), color=stand_in("soft"))
    axes.set_ylabel(clean(heatmap.row_label), color=stand_in("soft"))
