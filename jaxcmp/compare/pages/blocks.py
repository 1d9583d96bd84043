"""The blocks of a report as HTML; whatever comes from a run is escaped here."""

import dataclasses
import html
import json
import re
from collections.abc import Sequence

from jaxcmp.compare.document import (
    Block,
    Cell,
    Column,
    Commands,
    Figure,
    Gallery,
    Picture,
    Table,
    Text,
)
from jaxcmp.compare.pages.figures import Drawing, draw
from jaxcmp.compare.pages.palette import NUM_ARMS, SIGNS
from jaxcmp.compare.pages.scales import clean

# Numbers of so many letters stay on one line, and so do words; what is longer needs some width.
LOOSE, SHORT, LONG = 12, 18, 40
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclasses.dataclass
class Ids:
    """Hands out ids that are unique over the page."""

    taken: set[str] = dataclasses.field(default_factory=set)

    def new(self, wish: str) -> str:
        """The wish in letters, digits and dashes, numbered where it is taken."""
        stem = re.sub(r"[^A-Za-z0-9]+", "-", wish).strip("-") or "part"
        name, count = stem, 1
        while name in self.taken:
            count += 1
            name = f"{stem}-{count}"
        self.taken.add(name)
        return name


def escape(text: str) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(clean(text), quote=True)


def sign(arm: int | None) -> str:
    """The mark of an arm, as in the figures; a reader who hears the page has its name."""
    if arm is None:
        return ""
    index = arm % NUM_ARMS
    return f'<span class="sign arm-{index}" aria-hidden="true">{SIGNS[index]}</span>'


def with_arms(text: str, arms: Sequence[str]) -> str:
    """Text in which the names of arms have their colours; a longer name wins over one inside it."""
    names = sorted({arm for arm in arms if arm}, key=len, reverse=True)
    if not names:
        return escape(text)
    pattern = "|".join(re.escape(name) for name in names)
    pieces = re.split(rf"(?<!\w)({pattern})(?!\w)", text)
    return "".join(
        f'<b class="arm-{arms.index(piece) % NUM_ARMS}">{escape(piece)}</b>'
        if odd
        else escape(piece)
        for piece, odd in zip(pieces, (False, True) * len(pieces), strict=False)
    )


def render_heading(level: int, name: str, title: str) -> str:
    """A heading with a link to itself."""
    return (
        f'<h{level} id="{name}">{escape(title)}'
        f'<a class="anchor" href="#{name}" aria-label="Link to {escape(title)}">#</a></h{level}>'
    )


def render_block(block: Block, arms: Sequence[str], ids: Ids, heading: str) -> str:
    """One block under a heading, which a table of the same title does not repeat."""
    match block:
        case Text():
            return f'<p class="{block.style}">{with_arms(block.text, arms)}</p>'
        case Commands():
            lines = "\n".join(escape(line) for line in block.lines)
            return f'<pre tabindex="0"><code>{lines}</code></pre>'
        case Table():
            return render_table(block, ids, is_titled=block.title != heading)
        case Figure():
            return _figure(block, ids)
        case Gallery():
            pictures = "".join(_picture(picture, arms) for picture in block.pictures)
            return (
                f'<figure class="gallery"><ul>{pictures}</ul>'
                f"<figcaption>{with_arms(block.caption, arms)}</figcaption></figure>"
            )


def render_table(table: Table, ids: Ids, *, is_titled: bool) -> str:
    """A table in a box of its own, which scrolls sideways where the page is narrow."""
    name = ids.new(f"table-{table.title}")
    heads = "".join(_head(column) for column in table.columns)
    rows = "".join(_row(row, table.columns) for row in table.rows)
    title_class = "table-title" if is_titled else "unseen"
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="table"><p id="{name}" class="{title_class}">{escape(table.title)}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}">'
        f'<table aria-labelledby="{name}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}</div>"
    )


def _head(column: Column) -> str:
    kind = ' class="number"' if column.is_numeric else ""
    label = f"{sign(column.arm)}<span>{escape(column.label)}</span>"
    return f'<th scope="col"{kind}><button type="button">{label}</button></th>'


def _row(row: Sequence[Cell], columns: Sequence[Column]) -> str:
    cells = []
    for index, (cell, column) in enumerate(zip(row, columns, strict=True)):
        value = "" if cell.value is None else f' data-value="{cell.value!r}"'
        kind = _kind(cell, column)
        tag, scope = ("th", ' scope="row"') if index == 0 else ("td", "")
        cells.append(f"<{tag}{scope}{kind}{value}>{_content(cell, column)}</{tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _kind(cell: Cell, column: Column) -> str:
    """How a cell may be broken into lines."""
    length = len(cell.text)
    if column.is_numeric:
        return ' class="number loose"' if length > LOOSE else ' class="number"'
    kind = "short" if length <= SHORT else "words" if length <= LONG else "long"
    return f' class="{kind}"'


def _content(cell: Cell, column: Column) -> str:
    if cell.verdict is not None and cell.text not in {"", "–"}:
        return f'<span class="chip {escape(cell.verdict)}">{escape(cell.text)}</span>'
    return f"{sign(cell.arm) if cell.arm != column.arm else ''}{escape(cell.text)}"


def _figure(figure: Figure, ids: Ids) -> str:
    name = ids.new(f"figure-{figure.name}")
    drawings = draw(figure, f"{name}-")
    is_single = len(drawings) == 1 and not drawings[0].is_wide
    panels = "".join(_panel(drawing, figure.alternative, is_single) for drawing in drawings)
    # Of several panels, the group says what is seen, and each panel its own title.
    group = "" if is_single else f' role="group" aria-label="{escape(figure.alternative)}"'
    kind = ' class="single"' if is_single else ""
    return (
        f'<figure id="{name}"{kind}><div class="panels"{group}>{panels}</div>'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _panel(drawing: Drawing, alternative: str, is_single: bool) -> str:
    label = alternative if is_single or not drawing.title else drawing.title
    title = f'<p class="panel-title">{escape(drawing.title)}</p>' if drawing.title else ""
    kind = "panel wide" if drawing.is_wide else "panel"
    return (
        f'<div class="{kind}">{title}'
        f'<div class="plot" role="img" tabindex="0" aria-label="{escape(label)}">'
        f"{drawing.svg}</div>"
        f'<script type="application/json">{to_script(dataclasses.asdict(drawing.hover))}</script>'
        "</div>"
    )


def to_script(value: object) -> str:
    """JSON in which nothing can end the script element that it stands in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _picture(picture: Picture, arms: Sequence[str]) -> str:
    alternative = escape(picture.alternative)
    if picture.png and _BASE64.fullmatch(picture.png):
        image = f'<img src="data:image/png;base64,{picture.png}" alt="{alternative}">'
    else:
        image = f'<div class="missing" role="img" aria-label="{alternative}">not kept</div>'
    lines = "".join(f"<span>{with_arms(line, arms)}</span>" for line in picture.lines)
    return f"<li>{image}{lines}</li>"
