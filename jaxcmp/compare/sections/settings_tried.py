"""Settings tried: which arm of a model held-out images chose, and what it reaches on the test."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, by_held_out, gathered, has_settings_of_one_arm
from jaxcmp.compare.document import Cell, Table, Text
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.verdict import chosen

TITLE = "Settings tried"
CHOSEN = "✓ chosen"
TEXT = (
    "Images held out from training choose the settings of each model; the test images choose "
    "nothing. Only the chosen settings have a test accuracy here."
)
NOTE = (
    "After the last epoch, the mean over seeds with half of its 95 % t-interval, or each of fewer "
    "than three seeds; n is the number of seeds. The validation accuracy of the chosen settings "
    "flatters them, because it chose them; their test accuracy does not. Of settings that are "
    "level, the first is taken."
)


def settings_tried_section(group: Group) -> Answer:
    """Makes a table for each model of which one arm has several settings, all with images held out.

    Arms with names of their own, such as a ViT with another stem, are no settings to choose from.
    """
    by_model = gathered(by_held_out(group.arms), lambda arm: arm.architecture)
    best = chosen(group.arms)
    several = {model: arms for model, arms in by_model.items() if has_settings_of_one_arm(arms)}
    tables = [_table(*each, best) for each in sorted(several.items())]
    return answered("settings-tried", TITLE, [Text(TEXT), *tables]) if tables else Answer()


def _table(model: str, arms: Sequence[Arm], best: Sequence[Arm]) -> Table:
    headings = columns.of_words("Arm") + columns.of_numbers("Validation accuracy", "n")
    headings += columns.of_words("Choice") + columns.of_numbers("Test accuracy")
    rows = []
    for arm in arms:
        held_out = cells.percent(arm.held_out_accuracies or [], arm.runs)
        row = [columns.name(arm), held_out, cells.count(len(arm.runs), arm.runs)]
        choice = [Cell(CHOSEN), columns.accuracy(arm)]
        rows.append([*row, *(choice if arm in best else [Cell(""), Cell("")])])
    return Table(f"The {len(arms)} settings tried of {model}", headings, rows, NOTE)
