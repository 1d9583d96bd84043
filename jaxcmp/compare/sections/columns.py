"""Columns and cells that tables of many sections share."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Cell, Column
from jaxcmp.compare.evaluated import EvaluatedArm


def of_words(*labels: str) -> list[Column]:
    return [Column(label, is_numeric=False) for label in labels]


def of_numbers(*labels: str) -> list[Column]:
    return [Column(label) for label in labels]


def of_arms(arms: Sequence[Arm]) -> list[Column]:
    return [Column(arm.name, arm=colour(arm)) for arm in arms]


def colour(arm: Arm | EvaluatedArm) -> int | None:
    """The number of an arm's colour; None of an arm that stands beside the group's."""
    return arm.index if arm.index >= 0 else None


def name(arm: Arm | EvaluatedArm) -> Cell:
    return cells.words(arm.name, arm=colour(arm))


def accuracy(arm: Arm | EvaluatedArm) -> Cell:
    return cells.percent(arm.accuracies, arm.runs)


def accuracy_and_num(arm: Arm) -> Cell:
    cell = accuracy(arm)
    return cells.with_text(cell, f"{cell.text}, n = {cell.num}")
