"""SVG that can stand in a page: no ids that clash, no global styles, no names as markup."""

import re
import warnings
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from jaxcmp.compare.pages.palette import as_light, stand_in
from jaxcmp.compare.pages.svg import paint, settings, to_element, to_text


def drawn(label: str = "label", prefix: str = "p-") -> str:
    with settings():
        figure = Figure(figsize=(3, 2))
        axes = figure.subplots()
        axes.plot([1, 2.123456], [3, 4], marker="o", color=stand_in("arm-0"))
        axes.set_title(label)
        return to_text(to_element(figure, prefix))


def test_the_same_figure_gives_the_same_text():
    assert drawn() == drawn()


def test_what_a_user_has_configured_changes_nothing():
    before = drawn()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "text.usetex": True}):
        assert drawn() == before


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    drawn()
    assert dict(matplotlib.rcParams) == before


def test_ids_start_with_their_prefix_and_each_is_referred_to():
    text = drawn(prefix="here-")
    ids = set(re.findall(r' id="([^"]*)"', text))
    assert ids and all(name.startswith("here-") for name in ids)
    assert ids == set(re.findall(r'(?:href="#|url\(#)([^")]*)', text))


def test_neither_styles_for_the_page_nor_dates_nor_fonts_are_left():
    text = drawn()
    for word in ("<style", "<metadata", "font-family", "xmlns", "DejaVu", "Date"):
        assert word not in text


def test_numbers_are_short():
    assert not re.search(r'[" ]-?\d+\.\d{3,}[" ]', drawn())


def test_a_name_is_text_and_neither_markup_nor_mathematics():
    for name in ("<script>alert(1)</script>", "$x$ and $\\frac{1$", "&amp;", 'a"b'):
        titles = [each.text for each in ElementTree.fromstring(drawn(name)).iter("text")]
        assert name in titles


def test_letters_that_the_font_lacks_are_kept_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "鳥" in drawn("鳥")


def test_stand_in_colours_are_replaced_everywhere():
    root = ElementTree.fromstring(drawn())
    paint(root, as_light)
    assert "#0a0b" not in to_text(root) and "#0072b2" in to_text(root)
