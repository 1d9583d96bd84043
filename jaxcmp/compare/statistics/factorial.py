"""The effects of two crossed factors, and whether the effect of one depends on the other."""

import dataclasses
import math
from collections.abc import Sequence

from jaxcmp.compare.statistics.means import Difference, contrast


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
        row=contrast(cells, (0.5, 0.5, -0.5, -0.5), most=most),
        column=contrast(cells, (0.5, -0.5, 0.5, -0.5), most=most),
        interaction=contrast(cells, (1, -1, -1, 1), most=most),
    )
