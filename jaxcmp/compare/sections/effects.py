"""The effects of architecture and recipe, in sentences and in a table."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell, Column, Table, Text
from jaxcmp.compare.statistics.factorial import two_by_two
from jaxcmp.compare.statistics.means import Difference, Lead, compare_runs
from jaxcmp.compare.words import CLEAR, UNCLEAR

NOTE = (
    "Effects are those of a two-way analysis of variance in which each of the four cells counts "
    "alike. Each cell has its own spread between seeds (Welch's test, Satterthwaite's degrees of "
    "freedom), because models and recipes differ in it; p values are not corrected for there being "
    "several. With fewer than three seeds in a cell there is no interval and no p value."
)


@dataclasses.dataclass(frozen=True)
class Square:
    """Test accuracies in percent [architecture][recipe][seed], and the runs they are of.

    The first recipe is the first architecture's own, the second the second's.
    """

    architectures: tuple[str, str]
    recipes: tuple[str, str]
    values: Sequence[Sequence[Sequence[float]]]
    runs: Sequence[Sequence[Sequence[int]]]


def effect_blocks(square: Square) -> tuple[list[Text], Table]:
    """A sentence for each effect, and all of them in a table; each cell has a run at least."""
    effects = two_by_two(square.values, most=100)
    (one, two), (own, other) = square.architectures, square.recipes
    architecture = _turned(effects.row, one, two)
    recipe = _turned(effects.column, own, other)
    by_recipe = [compare_runs(*pair, most=100) for pair in zip(*square.values, strict=True)]
    gains = [compare_runs(*row, most=100) for row in square.values]
    sentences = [
        Text(f"Architecture: averaged over both recipes, {_lead(*architecture)}."),
        Text(f"Recipe: averaged over {one} and {two}, {_lead(*recipe)}."),
        Text(
            f"Interaction: {own} instead of {other} changes {one} by {_points(gains[0].mean)} and "
            f"{two} by {_points(gains[1].mean)}, a difference of "
            f"{_say(effects.interaction, abs(effects.interaction.mean))}. "
            f"{_meaning(effects.interaction, by_recipe, square)}"
        ),
    ]
    every = [run for row in square.runs for cell in row for run in cell]
    rows = [
        _row(f"Architecture: {architecture[1]} − {architecture[2]}", architecture[0], every),
        _row(f"Recipe: {recipe[1]} − {recipe[2]}", recipe[0], every),
        _row(f"Interaction: the recipe's effect on {one} − on {two}", effects.interaction, every),
    ]
    for name, gain, runs in zip(square.architectures, gains, square.runs, strict=True):
        rows.append(_row(f"{name} alone: {own} − {other}", gain, [*runs[0], *runs[1]]))
    columns = [Column("Effect", is_numeric=False), Column("points [95 % interval]"), Column("p")]
    return sentences, Table("Effects on test accuracy", columns, rows, NOTE)


def _turned(effect: Difference, first: str, second: str) -> tuple[Difference, str, str]:
    """So that the effect is not below zero: the effect, who is ahead, who is behind."""
    if effect.mean >= 0:
        return effect, first, second
    interval = effect.interval and (-effect.interval[1], -effect.interval[0])
    return Difference(-effect.mean, interval, effect.p_value), second, first


def _lead(effect: Difference, ahead: str, behind: str) -> str:
    if effect.lead is Lead.TIE:
        return f"{ahead} and {behind} are level"
    if effect.lead is Lead.UNKNOWN:
        return f"{ahead} scored more than {behind}, by {_say(effect, effect.mean)}"
    return f"{ahead} is ahead of {behind} by {_say(effect, effect.mean)}"


def _say(effect: Difference, size: float) -> str:
    if effect.interval is None or effect.p_value is None:
        return f"{size:.2f} points (too few seeds, or equal ones, for an interval)"
    low, high = sorted(effect.interval if effect.mean >= 0 else (-each for each in effect.interval))
    is_real = effect.lead.is_real
    surely = CLEAR if is_real else UNCLEAR
    return (
        f"{size:.2f} points (95 % interval {cells.decimal(low, [], digits=2).text} to "
        f"{cells.decimal(high, [], digits=2).text}, {cells.say_p(effect.p_value)}), {surely}"
    )


def _points(value: float) -> str:
    return f"{cells.points(value)} points"


def _meaning(interaction: Difference, by_recipe: Sequence[Difference], square: Square) -> str:
    """Says what the interaction means for the two sentences before it.

    `by_recipe` are the first architecture minus the second with each recipe. Who is ahead depends
    on the recipe where both leads are real, and not of the same architecture.
    """
    leads = [each.lead for each in by_recipe]
    names: dict[Lead, str] = dict(zip((Lead.FIRST, Lead.SECOND), square.architectures, strict=True))
    sizes = [f"{abs(each.mean):.2f}" for each in by_recipe]
    own, other = square.recipes
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
        for lead, recipe, size in zip(leads, square.recipes, sizes, strict=True)
        if lead.is_real
    ]
    ahead = shown[0] if shown else "neither"
    return (
        "The gap between the two depends on the recipe, but these runs do not show that who is "
        f"ahead does: ahead by {CLEAR} is {ahead}."
    )


def _row(label: str, effect: Difference, runs: list[int]) -> list[Cell]:
    text = cells.points(effect.mean)
    if effect.interval is not None:
        low, high = effect.interval
        text += f" [{cells.points(low)}, {cells.points(high)}]"
    shown = Cell(text, effect.mean, effect.interval, runs=runs)
    return [cells.words(label), shown, cells.p_value(effect.p_value, runs)]
