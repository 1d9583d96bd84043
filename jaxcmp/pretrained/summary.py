"""A summary of loaded weights: a short table of the rows of init.json, one for each array."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from jaxcmp.text import plain_table

MAX_LINES = 25
Row = Mapping[str, Any]


def summarise(rows: Sequence[Row]) -> list[tuple[str, int, str, str]]:
    """Groups rows into lines: names, number of arrays, what became of them, and how.

    What is alike in all blocks is one line, and so is what is loaded of one layer. A star stands
    for a number.
    """
    groups: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = _group_name(row), row["what"], row["note"]
        groups[key] = groups.get(key, 0) + 1
    return [(name, num, what, note) for (name, what, note), num in groups.items()]


def table(rows: Sequence[Row]) -> Table:
    """Makes a table of at most 25 lines."""
    lines = summarise(rows)
    shown = lines if len(lines) <= MAX_LINES else lines[: MAX_LINES - 1]
    result = plain_table("weights", "arrays")
    result.add_column("what", no_wrap=True)
    result.add_column("how", overflow="fold")
    for name, num, what, note in shown:
        result.add_row(name, str(num), what, note)
    if left := lines[len(shown) :]:
        num_left = sum(num for _, num, _, _ in left)
        result.add_row(f"and {len(left)} lines more", str(num_left), "", "they are in init.json")
    return result


def _group_name(row: Row) -> str:
    if row["what"] == "unused":
        return re.sub(r"\d+", "*", row["name"])
    _, _, name = row["name"].partition("/")
    if row["what"] != "loaded":
        return re.sub(r"_\d+", "_*", name)
    first, *rest = re.sub(r"^block_\d+", "block_*", name).split("/")
    return f"{first}/{rest[0]}" if first == "block_*" else first
