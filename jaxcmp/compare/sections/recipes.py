"""Architecture and recipe: what each contributes, where models were also trained with the other's.

A pair of arms makes a table of 2 x 2: each model with its own recipe, and with the other's.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.document import Axis, Block, Cell, Figure, Plot, Suggestion, Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, notes, texts, unanswered
from jaxcmp.compare.sections.commands import other_model, whole_study
from jaxcmp.compare.sections.over_seeds import accuracies
from jaxcmp.compare.statistics.means import Estimate, Lead, compare_runs, contrast
from jaxcmp.compare.words import CLEAR
from jaxcmp.settings import Role
from jaxcmp.settings.keys import with_role

TITLE = "Architecture and recipe"
# Sections and single settings that make a recipe, whatever model it trains.
RECIPE_PARTS = tuple(dict.fromkeys(key.partition(".")[0] for key in with_role(Role.RECIPE)))
# Of model and of recipe: the weights of the first model with both recipes, then of the second.
MAIN_EFFECTS = ((0.5, 0.5, -0.5, -0.5), (0.5, -0.5, 0.5, -0.5))
WHY = "Model or recipe: runs of both models with both recipes tell their effects apart."
NOTE = (
    "Mean over seeds with half of its 95 % t-interval, or each of fewer than three; n is the "
    "number of seeds."
)
EFFECTS_NOTE = (
    "Effects are those of a two-way analysis of variance in which each of the four cells counts "
    "alike. Each cell has its own spread between seeds (Welch's test, Satterthwaite's degrees of "
    "freedom), because models and recipes differ in it; p values are not corrected for there being "
    "several. With fewer than three seeds in a cell there is no interval and no p value."
)
Names = tuple[str, str]


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
    def names(self) -> tuple[str, str]:
        return self.arms[0].name, self.arms[1].name

    @property
    def recipes(self) -> tuple[str, str]:
        one, two = (f"{_recipe(arm)}'s recipe" for arm in self.arms)
        return one, two


def recipes_section(group: Group) -> Answer:
    pairs, first = _pairs(group), group.arms[0].outcomes[0]
    crossings = [
        Crossing((one, two), (_trained_as(group, one, two), _trained_as(group, two, one)))
        for one, two in pairs
        if _recipe(one) != _recipe(two)
    ]
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
    blocks: list[Block] = []
    details: list[Block] = []
    findings = []
    for index, each in enumerate(some):
        whole = [[arm for arm in row if arm] for row in each.table]
        if all(each.crossed):
            sentences, table = effects_of(each.names, each.recipes, whole)
            blocks += texts(*sentences)
            details.append(table)
            # An arm that varies another, such as a ViT with a convolutional stem, has that one's.
            if len(some) == 1 or all(_recipe(arm) == arm.outcomes[0].name for arm in each.arms):
                findings.append(shares_of(each.names, whole) or sentences[1])
        # Further crossings are folded: the page has to stay short.
        (details if index else blocks).extend([_table(each), _figure(each, index)])
        details += notes(*_inexact(each))
    return answered(
        "recipes",
        TITLE,
        blocks,
        findings=findings if len(findings) == 1 else (),
        details=[*details, *notes(_left_out(group, some))],
        folded="effects, and further crossings",
        more=more,
    )


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
    return min(
        fitting,
        key=lambda each: (_differences(each, model, recipe), -len(each.runs)),
        default=None,
    )


def _differences(crossed: Arm, model: Arm, recipe: Arm) -> list[str]:
    """Settings of a crossed run that are neither the model's arm's nor the recipe's."""
    own = [] if part_of(crossed, "model") == part_of(model, "model") else ["model"]
    return own + [part for part in RECIPE_PARTS if part_of(crossed, part) != part_of(recipe, part)]


def part_of(arm: Arm, section: str) -> dict[str, str]:
    """A section of the configuration, or a setting of this name."""
    settings = arm.outcomes[0].recipe
    return {key: value for key, value in settings if key.partition(".")[0] == section}


def _table(crossing: Crossing) -> Table:
    headings = columns.of_words("Architecture")
    headings += columns.of_numbers(*(f"with {recipe}" for recipe in crossing.recipes))
    missing = Cell("not trained")
    rows = [
        [columns.name(arm), *(columns.accuracy_and_num(each) if each else missing for each in row)]
        for arm, row in zip(crossing.arms, crossing.table, strict=True)
    ]
    return Table("Test accuracy by architecture and recipe", headings, rows, NOTE)


def _figure(crossing: Crossing, index: int) -> Figure:
    series = []
    for arm, row in zip(crossing.arms, crossing.table, strict=True):
        series += accuracies(arm.name, [0.0, 1.0], row, "thick", arm.index)
    recipes = Axis("", "category", list(crossing.recipes), (-0.25, 1.15))
    return Figure(
        f"recipes-{index}" if index else "recipes",
        [Plot("Each model with each recipe", recipes, Axis("test accuracy, %"), series)],
        "Mean over seeds with its 95 % t-interval, or each of fewer than three. Parallel lines: "
        "the recipe does the same for both architectures. Lines that cross: the means change "
        "places; the text says how surely.",
        f"Test accuracy of {' and '.join(crossing.names)} with each recipe.",
    )


def _inexact(crossing: Crossing) -> list[str]:
    """Says where a crossed run is not quite one arm's model with the other's recipe."""
    found = []
    for crossed, model, recipe in zip(
        crossing.crossed, crossing.arms, crossing.arms[::-1], strict=True
    ):
        if crossed and (parts := _differences(crossed, model, recipe)):
            found.append(
                f"{crossed.name} is not quite that: {' and '.join(parts)} "
                f"differ{'s' * (len(parts) == 1)} from {model.name}'s model or {recipe.name}'s "
                "recipe."
            )
    return found


def _missing(crossings: Sequence[Crossing]) -> Suggestion:
    names = [
        f"{model.outcomes[0].name} with {_recipe(recipe)}'s recipe"
        for each in crossings
        for crossed, model, recipe in zip(each.crossed, each.arms, each.arms[::-1], strict=True)
        if crossed is None
    ]
    text = (
        f"{WHY} Not trained, or not finished: {' and '.join(names)}. The study trains each model "
        "with both recipes, for as many epochs as it says:"
    )
    return Suggestion(text, whole_study(crossings[0].arms[0].outcomes[0]))


def _left_out(group: Group, crossings: Sequence[Crossing]) -> str:
    shown = [arm.runs for each in crossings for arm in each.crossed if arm]
    names = "; ".join(arm.name for arm in group.crossed if arm.runs not in shown)
    start = "Not shown here, on other images, at another length or of a third recipe"
    return names and f"{start}: {names}."


def effects_of(
    models: Names, recipes: Names, table: Sequence[Sequence[Arm]]
) -> tuple[list[str], Table]:
    """A sentence for each effect, and all of them in a table.

    `table` has arms by model and recipe; the first recipe is the first model's own, the second the
    second's.
    """
    values = [[arm.percents for arm in row] for row in table]
    architecture, recipe, interaction = (
        contrast(sum(values, []), weights, most=100) for weights in (*MAIN_EFFECTS, (1, -1, -1, 1))
    )
    (one, two), (own, other) = models, recipes
    by_recipe = [compare_runs(*pair, most=100) for pair in zip(*values, strict=True)]
    gains = [compare_runs(*row, most=100) for row in values]
    meaning = _meaning(interaction, by_recipe, models, recipes)
    sentences = [
        f"Architecture: averaged over both recipes, {_lead(architecture, models)}.",
        f"Recipe: averaged over {one} and {two}, {_lead(recipe, recipes)}.",
        f"Interaction: {own} instead of {other} changes {one} by {cells.points(gains[0].mean)} "
        f"points and {two} by {cells.points(gains[1].mean)} points, a difference of "
        f"{_size(interaction)}. {meaning}",
    ]
    runs = [[run for arm in row for run in arm.runs] for row in table]
    shown = [
        (f"Architecture: {' − '.join(_turned(architecture, models))}", architecture),
        (f"Recipe: {' − '.join(_turned(recipe, recipes))}", recipe),
    ]
    found = [(label, e.times(-1) if e.mean < 0 else e, sum(runs, [])) for label, e in shown]
    label = f"Interaction: the recipe's effect on {one} − on {two}"
    found.append((label, interaction, sum(runs, [])))
    alone = [f"{name} alone: {own} − {other}" for name in models]
    found += zip(alone, gains, runs, strict=True)
    rows = [[Cell(n), cells.as_cell(e, r), cells.p_value(e.p_value, r)] for n, e, r in found]
    headings = columns.of_words("Effect") + columns.of_numbers("points [95 % interval]", "p")
    return sentences, Table("Effects on test accuracy", headings, rows, EFFECTS_NOTE)


def shares_of(models: Names, table: Sequence[Sequence[Arm]]) -> str:
    """Divides the gap of two arms with their own recipes among model and recipe.

    Nothing where one of the two effects is not clear, or works against the gap. `table` is as in
    `effects_of`.
    """
    values = sum(([arm.percents for arm in row] for row in table), [])
    of_model, of_recipe = (contrast(values, weights, most=100) for weights in MAIN_EFFECTS)
    effects = (of_model, of_recipe)
    if not all(each.lead.is_real for each in effects) or of_model.mean * of_recipe.mean < 0:
        return ""
    one, two = _turned(of_model, models)
    total = abs(of_model.mean + of_recipe.mean)
    parts = [cells.in_words(each) for each in effects]
    return (
        f"With their own recipes {one} is {total:.2f} points above {two}: the model is worth "
        f"{parts[0]}, the recipe {parts[1]}."
    )


def _turned(effect: Estimate, names: Names) -> Sequence[str]:
    """The one ahead first."""
    return names if effect.mean >= 0 else names[::-1]


def _size(effect: Estimate) -> str:
    return cells.in_words(effect) + cells.surely(effect)


def _lead(effect: Estimate, names: Names) -> str:
    ahead, behind = _turned(effect, names)
    if effect.lead is Lead.TIE:
        return f"{ahead} and {behind} are level"
    if effect.lead.is_real:
        return f"{ahead} is ahead of {behind} by {_size(effect)}"
    return f"{ahead} scored more than {behind}, by {_size(effect)}"


def _meaning(
    interaction: Estimate, by_recipe: Sequence[Estimate], models: Names, recipes: Names
) -> str:
    """Says what the interaction means for the two sentences before it.

    `by_recipe` are the first architecture minus the second with each recipe. Who is ahead depends
    on the recipe where both leads are real, and not of the same architecture.
    """
    leads = [each.lead for each in by_recipe]
    names: dict[Lead, str] = dict(zip((Lead.FIRST, Lead.SECOND), models, strict=True))
    sizes = [f"{abs(each.mean):.2f}" for each in by_recipe]
    own, other = recipes
    if set(leads) == {Lead.FIRST, Lead.SECOND}:
        return (
            f"Which architecture is ahead depends on the recipe: with {own} {names[leads[0]]}, by "
            f"{sizes[0]} points, with {other} {names[leads[1]]}, by {sizes[1]}."
        )
    if not interaction.lead.is_real:
        return "These runs do not show that one of the two effects depends on the other."
    if leads[0] is leads[1] and leads[0].is_real:
        return (
            f"{names[leads[0]]} is ahead with either recipe, by {sizes[0]} points with {own} and "
            f"by {sizes[1]} with {other}."
        )
    shown = [
        f"{names[lead]} with {recipe}, by {size} points"
        for lead, recipe, size in zip(leads, recipes, sizes, strict=True)
        if lead.is_real
    ]
    return (
        "The gap between the two depends on the recipe, but these runs do not show that who is "
        f"ahead does: ahead by {CLEAR} is {shown[0] if shown else 'neither'}."
    )
