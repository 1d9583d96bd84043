"""Figures: panels for the page, and files that stand alone."""

import re
from xml.etree import ElementTree

import pytest
from sample_report import HOSTILE, bars, confusion, curves, gaps, hostile_comparison, single

from jaxcmp.compare.document import Axis, Figure, Plot, Series
from jaxcmp.compare.pages.figures import draw, draw_file

FIGURES = {figure.name: figure for figure in (curves(), gaps(), single(), bars())}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def hostile() -> Figure:
    """A figure of all kinds of panels whose every name is an attack."""
    (section,) = hostile_comparison().sections
    (figure,) = (block for block in section.blocks if isinstance(block, Figure))
    return figure


def words(svg: str | bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [each.text or "" for each in root.iter() if each.tag in {"text", f"{SVG}text"}]


@pytest.mark.parametrize("name", FIGURES)
def test_each_panel_is_drawn_in_the_colours_of_the_page(name):
    figure = FIGURES[name]
    drawings = draw(figure)
    assert [each.title for each in drawings] == [panel.title for panel in figure.panels]
    for drawing in drawings:
        # Whatever has a colour follows the reader's mode; none is fixed.
        assert "var(--soft)" in drawing.svg
        assert not re.search(r"(?:fill|stroke): ?#", drawing.svg)


def test_a_panel_is_small_enough_that_two_fit_and_its_text_large_enough_for_a_phone():
    for figure in FIGURES.values():
        for drawing in draw(figure):
            # A phone of 390 px has some 355 for a panel.
            scale = 355 / drawing.width
            sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawing.svg)]
            assert sizes and min(sizes) * scale >= 10


def test_numbers_in_a_heatmap_of_ten_classes_can_be_read_on_a_phone():
    drawing = draw(confusion())[0]
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawing.svg)]
    assert min(sizes) * 355 / drawing.width >= 10 and not drawing.is_wide


def test_many_categories_make_a_taller_panel():
    few, many = (draw(gaps([f"class {i}" for i in range(num)]))[0] for num in (10, 40))
    assert many.height > 2 * few.height


def test_ids_are_unique_over_all_panels_of_a_page():
    texts = [each.svg for figure in FIGURES.values() for each in draw(figure)]
    ids = [name for text in texts for name in re.findall(r' id="([^"]*)"', text)]
    assert ids and len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_gives_the_same_bytes(name):
    assert draw_file(FIGURES[name]) == draw_file(FIGURES[name])


def test_a_file_stands_alone_on_white_with_all_panels_and_an_alternative():
    figure = curves()
    text = draw_file(figure).decode()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == figure.alternative
    assert "var(--" not in text and 'style="fill:#ffffff"' in text
    assert {panel.title for panel in figure.panels} <= set(words(text))
    ids = re.findall(r' id="([^"]*)"', text)
    assert ids and len(set(ids)) == len(ids)


def test_names_are_shown_as_they_are_and_never_become_markup(hostile):
    for text in (*(each.svg for each in draw(hostile)), draw_file(hostile).decode()):
        tags = {each.tag.removeprefix(SVG) for each in ElementTree.fromstring(text).iter()}
        assert tags <= {"svg", "title", "rect", "g", "path", "defs", "use", "clipPath", "text"}
    shown = words(draw_file(hostile))
    # Short enough not to be cut in the legend.
    assert set(HOSTILE[:4]) <= set(shown)


def test_a_panel_without_values_says_so():
    empty = Plot("", Axis("x", "log"), Axis("y"), [Series("a", [1.0], [None], "thick", 0)])
    assert "no values" in words(draw(Figure("f", [empty], "", ""))[0].svg)


def test_names_that_would_collide_at_the_ends_of_lines_are_in_a_legend():
    def panel(*ends: float) -> Plot:
        lines = [Series(f"arm {i}", [0, 9], [0, end], "thick", i) for i, end in enumerate(ends)]
        return Plot("", Axis("x"), Axis("y"), lines)

    near, apart = draw(Figure("f", [panel(5, 5, 5, 5.01), panel(2, 5, 7, 9)], "", ""))
    # At its end, a name has its arm's colour; in a legend, its line has.
    assert not re.search(r"fill: var\(--arm-0\)[^>]*>arm 0<", near.svg)
    assert re.search(r"fill: var\(--arm-0\)[^>]*>arm 0<", apart.svg)
    assert {f"arm {i}" for i in range(4)} <= set(words(near.svg)) & set(words(apart.svg))


def test_a_file_without_panels_is_still_a_picture():
    ElementTree.fromstring(draw_file(Figure("f", [], "", "")))
