"""The report as one HTML file that needs nothing else: no network, no fonts, no other file."""

import base64
import functools
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

import jinja2
import msgspec
from markupsafe import Markup, escape

from jaxcmp.compare.document import Block, Cell, Column, Figure, LeftOut, Report, Table
from jaxcmp.compare.pages.figures import Drawing, draw
from jaxcmp.compare.pages.palette import NUM_ARMS, SIGNS, style_sheet
from jaxcmp.compare.words import clean

# Numbers of so many letters stay on one line, and so do words; what is longer needs some width.
LOOSE, SHORT, LONG = 12, 18, 40
MAX_REASONS = 5
Drawings = Mapping[str, list[Drawing]]


def unique_ids() -> Callable[[str], str]:
    """Returns what makes ids of letters, digits and dashes, numbered where one is taken."""
    taken = {"top", "content", "tip", "left-out"}

    def new_id(wish: str) -> str:
        stem = re.sub(r"[^A-Za-z0-9]+", "-", wish).strip("-") or "part"
        numbered = (f"{stem}-{count}" for count in itertools.count(2))
        name = next(each for each in itertools.chain([stem], numbered) if each not in taken)
        taken.add(name)
        return name

    return new_id


def template(name: str, finalize: Callable[[object], object]) -> jinja2.Template:
    """Loads a template of this folder; `finalize` is applied to all that it writes."""
    environment = jinja2.Environment(
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        loader=jinja2.PackageLoader("jaxcmp.compare", "pages"),
        keep_trailing_newline=True,
    )
    environment.filters["with_arms"] = with_arms
    environment.filters["together"] = together
    # Jinja escapes in it what could end the script element that it stands in.
    environment.policies["json.dumps_function"] = lambda value, **_: msgspec.json.encode(
        value
    ).decode()
    return environment.get_template(name)


def render_html(report: Report, drawings: Drawings | None = None) -> str:
    """Writes the page; figures are drawn anew where `drawings` has none, by their names."""
    script = _resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    def drawn(figure: Figure) -> list[Drawing]:
        return draw(figure) if drawings is None else drawings[figure.name]

    new_id = unique_ids()
    names = [new_id(each.id) for each in report.comparisons]
    return template("page.html.jinja", _clean).render(
        report=report,
        new_id=new_id,
        names=names,
        draw=drawn,
        script=script,
        digest=digest,
        style=style_sheet() + _resource("page.css"),
        sign=sign,
        NUM_ARMS=NUM_ARMS,
        cell_class=cell_class,
        kind_of=kind_of,
        is_png=is_png,
        reasons=_reasons,
        rows=listed,
        Table=Table,
        Column=Column,
    )


def _clean(value: object) -> object:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def _resource(name: str) -> str:
    return resources.files("jaxcmp.compare.pages").joinpath(name).read_text(encoding="utf-8")


def kind_of(block: Block) -> str:
    """Returns the name by which report.json tells blocks apart."""
    return str(block.__struct_config__.tag)


def sign(arm: int | None) -> Markup:
    """The mark of an arm, as in the figures; a reader who hears the page has its name."""
    if arm is None:
        return Markup()
    index = arm % NUM_ARMS
    return Markup(f'<span class="sign arm-{index}" aria-hidden="true">{SIGNS[index]}</span>')


def with_arms(text: str, arms: Sequence[str]) -> Markup:
    """Colours the names of arms in a text; a longer name wins over one inside it."""
    names = sorted(filter(None, arms), key=len, reverse=True)
    pieces = re.split(rf"(?<!\w)({'|'.join(map(re.escape, names))})(?!\w)", text) if names else []
    return Markup().join(
        Markup(f'<b class="arm-{arms.index(piece) % NUM_ARMS}">{escape(clean(piece))}</b>')
        if index % 2
        else escape(clean(piece))
        for index, piece in enumerate(pieces or [text])
    )


def together(text: Markup) -> Markup:
    """Keeps an interval in brackets on one line."""
    return Markup(re.sub(r"\[[^\[\]<>]*\]", r'<span class="whole">\g<0></span>', str(text)))


def cell_class(cell: Cell, column: Column) -> str:
    """Tells how a cell may be broken into lines."""
    length = len(cell.text)
    if column.is_numeric:
        return "number loose" if length > LOOSE else "number"
    return "short" if length <= SHORT else "words" if length <= LONG else "long"


def is_png(png: str | None) -> bool:
    """Returns whether a text is base64, which alone is put into an address."""
    return bool(png) and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", png or "") is not None


def listed(folders: Sequence[LeftOut]) -> list[list[Cell]]:
    return [[Cell(each.folder), Cell(each.reason)] for each in folders]


def _reasons(missing: Sequence[LeftOut]) -> str:
    counts = Counter(each.reason for each in missing).most_common()
    shown = [f"{reason} ({num:,})" for reason, num in counts[:MAX_REASONS]]
    others = sum(num for _, num in counts[MAX_REASONS:])
    return "; ".join([*shown, *([f"other reasons ({others:,})"] if others else [])])
