"""The effects of architecture and recipe, in sentences and in a table."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm
from jaxcmp.compare.document import Table
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.differences import as_cell, in_words, surely, turned
from jaxcmp.compare.statistics.factorial import two_by_two
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs
from jaxcmp.compare.words import CLEAR

NOTE = (
    "Effects are those of a two-way analysis of variance in which each of the four cells counts "
    "alike. Each cell has its own spread between seeds (Welch's test, Satterthwaite's degrees of "
    "freedom), because models and recipes differ in it; p values are not corrected for there being "
    "several. With fewer than three seeds in a cell there is no interval and no p value."
)
Names = tuple[str, str]


def effects_of(
    models: Names, recipes: Names, table: Sequence[Sequence[Arm]]
) -> tuple[list[str], Table]:
    """A sentence for each effect, and all of them in a table.

    `table` has arms by model and recipe; the first recipe is the first model's own, the second the
    second's.
    """
    values = [[[100 * a for a in arm.accuracies] for arm in row] for row in table]
    effects = two_by_two(values, most=100)
    (one, two), (own, other) = models, recipes
    by_recipe = [compare_runs(*pair, most=100) for pair in zip(*values, strict=True)]
    gains = [compare_runs(*row, most=100) for row in values]
    meaning = _meaning(effects.interaction, by_recipe, models, recipes)
    sentences = [
        f"Architecture: averaged over both recipes, {_lead(effects.row, models)}.",
        f"Recipe: averaged over {one} and {two}, {_lead(effects.column, recipes)}.",
        f"Interaction: {own} instead of {other} changes {one} by {cells.points(gains[0].mean)} "
        f"points and {two} by {cells.points(gains[1].mean)} points, a difference of "
        f"{_size(effects.interaction)}. {meaning}",
    ]
    runs = [[run for arm in row for run in arm.runs] for row in table]
    shown = [
        (f"Architecture: {' − '.join(_turned(effects.row, models))}", effects.row),
        (f"Recipe: {' − '.join(_turned(effects.column, recipes))}", effects.column),
    ]
    found = [(label, turned(e) if e.mean < 0 else e, sum(runs, [])) for label, e in shown]
    label = f"Interaction: the recipe's effect on {one} − on {two}"
    found.append((label, effects.interaction, sum(runs, [])))
    alone = [f"{name} alone: {own} − {other}" for name in models]
    found += zip(alone, gains, runs, strict=True)
    rows = [[cells.words(n), as_cell(e, r), cells.p_value(e.p_value, r)] for n, e, r in found]
    headings = columns.of_words("Effect") + columns.of_numbers("points [95 % interval]", "p")
    return sentences, Table("Effects on test accuracy", headings, rows, NOTE)


def _turned(effect: Difference, names: Names) -> Sequence[str]:
    """The one ahead first."""
    return names if effect.mean >= 0 else names[::-1]


def _size(effect: Difference) -> str:
    return in_words(effect) + (f", {surely(effect)}" if effect.interval else "")


def _lead(effect: Difference, names: Names) -> str:
    ahead, behind = _turned(effect, names)
    if effect.lead is Lead.TIE:
        return f"{ahead} and {behind} are level"
    if effect.lead.is_real:
        return f"{ahead} is ahead of {behind} by {_size(effect)}"
    return f"{ahead} scored more than {behind}, by {_size(effect)}"


def _meaning(
    interaction: Difference, by_recipe: Sequence[Difference], models: Names, recipes: Names
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
