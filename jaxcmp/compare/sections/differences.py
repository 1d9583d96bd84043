"""The difference of two arms: in points, in words, and as a cell."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.statistics.means import Difference
from jaxcmp.compare.statistics.paired import holm
from jaxcmp.compare.words import CLEAR, UNCLEAR


def in_points(shares: Difference) -> Difference:
    interval = shares.interval and (100 * shares.interval[0], 100 * shares.interval[1])
    return Difference(100 * shares.mean, interval, shares.p_value)


def turned(found: Difference) -> Difference:
    """The second minus the first."""
    interval = found.interval and (-found.interval[1], -found.interval[0])
    return Difference(-found.mean, interval, found.p_value)


def corrected(found: Sequence[Difference]) -> list[Difference]:
    """Corrects the p values that are known by Holm's method."""
    p_values = holm([each.p_value for each in found])
    return [
        Difference(each.mean, each.interval, p_value)
        for each, p_value in zip(found, p_values, strict=True)
    ]


def in_words(
    found: Difference,
    unit: str = "points",
    *,
    is_signed: bool = False,
    of: str = "",
    also: str = "",
) -> str:
    """Writes the size, its interval and its p value: 5.29 points (95 % interval 4.90 to 5.68, ...).

    A size without a sign is that of the lead, whichever arm has it. `of` names what Holm's
    correction is over, in the singular and the plural: "class, classes". `also` follows the rest.
    """
    if not is_signed and found.mean < 0:
        found = turned(found)
    write = cells.points if is_signed else cells.two_digits
    one, _, all_of = of.partition(", ")
    said = []
    if found.interval is not None:
        said.append(f"95 % interval {' to '.join(map(write, found.interval))}")
        said[0] += f" for this {one} alone" * bool(one)
    elif found.p_value is None:
        said.append("too few seeds, or equal ones, for an interval")
    else:
        said.append("seeds equal within each arm")
    if found.p_value is not None:
        said.append(
            cells.say_p(found.p_value) + f" after Holm's correction for all {all_of}" * bool(of)
        )
    return (
        f"{write(found.mean)} {unit}".rstrip() + f" ({', '.join([*said, *filter(None, [also])])})"
    )


def surely(found: Difference) -> str:
    return CLEAR if found.lead.is_real else UNCLEAR


def as_text(found: Difference, digits: int = 2) -> str:
    """Writes +5.29 [+4.90, +5.68]."""
    if found.interval is None:
        return cells.points(found.mean)
    low, high = (cells.points(end, digits) for end in found.interval)
    return f"{cells.points(found.mean, digits)} [{low}, {high}]"


def as_cell(found: Difference, runs: Sequence[int], digits: int = 2) -> Cell:
    return Cell(as_text(found, digits), found.mean, found.interval, runs=list(runs))
