"""Blocks as HTML: what a run has named stays text, and numbers keep what they are sorted by."""

import json
from html.parser import HTMLParser

import pytest
from sample_report import ARMS, HOSTILE, claims, curves, glance, picture, single

from jaxcmp.compare.document import Cell, Column, Commands, Gallery, Picture, Table, Text
from jaxcmp.compare.pages.blocks import Ids, escape, render_block, to_script, with_arms


class Tree(HTMLParser):
    """The elements of a piece of HTML with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def render(block, heading="") -> Tree:
    return Tree(render_block(block, ARMS, Ids(), heading))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_wherever_it_stands(name):
    table = Table(name, [Column(name)], [[Cell(name)]], name)
    gallery = Gallery([Picture(name, name, [name])], name)
    for block in (Text(name), Commands([name]), table, gallery):
        tree = render(block)
        assert {tag for tag, _ in tree.elements} <= set(
            "p b pre code div table thead tbody tr th button span figure ul li figcaption".split()
        )
        allowed = {"class", "id", "tabindex", "role", "scope", "type"}
        allowed |= {"aria-label", "aria-labelledby", "aria-hidden"}
        assert all(set(attributes) <= allowed for _, attributes in tree.elements)


def test_an_attribute_cannot_be_left():
    assert escape("\"'<>&") == "&quot;&#x27;&lt;&gt;&amp;"


def test_json_cannot_end_the_script_that_it_stands_in():
    stored = to_script(HOSTILE)
    assert "<" not in stored and ">" not in stored
    assert json.loads(stored) == HOSTILE


def test_arms_have_their_colours_and_the_longer_name_wins():
    text = with_arms("ViT-Tiny beats ViT, not ViTs", ["ViT", "ViT-Tiny"])
    assert text == '<b class="arm-1">ViT-Tiny</b> beats <b class="arm-0">ViT</b>, not ViTs'


def test_ids_are_unique_and_plain():
    ids = Ids()
    assert [ids.new('x" y'), ids.new("x y"), ids.new("???")] == ["x-y", "x-y-2", "part"]


def test_a_table_has_a_heading_per_column_and_what_it_sorts_by():
    tree = render(glance())
    assert len(tree.all("button")) == 3
    rows = [each for each in tree.all("th") if each.get("scope") == "row"]
    assert len(rows) == 5
    values = [each.get("data-value") for each in tree.all("td")]
    assert values[:4] == ["94.31", "89.02", "11173962", "5362762"]
    assert None in values


def test_a_table_does_not_repeat_the_heading_above_it():
    assert "table-title" in [each.get("class") for each in render(glance()).all("p")]
    under = render(glance(), "Results at a glance")
    assert "unseen" in [each.get("class") for each in under.all("p")]


def test_a_verdict_is_a_chip_of_its_kind():
    classes = [each.get("class") for each in render(claims()).all("span")]
    assert {"chip fails", "chip holds", "chip open"} <= set(classes)


def test_commands_keep_their_lines():
    (words,) = render(Commands(["first --a", "  second"])).words
    assert words == "first --a\n  second"


def test_a_figure_of_several_panels_says_as_a_group_what_is_seen():
    tree = render(curves())
    (group,) = (each for each in tree.all("div") if each.get("role") == "group")
    assert group["aria-label"] == curves().alternative
    plots = [each for each in tree.all("div") if each.get("role") == "img"]
    assert [each["aria-label"] for each in plots] == ["Test accuracy by epoch", "Learning rate"]


def test_a_figure_of_one_panel_has_the_alternative_itself():
    plots = [each for each in render(single()).all("div") if each.get("role") == "img"]
    assert [each["aria-label"] for each in plots] == [single().alternative]


def test_a_picture_is_shown_and_one_that_no_run_kept_has_its_place():
    tree = render(Gallery([Picture(picture(0), "a cat", []), Picture(None, "a dog", [])], ""))
    (image,) = tree.all("img")
    assert image["src"] == f"data:image/png;base64,{picture(0)}" and image["alt"] == "a cat"
    assert "a dog" in [each.get("aria-label") for each in tree.all("div")]


def test_what_is_no_picture_is_never_put_into_an_address():
    assert not render(Gallery([Picture('"><script>', "", [])], "")).all("img")
