"""Figures as SVG, drawn by matplotlib: a drawing for each panel of a page, and a file of all."""

import html
import io
import re
import warnings
from typing import Any

import matplotlib
from matplotlib.figure import Figure as Canvas

from jaxcmp.compare.document import Figure, Heatmap, Part, Plot
from jaxcmp.compare.pages.hover import Hover, read_heatmap, read_plot
from jaxcmp.compare.pages.limits import share_limits
from jaxcmp.compare.pages.matrices import draw_matrix, is_wide, matrix_size
from jaxcmp.compare.pages.palette import as_light, as_variable, paint, stand_in
from jaxcmp.compare.pages.plots import draw_plot, plot_size
from jaxcmp.compare.words import clean

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxcmp",
    "text.parse_math": False,
    "text.color": stand_in("ink"),
    "figure.dpi": 72,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": stand_in("line"),
    "axes.labelcolor": stand_in("soft"),
    "axes.titlecolor": stand_in("soft"),
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titlepad": 7,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelcolor": stand_in("soft"),
    "ytick.labelcolor": stand_in("soft"),
    "grid.color": stand_in("line"),
    "legend.frameon": False,
    "legend.borderaxespad": 0.2,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
}
# In a file, in points.
GAP, TITLE = 20, 18


class Drawing(Part, frozen=True):
    """A panel as SVG in stand-in colours, of a size in points; a wide one takes a page's width."""

    title: str
    svg: str
    width: float
    height: float
    is_wide: bool
    hover: Hover

    def on_page(self, prefix: str) -> str:
        """The drawing in the page's colours, with ids that start with the prefix."""
        return paint(self.with_ids(prefix), as_variable)

    def with_ids(self, prefix: str) -> str:
        return _in_tags(re.compile(r'( id="|href="#|url\(#)'), rf"\g<1>{prefix}", self.svg)


def draw(figure: Figure) -> list[Drawing]:
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # Letters that matplotlib cannot measure are written by the browser's own font.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        return [_draw(panel) for panel in share_limits(figure.panels)]


def _draw(panel: Plot | Heatmap) -> Drawing:
    is_matrix = isinstance(panel, Heatmap)
    canvas = Canvas(figsize=matrix_size(panel) if is_matrix else plot_size(panel))
    axes = draw_matrix(canvas, panel) if is_matrix else draw_plot(canvas, panel)
    canvas.set_layout_engine("none")
    width, height = (72 * float(inches) for inches in canvas.get_size_inches())
    hover = read_heatmap(axes, panel) if is_matrix else read_plot(axes, panel)
    wide = is_matrix and is_wide(panel)
    return Drawing(clean(panel.title), _svg(canvas), width, height, wide, hover)


def file_of(figure: Figure, drawings: list[Drawing]) -> bytes:
    """Draws all panels on white as one SVG, two side by side where they are narrow."""
    num_columns = 1 if any(each.is_wide for each in drawings) else 2
    column = GAP + max((each.width for each in drawings), default=0)
    top, parts = 0.0, []
    for start in range(0, len(drawings), num_columns):
        row = drawings[start : start + num_columns]
        for i, each in enumerate(row):
            x = GAP + i * column
            title = html.escape(each.title)
            parts.append(f'<text x="{x}" y="{top + GAP}" class="title">{title}</text>')
            svg = paint(each.with_ids(f"p{start + i}-"), as_light)
            # A point inside this picture is a unit of its view box, not 4/3 of one.
            svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)
            place = f'<svg x="{x}" y="{top + GAP + TITLE / 2}"'
            parts.append(svg.replace("<svg", place, 1))
        top += GAP + TITLE + max(each.height for each in row)
    width, height = GAP + column * min(num_columns, max(len(drawings), 1)), top + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width * 4 / 3:g}" '
        f'height="{height * 4 / 3:g}" role="img" '
        f'font-family="{FONT}"><title>{html.escape(clean(figure.alternative))}</title>'
        f"<style>.title{{font-size:12px;font-weight:600;fill:{as_light('ink')}}}</style>"
        f'<rect width="100%" height="100%" fill="{as_light("paper")}"/>{"".join(parts)}</svg>\n'
    ).encode()


def _svg(canvas: Canvas) -> str:
    """The drawing as an element, without a style of its own."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    canvas.savefig(stream, format="svg", metadata=nothing)
    text = stream.getvalue()
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text[text.index("<svg") :], flags=re.DOTALL)
    # Only what is used again needs its name, and the page chooses the font.
    text = _in_tags(re.compile(r'(<g|<text) id="[^"]*"'), r"\1", text)
    return _in_tags(re.compile(r"font: ([\d.]+px)[^;\"]*"), r"font-size: \1", text)


def _in_tags(pattern: re.Pattern[str], replacement: str, svg: str) -> str:
    """Replaces in tags alone: what a run has named stands between them."""
    return re.sub(r"<[^>]*>", lambda tag: pattern.sub(replacement, tag[0]), svg)
