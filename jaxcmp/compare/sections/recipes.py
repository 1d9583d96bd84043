"""Architecture and recipe: what each contributes, where models were also trained with the other's.

A pair of arms makes a table of 2 x 2: each model with its own recipe, and with the other's.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import (
    Axis,
    Block,
    Column,
    Figure,
    Plot,
    Suggestion,
    Table,
    Text,
)
from jaxcmp.compare.sections.answer import Answer, answered, unanswered
from jaxcmp.compare.sections.commands import other_model, whole_study
from jaxcmp.compare.sections.effects import Square, effect_blocks
from jaxcmp.compare.sections.over_seeds import over_seeds
from jaxcmp.settings import Role
from jaxcmp.settings.keys import with_role

TITLE = "Architecture and recipe"
# Sections and single settings that make a recipe, whatever model it trains.
RECIPE_PARTS = tuple(dict.fromkeys(key.partition(".")[0] for key in with_role(Role.RECIPE)))
WHY = "Model or recipe: runs of both models with both recipes tell their effects apart."


@dataclasses.dataclass(frozen=True)
class Crossing:
    """A crossing: two arms with their own recipes, and each model with the recipe of the other.

    `crossed` are of the first and of the second model; None where it was not trained.
    """

    arms: tuple[Arm, Arm]
    crossed: tuple[Arm | None, Arm | None]

    @property
    def table(self) -> list[list[Arm | None]]:
        """[model][recipe], both in the order of the arms."""
        (one, two), (first, second) = self.arms, self.crossed
        return [[one, first], [second, two]]

    @property
    def recipes(self) -> list[str]:
        return [f"{arm.outcomes[0].recipe_name}'s recipe" for arm in self.arms]


def recipes_section(group: Group) -> Answer:
    pairs, first = _pairs(group), group.arms[0].outcomes[0]
    crossings = [_crossing(group, one, two) for one, two in pairs if _recipe(one) != _recipe(two)]
    if pairs and not crossings:
        text = f"{WHY} Here all arms have {_recipe(pairs[0][0])}'s recipe; the study trains both."
        return unanswered(text, whole_study(first))
    if not crossings:
        return unanswered(f"{WHY} Here is one model only.", other_model(first))
    some = [each for each in crossings if any(each.crossed)]
    missing = [each for each in some or crossings[:1] if not all(each.crossed)]
    more = [_missing(missing)] if missing else []
    if not some:
        return Answer(more=tuple(more))
    answers = [_blocks(each, index) for index, each in enumerate(some)]
    blocks = [block for each, _, _ in answers for block in each]
    details = [block for _, each, _ in answers for block in each]
    finding = _finding(some, [text for _, _, text in answers])
    details += _left_out(group, some)
    folded = "the effects in a table"
    return answered(
        "recipes", TITLE, blocks, finding=finding, details=details, folded=folded, more=more
    )


def _finding(crossings: Sequence[Crossing], texts: Sequence[str]) -> str:
    """Returns the one crossing's sentence; of several, that of two arms with recipes of their own.

    An arm that varies another, such as a ViT with a convolutional stem, has that one's recipe.
    """
    own = [
        text
        for each, text in zip(crossings, texts, strict=True)
        if len(crossings) == 1 or all(_recipe(arm) == arm.outcomes[0].name for arm in each.arms)
    ]
    return own[0] if len(own) == 1 else ""


def _pairs(group: Group) -> list[tuple[Arm, Arm]]:
    """Arms of two models, at the same length where there are such."""
    pairs = [
        (one, two)
        for one, two in itertools.combinations(group.arms, 2)
        if one.outcomes[0].name != two.outcomes[0].name
    ]
    alike = [each for each in pairs if len({arm.outcomes[0].num_epochs for arm in each}) == 1]
    return alike or pairs


def _recipe(arm: Arm) -> str:
    return arm.outcomes[0].recipe_name


def _crossing(group: Group, one: Arm, two: Arm) -> Crossing:
    return Crossing((one, two), (_trained_as(group, one, two), _trained_as(group, two, one)))


def _trained_as(group: Group, model: Arm, recipe: Arm) -> Arm | None:
    """The model of one arm with the recipe of another: on all images, at a length of theirs."""
    first, other = model.outcomes[0], recipe.outcomes[0]
    fitting = [
        each
        for each in (*group.crossed, *group.arms)
        if (each.outcomes[0].name, each.outcomes[0].recipe_name) == (first.name, other.recipe_name)
        and each.outcomes[0].train_fraction == first.train_fraction
        and each.outcomes[0].num_epochs in (first.num_epochs, other.num_epochs)
    ]
    # Of several, the one that is as both arms say, then the one of most runs.
    ranked = sorted(fitting, key=lambda each: (_differences(each, model, recipe), -len(each.runs)))
    return ranked[0] if ranked else None


def _differences(crossed: Arm, model: Arm, recipe: Arm) -> list[str]:
    """Settings of a crossed run that are neither the model's arm's nor the recipe's."""
    own = [] if _part(crossed, "model") == _part(model, "model") else ["model"]
    return own + [part for part in RECIPE_PARTS if _part(crossed, part) != _part(recipe, part)]


def _part(arm: Arm, section: str) -> dict[str, str]:
    """A section of the configuration, or a setting of this name."""
    settings = arm.outcomes[0].recipe
    return {key: value for key, value in settings if key.partition(".")[0] == section}


def _blocks(crossing: Crossing, index: int) -> tuple[list[Block], list[Block], str]:
    """Returns the blocks that are shown, those that are folded, and the finding."""
    squares = [
        [[100 * a for a in arm.accuracies] if arm else [] for arm in row] for row in crossing.table
    ]
    runs = [[arm.runs if arm else [] for arm in row] for row in crossing.table]
    names = (crossing.arms[0].name, crossing.arms[1].name)
    square = Square(names, (crossing.recipes[0], crossing.recipes[1]), squares, runs)
    shown: list[Block] = [_table(crossing), _figure(crossing, index)]
    if not all(crossing.crossed):
        return shown, _notes(crossing), ""
    sentences, table = effect_blocks(square)
    return [*sentences, *shown], [table, *_notes(crossing)], sentences[1].text


def _table(crossing: Crossing) -> Table:
    columns = [Column("Architecture", is_numeric=False)]
    columns += [Column(f"with {recipe}") for recipe in crossing.recipes]
    rows = []
    for arm, row in zip(crossing.arms, crossing.table, strict=True):
        cell = [cells.words(arm.name, arm=arm.index)]
        for each in row:
            if each is None:
                cell.append(cells.words("not trained"))
                continue
            found = cells.percent(each.accuracies, each.runs)
            cell.append(structs.replace(found, text=f"{found.text}, n = {found.num}"))
        rows.append(cell)
    note = (
        "Mean over seeds with half of its 95 % t-interval, or each of fewer than three; n is the "
        "number of seeds."
    )
    return Table("Test accuracy by architecture and recipe", columns, rows, note)


def _figure(crossing: Crossing, index: int) -> Figure:
    series = []
    for arm, row in zip(crossing.arms, crossing.table, strict=True):
        percents = [[100 * a for a in each.accuracies] if each else [] for each in row]
        runs = [run for each in row if each for run in each.runs]
        series += over_seeds(arm.name, [0.0, 1.0], percents, "thick", arm.index, runs)
    recipes = Axis("", "category", crossing.recipes, (-0.25, 1.15))
    return Figure(
        f"recipes-{index}" if index else "recipes",
        [Plot("Each model with each recipe", recipes, Axis("test accuracy, %"), series)],
        "Mean over seeds with its 95 % t-interval, or each of fewer than three. Parallel lines: "
        "the recipe does the same for both architectures. Lines that cross: the means change "
        "places, which seeds alone can explain.",
        f"Test accuracy of {crossing.arms[0].name} and {crossing.arms[1].name} with each recipe.",
    )


def _notes(crossing: Crossing) -> list[Block]:
    """Says where a crossed run is not quite one arm's model with the other's recipe."""
    notes: list[Block] = []
    one, two = crossing.arms
    for crossed, model, recipe in zip(crossing.crossed, (one, two), (two, one), strict=True):
        told = _differences(crossed, model, recipe) if crossed else []
        if crossed and told:
            text = (
                f"{crossed.name} is not quite that: {' and '.join(told)} "
                f"differ{'s' * (len(told) == 1)} from {model.name}'s model or {recipe.name}'s "
                "recipe."
            )
            notes.append(Text(text, "note"))
    return notes


def _missing(crossings: Sequence[Crossing]) -> Suggestion:
    names = [
        f"{model.outcomes[0].name} with {recipe.outcomes[0].recipe_name}'s recipe"
        for each in crossings
        for crossed, model, recipe in zip(each.crossed, each.arms, each.arms[::-1], strict=True)
        if crossed is None
    ]
    it = "it" if len(names) == 1 else "them"
    text = f"{WHY} Not trained, or not finished: {' and '.join(names)}. The study trains {it}."
    return Suggestion(text, whole_study(crossings[0].arms[0].outcomes[0]))


def _left_out(group: Group, crossings: Sequence[Crossing]) -> list[Block]:
    shown = [arm.runs for each in crossings for arm in each.crossed if arm]
    names = [arm.name for arm in group.crossed if arm.runs not in shown]
    if not names:
        return []
    listed = "; ".join(names)
    text = f"Not shown here, on other images, at another length or of a third recipe: {listed}."
    return [Text(text, "note")]
