"""What became of each array when weights were loaded: rows for a file, a short table to read."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from jaxcmp.plain_table import plain_table
from jaxcmp.pretrained.forms import Shape

What = Literal["loaded", "resized", "new", "unused"]
MAX_LINES = 25


@dataclasses.dataclass(frozen=True)
class Row:
    """One array; `name` is our path, or the file's name of one that is unused.

    `there` is its shape in the file and `here` that in the model, None where it is not.
    """

    name: str
    what: What
    there: Shape | None
    here: Shape | None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it stands in init.json."""
        there, here = (None if shape is None else list(shape) for shape in (self.there, self.here))
        return {"name": self.name, "what": self.what, "from": there, "to": here, "note": self.note}


def summarise(rows: Sequence[Row]) -> list[tuple[str, int, str, str]]:
    """Lines of names, how many arrays they stand for, what became of those, and how.

    What is alike in all blocks is one line, and so is what is loaded of one layer. A star stands
    for a number.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((_line_of(row), row.what, row.note), []).append(row)
    return [(name, len(group), what, note) for (name, what, note), group in groups.items()]


def table(rows: Sequence[Row]) -> Table:
    """At most 25 lines."""
    lines = summarise(rows)
    shown = lines if len(lines) <= MAX_LINES else lines[: MAX_LINES - 1]
    result = plain_table("weights", "arrays")
    result.add_column("what", no_wrap=True)
    result.add_column("how", overflow="fold")
    for name, num, what, note in shown:
        result.add_row(*map(Text, (name, str(num), what, note)))
    if left := lines[len(shown) :]:
        num_left = sum(num for _, num, _, _ in left)
        result.add_row(f"and {len(left)} lines more", str(num_left), "", "they are in init.json")
    return result


def _line_of(row: Row) -> str:
    if row.what == "unused":
        return re.sub(r"\d+", "*", row.name)
    _, _, name = row.name.partition("/")
    if row.what != "loaded":
        return re.sub(r"_\d+", "_*", name)
    first, *rest = re.sub(r"^block_\d+", "block_*", name).split("/")
    return f"{first}/{rest[0]}" if first == "block_*" else first
