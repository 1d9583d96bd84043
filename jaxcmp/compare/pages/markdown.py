"""The report as GitHub-flavoured Markdown, with its figures as files in a folder beside it."""

import re
import urllib.parse
from collections.abc import Sequence

from jaxcmp.compare.document import (
    Block,
    Cell,
    Column,
    Commands,
    Comparison,
    Figure,
    Gallery,
    Report,
    Table,
    Text,
)
from jaxcmp.compare.pages.missing import FINISHED_ONLY, MAX_OPEN
from jaxcmp.compare.pages.scales import clean

_SPECIAL = re.compile(r"[\\`*_\[\]|~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"}
# What would begin a heading, a list, a rule, a quotation or an underline at the start of a line.
_OPENING = re.compile(r"^(?:[#+=:-]|(?P<number>\d+)(?=[.)]))")


def render_markdown(report: Report) -> str:
    """The whole report; figures are `figures/<name>.svg`, pictures are in index.html alone."""
    is_only = len(report.comparisons) == 1
    parts = [] if is_only else ["# Comparison of runs"]
    parts += _missing(report)
    if not report.comparisons:
        parts.append("No run is finished.")
    for comparison in report.comparisons:
        parts += _comparison(comparison, 1 if is_only else 2)
    if report.left_out:
        rows = [[Cell(each.folder), Cell(each.reason)] for each in report.left_out]
        parts.append("## Left out")
        parts.append(_table([Column("Folder", False), Column("Reason", False)], rows))
    num = len(report.runs)
    parts.append(
        f"Made from {num} run{'' if num == 1 else 's'} by jaxcmp; every number is in "
        "[report.json](report.json), with the runs that it was made from."
    )
    return "\n\n".join(parts) + "\n"


def _missing(report: Report) -> list[str]:
    """What is not there comes first: whoever reads on has to know it."""
    if not report.incomplete:
        return []
    rows = [[Cell(each.folder), Cell(each.reason)] for each in report.missing]
    table = _table([Column("Missing run", False), Column("Reason", False)], rows)
    if len(rows) > MAX_OPEN:
        table = f"<details><summary>Which, and why</summary>\n\n{table}\n\n</details>"
    return [f"**{escape(report.incomplete)}** {FINISHED_ONLY}", table]


def escape(text: str) -> str:
    """Text that stays text: neither markup, nor HTML, nor mathematics."""
    line = " ".join(clean(text).split())
    opening = _OPENING.match(line)
    line = "".join(_ENTITIES.get(letter, letter) for letter in _SPECIAL.sub(r"\\\g<0>", line))
    if opening is None:
        return line
    number = opening["number"] or ""
    return f"{number}\\{line[len(number) :]}"


def _comparison(comparison: Comparison, level: int) -> list[str]:
    parts = [f"{'#' * level} {escape(comparison.title)}", f"Data: {escape(comparison.data)}"]
    # The first sentence is the answer, as it is on the page.
    parts += [
        f"**{escape(line)}**" if index == 0 else escape(line)
        for index, line in enumerate(comparison.verdict)
    ]
    if comparison.facts:
        facts = [[Cell(fact.label), Cell(fact.text)] for fact in comparison.facts]
        parts.append(_table([Column("In short", False), Column("")], facts))
    for section in comparison.sections:
        parts.append(f"{'#' * (level + 1)} {escape(section.title)}")
        for block in section.blocks:
            parts += _block(block, section.title)
    return parts


def _block(block: Block, heading: str) -> list[str]:
    match block:
        case Text():
            return [f"**{escape(block.text)}**" if block.style == "answer" else escape(block.text)]
        case Commands():
            return [_commands(block)]
        case Table():
            title = [] if block.title == heading else [f"**{escape(block.title)}**"]
            note = [escape(block.note)] if block.note else []
            return [*title, _table(block.columns, block.rows), *note]
        case Figure():
            address = f"figures/{urllib.parse.quote(block.name, safe='')}.svg"
            return [f"![{escape(block.alternative)}]({address})", escape(block.caption)]
        case Gallery():
            return _gallery(block)


def _commands(commands: Commands) -> str:
    lines = [clean(line) for line in commands.lines]
    # A fence has to be longer than any that it encloses.
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}sh", *lines, fence])


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str:
    rules = ["---:" if column.is_numeric else ":---" for column in columns]
    lines = [[escape(column.label) for column in columns], rules]
    lines += [[escape(cell.text) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _gallery(gallery: Gallery) -> list[str]:
    columns = [Column("Picture", False), Column("Labels", False)]
    rows = [[Cell(each.alternative), Cell("; ".join(each.lines))] for each in gallery.pictures]
    caption = [escape(gallery.caption)] if gallery.caption else []
    return [*caption, _table(columns, rows), "The pictures themselves are in index.html."]
