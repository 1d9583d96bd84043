"""The effects of two crossed factors, and whether the effect of one depends on the other."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare.statistics.means import (
    CONFIDENCE,
    Difference,
    clip,
    is_constant,
    without_few,
    without_rounding,
)


@dataclasses.dataclass(frozen=True)
class Effects:
    """Effects in a 2 x 2 table, in its unit; each has its 95 % interval and p value.

    `row` is the first row minus the second, averaged over columns; `column` the first column minus
    the second, averaged over rows; `interaction` is the first column's gain over the second in the
    first row, minus the same in the second row. None has an interval or a p value where a cell has
    fewer than three runs.
    """

    row: Difference
    column: Difference
    interaction: Difference


def two_by_two(table: Sequence[Sequence[Sequence[float]]], *, most: float = math.inf) -> Effects:
    """The effects of two factors on runs [rows 2][columns 2][runs of the cell, one or more].

    They are those of a two-way analysis of variance with sum contrasts, in which each cell counts
    alike however many runs it has. Runs are shares in [0, most] where that is finite. Raises
    ValueError for another shape, or a cell without a run.
    """
    if len(table) != 2 or any(len(row) != 2 for row in table):
        raise ValueError("two factors of two levels each make a table of 2 x 2")
    cells = [cell for row in table for cell in row]
    return Effects(
        row=without_few(contrast(cells, (0.5, 0.5, -0.5, -0.5), most=most), *cells),
        column=without_few(contrast(cells, (0.5, -0.5, 0.5, -0.5), most=most), *cells),
        interaction=without_few(contrast(cells, (1, -1, -1, 1), most=most), *cells),
    )


def contrast(
    cells: Sequence[Sequence[float]], weights: Sequence[float], *, most: float = math.inf
) -> Difference:
    """A weighted sum of the means of independent cells, with its 95 % interval and p value.

    Each cell has its own variance, and the degrees of freedom are Satterthwaite's: of two cells
    with the weights 1 and -1 this is Welch's test. Models differ in how much their seeds vary, and
    with a few seeds a test for that finds nothing, so that nothing is gained by asking it first
    (Zimmerman 2004). Interval and p value are None where a cell has one run, or no runs of one cell
    differ.
    Where runs are shares in [0, most], the interval holds nothing that such a sum cannot be. Raises
    ValueError for a cell without a run. Sources: Welch 1947, Satterthwaite 1946.
    """
    if not all(len(cell) for cell in cells):
        raise ValueError("a cell has no run")
    mean = sum(w * float(np.mean(cell)) for w, cell in zip(weights, cells, strict=True))
    mean = without_rounding(mean, [run for cell in cells for run in cell])
    freedoms = [len(cell) - 1 for cell in cells]
    if not all(freedoms):
        return Difference(mean, None, None)
    squares = [w**2 / len(cell) for w, cell in zip(weights, cells, strict=True)]
    parts = [s * _variance(cell) for s, cell in zip(squares, cells, strict=True)]
    variance = sum(parts)
    if not variance:
        return Difference(mean, None, None)
    freedom = variance**2 / sum(part**2 / f for part, f in zip(parts, freedoms, strict=True))
    error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    interval = mean - half, mean + half
    if math.isfinite(most):
        least, greatest = (sum(w for w in weights if w * sign > 0) for sign in (-1, 1))
        interval = clip(interval, most * least, most * greatest)
    return Difference(mean, interval, float(2 * stats.t.sf(abs(mean) / error, freedom)))


def _variance(cell: Sequence[float]) -> float:
    """Exactly zero where runs agree: their mean may differ from them in the last digit."""
    return 0.0 if is_constant(cell) else float(np.var(cell, ddof=1))
