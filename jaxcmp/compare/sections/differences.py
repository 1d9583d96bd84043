"""The difference of two arms: in points, in words, and as a cell."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.statistics.means import Estimate
from jaxcmp.compare.words import CLEAR, UNCLEAR


def in_words(
    found: Estimate,
    unit: str = "points",
    *,
    is_signed: bool = False,
    of: str = "",
    also: str = "",
) -> str:
    """Writes the size, its interval and its p value: 5.29 points (95 % interval 4.90 to 5.68, ...).

    A size without a sign is that of the lead, whichever arm has it. `of` names what Holm's
    correction is over: "classes". `also` follows the rest.
    """
    if not is_signed and found.mean < 0:
        found = found.times(-1)
    write = cells.points if is_signed else cells.decimals
    said = []
    if found.interval is not None:
        said.append(f"95 % interval {' to '.join(map(write, found.interval))}")
    elif found.p_value is None:
        said.append("too few seeds, or equal ones, for an interval")
    else:
        said.append("seeds equal within each arm")
    if found.p_value is not None:
        said.append(
            cells.say_p(found.p_value) + f" after Holm's correction for all {of}" * bool(of)
        )
    return (
        f"{write(found.mean)} {unit}".rstrip() + f" ({', '.join([*said, *filter(None, [also])])})"
    )


def surely(found: Estimate) -> str:
    return CLEAR if found.lead.is_real else UNCLEAR


def as_text(found: Estimate) -> str:
    """Writes +5.29 [+4.90, +5.68]."""
    return as_cell(found, []).text


def as_cell(found: Estimate, runs: Sequence[int], digits: int = 2) -> Cell:
    return cells.estimated(found, runs, digits=digits, is_signed=True)
