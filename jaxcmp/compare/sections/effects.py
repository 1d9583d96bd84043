"""The effects of architecture and recipe, in sentences and in a table."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell, Column, Table, Text
from jaxcmp.compare.statistics.factorial import two_by_two
from jaxcmp.compare.statistics.means import Difference, compare_means

NOTE = (
    "Effects are those of a two-way analysis of variance in which each of the four cells counts "
    "alike. Each cell has its own spread between seeds (Welch's test, Satterthwaite's degrees of "
    "freedom), because models and recipes differ in it; p values are not corrected for there being "
    "several."
)
POOLED = (
    "A cell with one seed shows no spread of its own: intervals and p values of the first three "
    "rows take it to be that of the others, pooled."
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
    effects = two_by_two(square.values)
    (one, two), (own, other) = square.architectures, square.recipes
    architecture = _turned(effects.row, one, two)
    recipe = _turned(effects.column, own, other)
    by_recipe = [_turned(compare_means(square.values[0][i], square.values[1][i]), one, two)
                 for i in (0, 1)]  # fmt: skip
    gains = [compare_means(*row) for row in square.values]
    sentences = [
        Text(f"Architecture: averaged over both recipes, {_lead(*architecture)}."),
        Text(f"Recipe: averaged over both architectures, {_lead(*recipe)}."),
        Text(
            f"Interaction: {own} instead of {other} changes {one} by {_points(gains[0].mean)} and "
            f"{two} by {_points(gains[1].mean)}, a difference of "
            f"{_say(effects.interaction, abs(effects.interaction.mean))}. "
            f"{_meaning(effects.interaction, by_recipe, square.recipes)}"
        ),
    ]
    every = [run for row in square.runs for cell in row for run in cell]
    rows = [
        _row(f"Architecture: {architecture[1]} − {architecture[2]}", architecture[0], every),
        _row(f"Recipe: {recipe[1]} − {recipe[2]}", recipe[0], every),
        _row("Interaction: the recipe's effect on "
             f"{one} − on {two}", effects.interaction, every),
    ]  # fmt: skip
    for name, gain, runs in zip(square.architectures, gains, square.runs, strict=True):
        rows.append(_row(f"{name} alone: {own} − {other}", gain, [*runs[0], *runs[1]]))
    columns = [Column("Effect", is_numeric=False), Column("points [95 % interval]"), Column("p")]
    note = f"{NOTE} {POOLED}" if effects.is_pooled else NOTE
    return sentences, Table("Effects on test accuracy", columns, rows, note)


def _turned(effect: Difference, first: str, second: str) -> tuple[Difference, str, str]:
    """So that the effect is not below zero: the effect, who is ahead, who is behind."""
    if effect.mean >= 0:
        return effect, first, second
    interval = effect.interval and (-effect.interval[1], -effect.interval[0])
    return Difference(-effect.mean, interval, effect.p_value), second, first


def _lead(effect: Difference, ahead: str, behind: str) -> str:
    if effect.mean == 0:
        return f"{ahead} and {behind} are level"
    return f"{ahead} is ahead of {behind} by {_say(effect, effect.mean)}"


def _say(effect: Difference, size: float) -> str:
    if effect.interval is None:
        return f"{size:.2f} points, of which single seeds tell no interval"
    if effect.p_value is None:
        return f"{size:.2f} points (the seeds of each cell agree: no p value can be given)"
    low, high = sorted(effect.interval if effect.mean >= 0 else (-each for each in effect.interval))
    surely = "which seeds alone can explain" if low < 0 < high else "more than seeds alone explain"
    return (
        f"{size:.2f} points (95 % interval {cells.decimal(low, [], digits=2).text} to "
        f"{cells.decimal(high, [], digits=2).text}, {cells.say_p(effect.p_value)}), {surely}"
    )


def _points(value: float) -> str:
    return f"{cells.points(value)} points"


def _meaning(
    interaction: Difference,
    by_recipe: Sequence[tuple[Difference, str, str]],
    recipes: Sequence[str],
) -> str:
    """What the interaction says of the two sentences before it."""
    (first, ahead, _), (second, other, _) = by_recipe
    low, high = interaction.interval or (-1.0, 1.0)
    if low < 0 < high or not interaction.mean:
        return "These runs do not show that one of the two effects depends on the other."
    if ahead != other:
        return (
            f"Which architecture is ahead depends on the recipe: with {recipes[0]} {ahead}, by "
            f"{first.mean:.2f} points, with {recipes[1]} {other}, by {second.mean:.2f}."
        )
    return (
        f"{ahead} is ahead with either recipe, by {first.mean:.2f} points with {recipes[0]} and by "
        f"{second.mean:.2f} with {recipes[1]}."
    )


def _row(label: str, effect: Difference, runs: list[int]) -> list[Cell]:
    text = cells.points(effect.mean)
    if effect.interval is not None:
        low, high = effect.interval
        text += f" [{cells.points(low)}, {cells.points(high)}]"
    shown = Cell(text, effect.mean, effect.interval, runs=runs)
    return [cells.words(label), shown, cells.p_value(effect.p_value, runs)]
