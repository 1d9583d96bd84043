"""Columns and cells that tables of many sections share."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Cell, Column
from jaxcmp.compare.gaps import Gap


def of_words(*labels: str) -> list[Column]:
    return [Column(label, is_numeric=False) for label in labels]


def of_numbers(*labels: str) -> list[Column]:
    return [Column(label) for label in labels]


def of_arms(arms: Sequence[Arm]) -> list[Column]:
    return [Column(arm.name, arm=colour(arm)) for arm in arms]


def of_gaps() -> list[Column]:
    """Returns the headings of the cells that `gap` makes."""
    size = "points [95 % interval]"
    seeds = of_numbers(f"over seeds, {size}", "p over seeds, Holm", "p over seeds")
    return [*of_words("first", "second"), *seeds, *of_numbers(f"over images, {size}")]


def gap(found: Gap) -> list[Cell]:
    """Both arms, and the gap of the first to the second over seeds and over images."""
    return [
        name(found.first),
        name(found.second),
        cells.as_cell(found.over_seeds, found.runs),
        cells.p_value(found.corrected.p_value, found.runs),
        cells.p_value(found.over_seeds.p_value, found.runs),
        cells.as_cell(found.over_images, found.runs),
    ]


def colour(arm: Arm) -> int | None:
    """The number of an arm's colour; None of an arm that stands beside the group's."""
    return arm.index if arm.index >= 0 else None


def name(arm: Arm) -> Cell:
    return Cell(arm.name, arm=colour(arm))


def accuracy(arm: Arm) -> Cell:
    return cells.percent(arm.accuracies, arm.runs)


def accuracy_and_num(arm: Arm) -> Cell:
    cell = accuracy(arm)
    return cells.with_text(cell, f"{cell.text}, n = {cell.num}")
