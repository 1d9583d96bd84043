"""Finds the parts of a section by its title, as a reader finds them."""

import io
from collections.abc import Iterator

from rich.console import RenderableType

from jaxcmp.compare.document import (
    Block,
    Cell,
    Commands,
    Figure,
    Gallery,
    Heatmap,
    Plot,
    Section,
    Series,
    Table,
    Text,
)
from jaxcmp.compare.sections.answer import Answer
from jaxcmp.text import PlainConsole

Found = Section | Answer


def parts(found: Found) -> list[Block]:
    """Returns the blocks that a section shows and those it folds; none without data."""
    section = found.section if isinstance(found, Answer) else found
    return [*section.blocks, *section.details] if section else []


def finding(answer: Answer) -> str:
    """The only finding of a section."""
    (found,) = answer.findings
    return found.text


def table(section: Found, title: str = "") -> Table:
    """The only table whose title has this in it."""
    tables = [block for block in parts(section) if isinstance(block, Table)]
    (found,) = (each for each in tables if title in each.title)
    return found


def some(found: Table | None) -> Table:
    assert found is not None
    return found


def has_table(section: Found, title: str) -> bool:
    return any(isinstance(block, Table) and title in block.title for block in parts(section))


def row(found: Table, name: str) -> dict[str, Cell]:
    """The cells of the row of this name, by the labels of their columns."""
    (cells,) = (cells for cells in found.rows if cells[0].text == name)
    return dict(zip([each.label for each in found.columns], cells, strict=True))


def names(found: Table) -> list[str]:
    return [cells[0].text for cells in found.rows]


def figure(section: Found, name: str) -> Figure:
    (found,) = (
        block for block in parts(section) if isinstance(block, Figure) and block.name == name
    )
    return found


def plot(found: Figure, title: str) -> Plot:
    (panel,) = (each for each in found.panels if each.title == title)
    assert isinstance(panel, Plot)
    return panel


def heatmap(found: Figure, title: str) -> Heatmap:
    (panel,) = (each for each in found.panels if each.title == title)
    assert isinstance(panel, Heatmap)
    return panel


def series(found: Plot, label: str) -> Series:
    (line,) = (each for each in found.series if each.label == label)
    return line


def gallery(section: Found) -> Gallery:
    (found,) = (block for block in parts(section) if isinstance(block, Gallery))
    return found


def commands(section: Found) -> list[str]:
    found = (block for block in parts(section) if isinstance(block, Commands))
    more = [each.command for each in section.more] if isinstance(section, Answer) else []
    return [line for block in found for line in block.lines] + more


def texts(section: Found) -> str:
    more = [each.text for each in section.more] if isinstance(section, Answer) else []
    return "\n".join([b.text for b in parts(section) if isinstance(b, Text)] + more)


def without_source(section: Found) -> Iterator[str]:
    """Returns the blocks that show a number and name no run that it comes from."""
    for block in parts(section):
        if isinstance(block, Table):
            for cells in block.rows:
                for cell in cells:
                    if (cell.value is not None or cell.interval is not None) and not cell.runs:
                        yield f"{block.title}: {cells[0].text}: {cell.text}"
        elif isinstance(block, Figure):
            for panel in block.panels:
                lines = panel.series if isinstance(panel, Plot) else [panel]
                for line in lines:
                    is_reference = isinstance(line, Series) and line.style == "reference"
                    if not line.runs and not is_reference:
                        yield f"{block.name}: {panel.title}"


def console_text(shown: RenderableType, width: int) -> str:
    """Returns the text that a console of this width prints."""
    file = io.StringIO()
    PlainConsole(file=file, width=width).print(shown)
    return file.getvalue()
