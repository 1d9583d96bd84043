"""The page for readers who hear it or use a keyboard: what a tool such as axe would complain of."""

import itertools
from pathlib import Path

import pytest
from page_reader import Element, Page
from sample_report import report_of, sample_report
from sample_runs import Sample, make_groups

from jaxcmp.compare.document import Cell, Column, Table
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report import build

LANDMARKS = {"main", "nav", "aside", "footer", "header"}
NAMED = {"button", "th", "a", "h1", "h2", "h3", "summary"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, list[Element]]:
    """Elements of a page of two arms, one of three, and one of two comparisons that are alike."""
    root: Path = tmp_path_factory.mktemp("runs")
    three = [
        Sample(arm, num_validation=40, config={"schedule.peak_learning_rate": rate})
        for arm, rate in (("vit", 5e-4), ("vit", 1e-3), ("resnet", 1e-3))
    ]
    two = [Sample(arm) for arm in ("vit", "resnet")]
    groups = {
        "two": make_groups(root / "two", *two),
        "three": make_groups(root / "three", *three),
        "sets": make_groups(root / "sets", *two, *(Sample(s.arm, num_test=100) for s in two)),
    }
    reports = {name: build(each, []) for name, each in groups.items()} | {"sample": sample_report()}
    return {name: Page(render_html(report)).elements for name, report in reports.items()}


NAMES = ("two", "three", "sets", "sample")


@pytest.mark.parametrize("name", NAMES)
def test_every_button_heading_and_link_has_a_name(pages, name):
    found = [each for each in pages[name] if each[0] in NAMED]
    assert len(found) > 40
    assert not [each for each in found if not each[2] and not each[1].get("aria-label")]


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_of_one_kind_have_names_of_their_own(pages, name):
    elements = pages[name]
    texts = {attributes["id"]: text for _, attributes, text in elements if "id" in attributes}
    names = [
        (
            tag if tag in LANDMARKS else "region",
            attributes.get("aria-label") or texts.get(attributes.get("aria-labelledby", "")),
        )
        for tag, attributes, _ in elements
        if tag in {"main", "nav", "aside"} or attributes.get("role") in {"region", "navigation"}
    ]
    assert len(names) == len(set(names)) and ("main", None) in names


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_what_is_referred_to_is_there(pages, name):
    elements = [attributes for _, attributes, _ in pages[name]]
    ids = [each["id"] for each in elements if "id" in each]
    assert len(ids) == len(set(ids))
    referred = {each["aria-labelledby"] for each in elements if "aria-labelledby" in each}
    referred |= {each["href"][1:] for each in elements if each.get("href", "").startswith("#")}
    assert referred and not referred - set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_headings_descend_one_level_at_a_time_from_the_title(pages, name):
    levels = [int(tag[1]) for tag, *_ in pages[name] if tag in {"h1", "h2", "h3", "h4"}]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_figures_and_what_scrolls_can_be_reached_and_are_named(pages, name):
    for tag, attributes, _ in pages[name]:
        if tag == "img":
            assert attributes["alt"]
        if attributes.get("role") in {"img", "group"}:
            assert attributes.get("aria-label") or attributes.get("aria-labelledby"), attributes
        if attributes.get("class") in {"scroll", "plot"} or tag == "pre":
            assert attributes["tabindex"] == "0"


def test_a_heading_without_words_is_no_heading_and_sorts_nothing():
    table = Table(
        "T",
        [Column(" ", False), Column("\t"), Column("n")],
        [[Cell(""), Cell("1", 1), Cell("2", 2)]],
    )
    elements = Page(render_html(report_of(table))).elements
    assert [text for tag, _, text in elements if tag in {"th", "button"}] == ["n", "n"]
    assert len([tag for tag, *_ in elements if tag == "td"]) == 5
