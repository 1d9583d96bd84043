"""From a matplotlib figure to SVG that can stand in a page: no ids that clash, no global styles."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from jaxcmp.compare.pages.palette import replace, stand_in

Element = ElementTree.Element

# Points per inch: the units of the drawing.
DPI = 72
FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_SETTINGS: dict[Any, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxcmp",
    "text.parse_math": False,
    "font.size": 10,
    "figure.dpi": DPI,
    "text.color": stand_in("ink"),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.formatter.use_mathtext": False,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.03,
}
_DECIMALS = re.compile(r"-?\d+\.\d{2,}")
_REFERENCE = re.compile(r"#([\w-]+)")


@contextmanager
def settings() -> Iterator[None]:
    """Within it, matplotlib draws the same on every machine, whatever its user has configured."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The reader's browser has the letters that the font here lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def to_element(figure: Figure, prefix: str) -> Element:
    """The figure as an SVG element without namespaces; its ids start with `prefix`."""
    stored = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(stored)
    root = ElementTree.fromstring(stored.getvalue())
    for parent in root.iter():
        parent.tag = parent.tag.rpartition("}")[2]
        for child in list(parent):
            # The style is for all lines of the page; the metadata say what drew the figure, when.
            if child.tag.rpartition("}")[2] in {"metadata", "style"}:
                parent.remove(child)
    _tidy(root, prefix)
    root.set("stroke-linejoin", "round")
    return root


def _tidy(root: Element, prefix: str) -> None:
    """Short numbers, no fonts, no namespaces, and only the ids that something refers to."""
    used = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "clip-path" or name.endswith("href"):
                used |= set(_REFERENCE.findall(value))
    for element in root.iter():
        old = dict(element.attrib)
        element.attrib.clear()
        for name, value in old.items():
            name = name.rpartition("}")[2]
            if name == "id" and value in used:
                element.set("id", f"{prefix}{value}")
            elif name in {"clip-path", "href"}:
                element.set(name, _REFERENCE.sub(rf"#{prefix}\1", value))
            elif name == "style":
                element.set(name, re.sub(r"font-family:[^;]*;?\s*", "", value))
            elif name != "id":
                element.set(name, _DECIMALS.sub(_short, value).replace(" \n", " ").strip())


def _short(number: re.Match) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def paint(root: Element, colour: Callable[[str], str]) -> None:
    """Gives stand-in colours the colour that `colour` has for their name."""
    for element in root.iter():
        style = element.get("style")
        if style is not None:
            element.set("style", replace(style, colour))


def to_text(root: Element) -> str:
    """As it stands in a page; what names contain is escaped."""
    return ElementTree.tostring(root, encoding="unicode")
