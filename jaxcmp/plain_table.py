"""A table without lines for a terminal: what a row is about, then numbers."""

from rich.table import Table


def plain_table(first: str, *numbers: str) -> Table:
    """A table of these headings; words of the first column are folded where they do not fit."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
