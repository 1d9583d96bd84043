"""Settings tried: which arm of a model held-out images chose, and what it reaches on the test."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Cell, Column, Table, Text
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.several import by_held_out, chosen

TITLE = "Settings tried"
CHOSEN = "✓ chosen"
NOTE = (
    "After the last epoch, the mean over seeds with half of its 95 % t-interval, or each of fewer "
    "than three seeds; n is the number of seeds. The validation accuracy of the chosen settings "
    "flatters them, because it chose them; their test accuracy does not. Of settings that are "
    "level, the first is taken."
)


def settings_tried_section(group: Group) -> Answer:
    """Makes a table for each model that has several arms, all with images held out."""
    best = chosen(group.arms)
    by_model: dict[str, list[Arm]] = {}
    for arm in by_held_out(group.arms):
        by_model.setdefault(arm.outcomes[0].architecture, []).append(arm)
    tried = {model: arms for model, arms in by_model.items() if len(arms) > 1}
    if not tried:
        return Answer()
    text = (
        "Images held out from training choose the settings of each model; the test images choose "
        "nothing. Only the chosen settings have a test accuracy here."
    )
    tables = [_table(model, arms, best) for model, arms in sorted(tried.items())]
    return answered("settings-tried", TITLE, [Text(text), *tables])


def _table(model: str, arms: Sequence[Arm], best: Sequence[Arm]) -> Table:
    columns = [Column("Arm", is_numeric=False), Column("Validation accuracy"), Column("n")]
    columns += [Column("Choice", is_numeric=False), Column("Test accuracy")]
    rows = [_row(arm, is_chosen=arm in best) for arm in arms]
    return Table(f"The {len(arms)} settings tried of {model}", columns, rows, NOTE)


def _row(arm: Arm, *, is_chosen: bool) -> list[Cell]:
    return [
        cells.words(arm.name, arm=arm.index),
        cells.percent(arm.held_out_accuracies or [], arm.runs),
        cells.count(len(arm.runs), arm.runs),
        cells.words(CHOSEN if is_chosen else ""),
        cells.percent(arm.accuracies, arm.runs) if is_chosen else cells.words(""),
    ]
