"""The report as GitHub-flavoured Markdown, with its figures as files in a folder beside it."""

import re
import urllib.parse
from collections.abc import Sequence

from markupsafe import Markup

from jaxcmp.compare.document import Cell, Column, Comparison, Gallery, Report
from jaxcmp.compare.pages.page import kind_of, listed, template
from jaxcmp.compare.words import clean

# What would be markup, HTML, a reference or mathematics; an underscore only where a word ends.
_SPECIAL = re.compile(
    r"[\\`*|~]|(?<!\w)_|_(?!\w)|\[(?=\^)|\](?=[(\[:])|<(?=[A-Za-z/!?])|&(?=#?\w+;)"
)
# What would begin a heading, a list, a rule, a quotation or an underline at the start of a line.
_OPENING = re.compile(r"^(?:#{1,6}(?=\s|$)|[-+](?=\s|$)|>|[=-]+\s*$|\d{1,9}(?=[.)](?:\s|$)))")


def render_markdown(report: Report) -> str:
    """Writes the report; figures are `figures/<name>.svg`, pictures are in index.html alone."""
    text = template("report.md.jinja", _write).render(
        report=report,
        Column=Column,
        kind_of=kind_of,
        rows=listed,
        bold=_bold,
        facts=_facts,
        pictures=_pictures,
        quote=lambda name: Markup(urllib.parse.quote(name, safe="")),
        fenced=lambda language, lines: Markup(fenced(language, lines)),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _write(value: object) -> object:
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return Markup(escape(value))


def escape(text: str) -> str:
    """Returns text that stays text: neither markup, nor HTML, nor mathematics."""
    line = " ".join(clean(text).split())
    opening = _OPENING.match(line)
    number = opening[0] if opening and opening[0].isdigit() else ""
    start = f"{number}\\" if opening else ""
    # A backslash does not keep a code host from reading "$x$" as mathematics.
    return start + _SPECIAL.sub(r"\\\g<0>", line[len(number) :]).replace("$", "&#36;")


def _bold(text: str) -> Markup:
    return Markup(f"**{escape(text)}**")


def _facts(comparison: Comparison) -> list[list[Cell]]:
    return [[Cell(fact.label), Cell(fact.text)] for fact in comparison.facts]


def _pictures(gallery: Gallery) -> list[list[Cell]]:
    return [[Cell(each.alternative), Cell("; ".join(each.lines))] for each in gallery.pictures]


def fenced(language: str, lines: Sequence[str]) -> str:
    """Lines of code, whatever stands in them: a fence is longer than any that it encloses."""
    lines = [clean(line) for line in lines]
    fence = "`" * max(3, 1 + max(map(_most_backticks, lines), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def code(text: str) -> str:
    """Code within a line, whatever stands in it."""
    text = " ".join(clean(text).split())
    marks = "`" * (1 + _most_backticks(text))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{marks}{room}{text}{room}{marks}"


def _most_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
