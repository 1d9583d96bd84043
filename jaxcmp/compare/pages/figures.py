"""Figures as SVG: one drawing per panel for the page, and a file of all panels for elsewhere."""

import dataclasses
import re
import textwrap
from xml.etree import ElementTree

import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxcmp.compare.document import Figure, Heatmap, Plot
from jaxcmp.compare.pages.heatmaps import draw_heatmap, is_wide, size
from jaxcmp.compare.pages.hover import Grid, Traces, read_heatmap, read_plot
from jaxcmp.compare.pages.legends import add_legend, name_ends, part
from jaxcmp.compare.pages.marks import Placed, draw_marks, place
from jaxcmp.compare.pages.palette import as_light, as_variable, stand_in
from jaxcmp.compare.pages.scales import clean, numbers, set_look, set_scale
from jaxcmp.compare.pages.svg import DPI, FONT, Element, paint, settings, to_element, to_text

# Of a panel, in inches.
WIDTH, HEIGHT = 4.4, 3.1
# Of a category on the y axis, in inches.
ROW_HEIGHT = 0.24
# In a file, in points.
GAP, TITLE_LINE, TITLE_LETTERS = 24, 16, 52


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A panel as SVG whose colours are CSS variables, and what it says on hover.

    The size is in points, as is the viewBox; a wide drawing needs the width of the page.
    """

    title: str
    svg: str
    width: float
    height: float
    is_wide: bool
    hover: Traces | Grid


def draw(figure: Figure, prefix: str = "") -> list[Drawing]:
    """The panels of a figure for a page; ids start with `prefix`, else with the figure's name."""
    prefix = prefix or f"{re.sub(r'[^A-Za-z0-9]+', '-', figure.name)}-"
    drawings = []
    for index, panel in enumerate(figure.panels):
        root, hover = _draw_panel(panel, f"{prefix}{index}-")
        paint(root, as_variable)
        width, height = _size_of(root)
        wide = isinstance(panel, Heatmap) and is_wide(panel)
        drawings.append(Drawing(clean(panel.title), to_text(root), width, height, wide, hover))
    return drawings


def draw_file(figure: Figure) -> bytes:
    """All panels on white as one SVG that stands alone; the same figure gives the same bytes."""
    roots = [_draw_panel(panel, f"p{i}-")[0] for i, panel in enumerate(figure.panels)]
    titles = [textwrap.wrap(clean(panel.title), TITLE_LETTERS) for panel in figure.panels]
    sizes = [_size_of(root) for root in roots]
    num_columns = 1 if any(width > WIDTH * DPI + 1 for width, _ in sizes) else min(len(roots), 2)
    page, height = ElementTree.Element("svg"), float(GAP)
    column_width = max((width for width, _ in sizes), default=0)
    for start in range(0, len(roots), max(num_columns, 1)):
        row = range(start, min(start + num_columns, len(roots)))
        top = height + max(len(titles[i]) for i in row) * TITLE_LINE
        for i in row:
            left = GAP + (i - start) * (column_width + GAP)
            _add_title(page, titles[i], left, top)
            _add_panel(page, roots[i], left, top)
        height = top + max(sizes[i][1] for i in row) + GAP
    width = GAP + num_columns * (column_width + GAP)
    _finish_file(page, width, height, figure.alternative)
    return (to_text(page) + "\n").encode()


def _draw_panel(panel: Plot | Heatmap, prefix: str) -> tuple[Element, Traces | Grid]:
    with settings():
        if isinstance(panel, Heatmap):
            drawn = _new_figure(*size(panel))
            axes = draw_heatmap(drawn, panel)
            _add_heading(axes, f"in {panel.unit}" if panel.unit else "")
            _lay_out(drawn)
            hover = read_heatmap(axes, panel)
        else:
            drawn, axes, placed = _draw_plot(panel)
            hover = read_plot(axes, panel, placed)
        return to_element(drawn, prefix), hover


def _draw_plot(
    plot: Plot,
) -> tuple[matplotlib.figure.Figure, matplotlib.axes.Axes, list[Placed]]:
    placed = place(plot)
    drawn, axes = _draw_axes(plot, placed)
    names = name_ends(axes, placed)
    if names:
        _lay_out(drawn)
    if not names or not part(axes, names):
        # The names would collide, and have taken room: begin anew, with a legend.
        drawn, axes = _draw_axes(plot, placed)
        add_legend(drawn, placed, plot.title)
        _lay_out(drawn)
    return drawn, axes, placed


def _draw_axes(
    plot: Plot, placed: list[Placed]
) -> tuple[matplotlib.figure.Figure, matplotlib.axes.Axes]:
    is_sideways = plot.y.scale == "category"
    height = 0.9 + ROW_HEIGHT * len(plot.y.categories) if is_sideways else HEIGHT
    drawn = _new_figure(WIDTH, max(HEIGHT, height))
    axes = drawn.subplots()
    set_look(axes)
    set_scale(axes.xaxis, plot.x, _all_values(placed, "x"))
    set_scale(axes.yaxis, plot.y, _all_values(placed, "y"))
    axes.grid(axis="x" if is_sideways else "y", color=stand_in("line"), linewidth=0.8)
    draw_marks(axes, placed, is_sideways=is_sideways)
    axes.set_xlabel(clean(plot.x.label), color=stand_in("soft"))
    # Categories speak for themselves, and a label that is the title is no news.
    is_told = is_sideways or plot.y.label.lower() == plot.title.lower()
    _add_heading(axes, "" if is_told else plot.y.label)
    if not any(np.isfinite(each.x + each.y).any() for each in placed):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center")
    return drawn, axes


def _all_values(placed: list[Placed], axis: str) -> np.ndarray:
    return np.concatenate([[], *(numbers(getattr(each, axis)) for each in placed)])


def _new_figure(width: float, height: float) -> matplotlib.figure.Figure:
    return matplotlib.figure.Figure(figsize=(width, height), layout="constrained")


def _add_heading(axes: matplotlib.axes.Axes, label: str) -> None:
    """The label of the y axis lies above it, where it takes no width and need not be turned."""
    text = "\n".join(textwrap.wrap(clean(label), TITLE_LETTERS))
    axes.set_title(text, loc="left", fontsize=10, color=stand_in("soft"), pad=7)


def _lay_out(drawn: matplotlib.figure.Figure) -> None:
    """Finds the places of everything, once: what is measured afterwards is what is saved."""
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")


def _size_of(root: Element) -> tuple[float, float]:
    _, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    return width, height


def _add_title(page: Element, lines: list[str], left: float, top: float) -> None:
    for index, line in enumerate(lines):
        y = top - (len(lines) - index - 1) * TITLE_LINE - 6
        style = f"font-size:12px;font-weight:600;fill:{stand_in('ink')}"
        ElementTree.SubElement(page, "text", x=f"{left:g}", y=f"{y:g}", style=style).text = line


def _add_panel(page: Element, root: Element, left: float, top: float) -> None:
    group = ElementTree.SubElement(page, "g", transform=f"translate({left:g} {top:g})")
    group.set("stroke-linejoin", "round")
    group.extend(list(root))


def _finish_file(page: Element, width: float, height: float, alternative: str) -> None:
    page.attrib.update(
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width * 4 / 3:g}",
            "height": f"{height * 4 / 3:g}",
            "role": "img",
            "font-family": FONT,
        }
    )
    title = ElementTree.Element("title")
    title.text = clean(alternative)
    paper = ElementTree.Element("rect", width="100%", height="100%")
    paper.set("style", f"fill:{stand_in('paper')}")
    page.insert(0, title)
    page.insert(1, paper)
    paint(page, as_light)
