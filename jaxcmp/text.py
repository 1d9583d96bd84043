"""Safe printing: invisible characters in foreign text are escaped before a terminal sees them."""

import sys
import unicodedata
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def printable(text: str, *, keep: str = "") -> str:
    r"""Escapes invisible characters, such as \x1b or \u202e.

    These control a terminal, break lines, reverse the reading direction or take no room; halves of
    surrogate pairs, which no file can hold, are escaped too. Spaces and the characters in `keep`
    stay.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in keep or unicodedata.category(char) == "Zs"
        else char.encode("unicode_escape").decode()
        for char in text
    )


def say(
    line: str, *, to_stderr: bool = False, flush: bool = False, is_several: bool = False
) -> None:
    """Prints a line, or with `is_several` several, with invisible characters escaped."""
    keep = "\n" if is_several else ""
    # Written with its end at once, so that lines of other threads come before or after it.
    text = printable(line, keep=keep) + "\n"
    print(text, end="", file=sys.stderr if to_stderr else sys.stdout, flush=flush)


class PlainConsole(Console):
    """A console that prints strings as they are, without markup or emoji codes, but escaped.

    Styled `Text` is printed unchecked: build it from our own words only.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Escapes a string; every string passes here, even in the cells of tables."""
        options["markup"] = options["emoji"] = False
        return super().render_str(printable(text), **options)


def plain_table(first: str | Text, *numbers: str | Text) -> Table:
    """Makes a table with these headings; long words in the first column are folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
