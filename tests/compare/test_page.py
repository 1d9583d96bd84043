"""The page: one file that needs nothing else, whose parts can be found and linked."""

import base64
import hashlib
import json
import re

import pytest
from msgspec import structs
from page_reader import Page
from sample_report import (
    HOSTILE,
    claims,
    curves,
    glance,
    picture,
    report_of,
    sample_report,
    sections,
    single,
)

from jaxcmp.compare.document import (
    Axis,
    Block,
    Comparison,
    Figure,
    Finding,
    Gallery,
    LeftOut,
    Picture,
    Plot,
    Report,
    Section,
    Series,
    Suggestion,
)
from jaxcmp.compare.pages.page import render_html, unique_ids, with_arms


def render(*blocks: Block, title: str = "S") -> Page:
    return Page(render_html(report_of(*blocks, title=title)))


@pytest.fixture(scope="module")
def report() -> Report:
    return sample_report()


@pytest.fixture(scope="module")
def page(report) -> str:
    return render_html(report).encode().decode()


def small(*titles: str) -> Report:
    """A comparison per title, without figures."""
    parts = [Section("s", "Claims", [claims()])]
    return Report([Comparison("c", "d", each, [], [], [], parts) for each in titles], [], [])


def headings(text: str) -> list[tuple[str, str]]:
    return re.findall(r"<(h[1-6]) id=[^>]*>([^<]*)", text)


def test_nothing_in_the_page_has_an_address_outside_of_it(page):
    tree = Page(page)
    for tag, attributes, _ in tree.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, address)
    styles = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in styles and "@import" not in styles and "@font-face" not in styles


def test_the_policy_forbids_the_network_and_every_script_but_the_page_s_own(page):
    (policy,) = (
        each["content"]
        for each in Page(page).all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:" and "connect-src" not in rules


def test_hostile_names_add_no_element_and_no_handler(page):
    tree = Page(page)
    kinds = [each.get("type") for each in tree.all("script")]
    assert kinds.count(None) == 1 and set(kinds) == {None, "application/json"}
    assert not [name for _, each, _ in tree.elements for name in each if name.startswith("on")]
    # They are shown, as text.
    words = "".join(tree.words)
    assert all(name in words for name in HOSTILE[:7])


def test_one_comparison_is_the_page_and_several_have_headings_of_their_own():
    assert headings(render_html(small("One?"))) == [("h1", "One?"), ("h2", "Claims")]
    several = headings(render_html(small("One?", "Two?")))
    assert several == [("h2", "One?"), ("h3", "Claims"), ("h2", "Two?"), ("h3", "Claims")]


def test_each_comparison_lists_its_sections(page):
    links = re.findall(r'<nav aria-label="([^"]*)"><ul>(.*?)</ul></nav>', page)
    names = {label: re.findall(r">([^<]*)</a>", items) for label, items in links}
    assert names["Sections, cifar10"] == [section.title for section in sections()]
    assert len(links) == 2


def test_a_report_without_a_finished_run_says_so_and_why(report):
    text = render_html(structs.replace(report, comparisons=[], runs=[]))
    assert "No run is finished." in text
    assert "runs/vit/3" in text and "not finished" in text


def test_the_page_has_what_phones_and_readers_need(page):
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert '<a class="skip" href="#content">' in page
    assert "@media print" in page
    assert "Made from 6 runs by jaxcmp. Every number is in <code>report.json</code>" in page


def test_values_cannot_end_the_script_that_they_stand_in():
    name = "</script><b>"
    line = Series(name, [0.0], [1.0], "points", 0)
    figure = Figure("f", [Plot("P", Axis("x"), Axis("y"), [line])], "", "")
    tree = render(figure)
    (stored,) = (word for word in tree.words if word.startswith('{"box"'))
    assert json.loads(stored)["traces"][0][0] == name and not tree.all("b")


def test_arms_have_their_colours_and_the_longer_name_wins():
    text = with_arms("ViT-Tiny beats ViT, not ViTs <b>", ["ViT", "ViT-Tiny"])
    assert text == (
        '<b class="arm-1">ViT-Tiny</b> beats <b class="arm-0">ViT</b>, not ViTs &lt;b&gt;'
    )


def test_ids_are_unique_and_plain():
    assert list(map(unique_ids(), ['x" y', "x y", "???"])) == ["x-y", "x-y-2", "part"]


def test_a_table_has_a_heading_per_column_and_what_it_sorts_by():
    tree = render(glance())
    assert len([each for each in tree.all("th") if each.get("scope") == "col"]) == 3
    assert len([each for each in tree.all("th") if each.get("scope") == "row"]) == 5
    values = [each.get("data-value") for each in tree.all("td")]
    assert values[:4] == ["94.31", "89.02", "11173962", "5362762"]
    assert None in values
    assert "table-title" in [each.get("class") for each in tree.all("p")]
    # It does not repeat the heading above it, and a verdict is a chip of its kind.
    under = render(glance(), title="Results at a glance")
    assert "unseen" in [each.get("class") for each in under.all("p")]
    classes = [each.get("class") for each in render(claims()).all("span")]
    assert {"chip fails", "chip holds", "chip open"} <= set(classes)


def test_a_figure_of_several_panels_says_as_a_group_what_is_seen():
    tree = render(curves())
    groups = [each for each in tree.all("div") if each.get("role") == "group"]
    assert [each["aria-label"] for each in groups] == [curves().alternative]
    plots = [each for each in tree.all("div") if each.get("role") == "img"]
    assert [each["aria-label"] for each in plots] == ["Test accuracy by epoch", "Learning rate"]
    alone = [each for each in render(single()).all("div") if each.get("role") == "img"]
    assert [each["aria-label"] for each in alone] == [single().alternative]


def test_a_picture_is_shown_and_one_that_no_run_kept_has_its_place():
    pictures = [Picture(picture(0), "a cat", []), Picture(None, "a dog", [])]
    tree = render(Gallery([*pictures, Picture('"><script>', "odd", [])], ""))
    (image,) = tree.all("img")
    assert image["src"] == f"data:image/png;base64,{picture(0)}" and image["alt"] == "a cat"
    assert {"a dog", "odd"} <= {each.get("aria-label") for each in tree.all("div")}


def test_what_stands_first_is_the_answer_the_figure_the_findings_and_the_trade_off():
    comparison = Comparison(
        "c",
        "d",
        "Which?",
        ["a"],
        ["The answer."],
        [],
        [Section("s", "Why", [claims()])],
        opening=single(),
        findings=[Finding("A finding.", "s")],
        tradeoff=glance(),
        notes=["A note."],
        more=[Suggestion("A question.", "python -m jaxcmp.study")],
    )
    page = render_html(Report([comparison], [], []))
    order = ["The answer.", 'class="plot"', "A finding.", "A note.", "<h2", "A question."]
    places = [page.index(each) for each in order[:4]]
    assert places == sorted(places)
    assert '<a href="#c-s">' in page
    assert "python -m jaxcmp.study" in re.sub("<[^>]+>", "", page)


def missing(num: int) -> Page:
    runs = [LeftOut(f"runs/{i}", "waiting" if i else "failed") for i in range(num)]
    return Page(render_html(Report([], [], [LeftOut("runs/x", "no run folder")], missing=runs)))


def test_missing_runs_stand_first_and_many_are_folded():
    few, many = missing(2), missing(9)
    assert not few.all("details") and "runs/1" in few.words
    assert len(many.all("details")) == 1 and "waiting (8); failed (1)" in many.words
    assert "which, and why" in few.words and {"id": "left-out"} in few.all("h2")
