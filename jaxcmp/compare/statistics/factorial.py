"""Two factors crossed: the effect of each, and whether the effect of one depends on the other."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare.statistics.means import CONFIDENCE, Difference


@dataclasses.dataclass(frozen=True)
class Effects:
    """Effects in a 2 x 2 table, in its unit; each has its 95 % interval and p value.

    `row` is the first row minus the second, averaged over columns; `column` the first column minus
    the second, averaged over rows; `interaction` is the first column's gain over the second in the
    first row, minus the same in the second row. With `is_pooled`, a cell had one run only, and was
    taken to vary as the others do.
    """

    row: Difference
    column: Difference
    interaction: Difference
    is_pooled: bool


def two_by_two(table: Sequence[Sequence[Sequence[float]]]) -> Effects:
    """The effects of two factors on runs [rows 2][columns 2][runs of the cell, one or more].

    They are those of a two-way analysis of variance with sum contrasts, in which each cell counts
    alike however many runs it has. Raises ValueError for another shape, or a cell without a run.
    """
    if len(table) != 2 or any(len(row) != 2 for row in table):
        raise ValueError("two factors of two levels each make a table of 2 x 2")
    cells = [cell for row in table for cell in row]
    return Effects(
        row=contrast(cells, (0.5, 0.5, -0.5, -0.5)),
        column=contrast(cells, (0.5, -0.5, 0.5, -0.5)),
        interaction=contrast(cells, (1, -1, -1, 1)),
        is_pooled=_is_pooled(cells),
    )


def contrast(cells: Sequence[Sequence[float]], weights: Sequence[float]) -> Difference:
    """A weighted sum of the means of independent cells, with its 95 % interval and p value.

    Each cell has its own variance, and the degrees of freedom are Satterthwaite's: of two cells
    with the weights 1 and -1 this is Welch's test. Models differ in how much their seeds vary, and
    with a few seeds a test for that finds nothing, so that nothing is gained by asking it first
    (Zimmerman 2004). Where a cell has one run, its variance is taken to be that of the others,
    pooled. The interval is None where no cell has two runs; the p value also where no runs of one
    cell differ. Raises ValueError for a cell without a run. Sources: Welch 1947, Satterthwaite
    1946.
    """
    if not all(len(cell) for cell in cells):
        raise ValueError("a cell has no run")
    mean = sum(w * float(np.mean(cell)) for w, cell in zip(weights, cells, strict=True))
    freedoms = [len(cell) - 1 for cell in cells]
    if not any(freedoms):
        return Difference(mean, None, None)
    squares = [w**2 / len(cell) for w, cell in zip(weights, cells, strict=True)]
    if _is_pooled(cells):
        freedom = sum(freedoms)
        pooled = sum(f * _variance(c) for f, c in zip(freedoms, cells, strict=True)) / freedom
        variance = pooled * sum(squares)
    else:
        parts = [s * _variance(cell) for s, cell in zip(squares, cells, strict=True)]
        variance = sum(parts)
        shares = sum(part**2 / f for part, f in zip(parts, freedoms, strict=True))
        freedom = variance**2 / shares if shares else 1
    if not variance:
        return Difference(mean, (mean, mean), None)
    error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Difference(
        mean, (mean - half, mean + half), float(2 * stats.t.sf(abs(mean) / error, freedom))
    )


def _is_pooled(cells: Sequence[Sequence[float]]) -> bool:
    return any(len(cell) == 1 for cell in cells) and any(len(cell) > 1 for cell in cells)


def _variance(cell: Sequence[float]) -> float:
    """Exactly zero where runs agree: their mean may differ from them in the last digit."""
    return 0.0 if min(cell) == max(cell) else float(np.var(cell, ddof=1))
