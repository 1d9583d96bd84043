"""Where the parameters and the work are: by component, as formulas, and beside measured seconds."""

import math
from collections.abc import Mapping, Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import (
    Axis,
    Block,
    Cell,
    Column,
    Commands,
    Figure,
    Plot,
    Section,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.sections.formulas import (
    Term,
    attention_share,
    multiply_add_terms,
    num_tokens,
    parameter_terms,
    tokens_for_half,
)
from jaxcmp.compare.sections.step_time import ArmSizes, time_blocks

TITLE = "Where the parameters and the work are"
PARAMETERS, WORK = "parameters", "multiply-adds of an image's forward pass"
COUNT_NOTE = (
    "Counts are exact, from the run folders. A formula stands beside each count that it gives; "
    "norms, activations and the softmax are not counted as multiply-adds."
)
# The units that an axis of counts is marked in.
UNITS = ((1e9, "billion "), (1e6, "million "), (1e3, "thousand "))


def work_section(arms: Sequence[ArmSizes]) -> Section:
    """Tables and bars of the counts, attention's share, and counts beside seconds.

    Arms of the same sizes share the tables of the first of them.
    """
    arms = [arm for arm in arms if arm.parameters and arm.multiply_adds]
    if not arms:
        lines = [f"python -m jaxcmp.main --config=configs/{name}.py" for name in ("vit", "resnet")]
        missing = "No run here has counts by component. These commands train runs that do:"
        return Section("work", TITLE, [Text(missing), Commands(lines)])
    own = [arm for i, arm in enumerate(arms) if _sizes(arm) not in map(_sizes, arms[:i])]
    blocks: list[Block] = [Text(" ".join(map(_answer, own)), "answer"), _figure(own)]
    for arm in own:
        blocks += [_table(arm, kind, *_counted(arm, kind)) for kind in (PARAMETERS, WORK)]
        blocks += _repeats(arm, arms)
    blocks += [Text(sentence) for sentence in map(_attention, own) if sentence]
    return Section("work", TITLE, [*blocks, *time_blocks(arms)])


def _sizes(arm: ArmSizes) -> tuple[dict[str, int], dict[str, int]]:
    return arm.parameters, arm.multiply_adds


def _repeats(first: ArmSizes, arms: Sequence[ArmSizes]) -> list[Block]:
    others = [arm.name for arm in arms if arm != first and _sizes(arm) == _sizes(first)]
    return [Text(f"The same holds for {', '.join(others)}.", "note")] if others else []


def _answer(arm: ArmSizes) -> str:
    parameters, work = sum(arm.parameters.values()), sum(arm.multiply_adds.values())
    largest, most = (max(counts, key=lambda name: counts[name]) for counts in _sizes(arm))
    return (
        f"{arm.name} has {parameters:,} parameters, {arm.parameters[largest] / parameters:.2%} of "
        f"them in {largest}, and does {work:,} multiply-adds for an image, "
        f"{arm.multiply_adds[most] / work:.2%} of them in {most}."
    ).replace("%", " %")


def _counted(arm: ArmSizes, kind: str) -> tuple[dict[str, int], dict[str, Term]]:
    """The measured counts in the order of the formulas, and the formulas that agree with them."""
    counts, terms = (
        (arm.parameters, parameter_terms(arm.model, arm.num_channels))
        if kind == PARAMETERS
        else (arm.multiply_adds, multiply_add_terms(arm.model, arm.num_channels))
    )
    agreeing = {term.component: term for term in terms if counts.get(term.component) == term.count}
    order = [term.component for term in terms if term.component in counts]
    return {name: counts[name] for name in [*order, *counts]}, agreeing


def _table(arm: ArmSizes, kind: str, counts: Mapping[str, int], terms: Mapping[str, Term]) -> Table:
    columns = [
        Column("Component", is_numeric=False),
        Column("Count", arm=arm.index),
        Column("Share, %", arm=arm.index),
        Column("Formula", is_numeric=False),
    ]
    total = sum(counts.values())
    formulas = [terms[name].formula if name in terms else "–" for name in counts]
    rows = [
        [Cell(name), *_count_cells(arm, count, total), Cell(formula)]
        for (name, count), formula in zip(counts.items(), formulas, strict=True)
    ]
    rows.append([Cell("all"), *_count_cells(arm, total, total), Cell("")])
    return Table(f"{arm.name}: {kind}", columns, rows, COUNT_NOTE)


def _count_cells(arm: ArmSizes, count: int, total: int) -> list[Cell]:
    share = 100 * count / total
    return [
        cells.count(count, arm.runs),
        cells.number(share, f"{share:.2f}", arm.runs),
    ]


def _figure(arms: Sequence[ArmSizes]) -> Figure:
    panels = []
    for kind in (PARAMETERS, WORK):
        counts = {arm.index: _counted(arm, kind)[0] for arm in arms}
        most = max(max(each.values()) for each in counts.values())
        # Panels of one kind share their axis, so that the arms' bars can be compared.
        panels += [_panel(arm, kind, counts[arm.index], most) for arm in arms]
    names = " and ".join(arm.name for arm in arms)
    return Figure(
        "work",
        panels,
        "Parameters and multiply-adds by component, in the order in which an image passes.",
        f"Bars of the parameters and of the multiply-adds of each component of {names}; the "
        "tables below have the same counts.",
    )


def _panel(arm: ArmSizes, kind: str, counts: Mapping[str, int], most: int) -> Plot:
    size, unit = next((each for each in UNITS if most >= each[0]), (1.0, ""))
    names = list(counts)
    places = [float(i) for i in range(len(names))]
    values = [counts[name] / size for name in names]
    series = Series(arm.name, values, list(places), "bars", arm=arm.index, runs=arm.runs)
    limits = (0.0, 1.05 * most / size)
    return Plot(
        f"{arm.name}: {kind}",
        Axis(f"{unit}{kind.partition(' ')[0]}", limits=limits),
        Axis("component", "category", names),
        [series],
    )


def _attention(arm: ArmSizes) -> str | None:
    """What is quadratic in the tokens, if the run's own counts are those of the formulas."""
    terms = multiply_add_terms(arm.model, arm.num_channels)
    tokens, share = num_tokens(arm.model), attention_share(arm.model, arm.num_channels)
    half = tokens_for_half(arm.model, arm.num_channels)
    if tokens is None or share is None or half is None:
        return None
    if {term.component: term.count for term in terms} != arm.multiply_adds:
        return None
    side = (math.ceil(half) - 1) ** 0.5 * arm.model["patch_size"]
    return (
        f"In {arm.name}, what grows with the square of the number of tokens, QK^T and the weights "
        f"times the values, is {100 * share:.2f} % of the multiply-adds at {tokens:,} tokens. It "
        f"would be a half at {math.ceil(half):,} tokens, of an image of about {side:.0f} pixels a "
        "side, with patch size, width, depth, MLP and classes kept as they are."
    )
