"""The page: one file that needs nothing else, whose parts can be found and linked."""

import base64
import dataclasses
import hashlib
import re

import pytest
from sample_report import HOSTILE, claims, sample_report, sections
from test_blocks import Tree

from jaxcmp.compare.document import Comparison, Report, Section
from jaxcmp.compare.pages.page import render_html


@pytest.fixture(scope="module")
def report() -> Report:
    return sample_report()


@pytest.fixture(scope="module")
def page(report) -> str:
    return render_html(report)


def small(*titles: str) -> Report:
    """A comparison per title, without figures."""
    parts = [Section("s", "Claims", [claims()])]
    return Report([Comparison("c", "d", each, [], [], [], parts) for each in titles], [], [])


def headings(text: str) -> list[tuple[str, str]]:
    return re.findall(r"<(h[1-6]) id=[^>]*>([^<]*)", text)


def test_the_page_is_the_same_each_time():
    assert render_html(small("a")) == render_html(small("a"))


def test_nothing_in_the_page_has_an_address_outside_of_it(page):
    tree = Tree(page)
    for tag, attributes in tree.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, address)
    styles = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in styles and "@import" not in styles and "@font-face" not in styles


def test_the_policy_forbids_the_network_and_every_script_but_the_page_s_own(page):
    (policy,) = (
        each["content"] or ""
        for each in Tree(page).all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:" and "connect-src" not in rules


def test_hostile_names_add_no_element_and_no_handler(page):
    tree = Tree(page)
    kinds = [each.get("type") for each in tree.all("script")]
    assert kinds.count(None) == 1 and set(kinds) == {None, "application/json"}
    assert not [name for _, each in tree.elements for name in each if name.startswith("on")]
    # They are shown, as text.
    words = "".join(tree.words)
    assert all(name in words for name in HOSTILE[:7])


def test_every_id_is_unique_and_every_link_leads_to_one(page):
    tree = Tree(page)
    ids = [each["id"] for _, each in tree.elements if each.get("id")]
    assert len(set(ids)) == len(ids)
    links = [address for _, each in tree.elements if (address := each.get("href"))]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    named = [each["aria-labelledby"] for _, each in tree.elements if each.get("aria-labelledby")]
    assert named and set(named) <= set(ids)


def test_one_comparison_is_the_page_and_several_have_headings_of_their_own():
    assert headings(render_html(small("One?"))) == [("h1", "One?"), ("h2", "Claims")]
    several = headings(render_html(small("One?", "Two?")))
    assert several == [("h2", "One?"), ("h3", "Claims"), ("h2", "Two?"), ("h3", "Claims")]


def test_each_comparison_lists_its_sections(page):
    links = re.findall(r'<nav aria-label="([^"]*)"><ul>(.*?)</ul></nav>', page)
    names = {label: re.findall(r">([^<]*)</a>", items) for label, items in links}
    assert names["ResNet-18 or ViT-Tiny?"] == [section.title for section in sections()]
    assert len(links) == 2


def test_a_report_without_a_finished_run_says_so_and_why(report):
    text = render_html(dataclasses.replace(report, comparisons=[], runs=[]))
    assert "No run is finished." in text
    assert "runs/vit/3" in text and "not finished" in text


def test_the_page_says_where_every_number_is(page):
    assert "Made from 6 runs by jaxcmp; every number is in <code>report.json</code>" in page


def test_the_page_has_what_phones_and_readers_need(page):
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert '<a class="skip" href="#content">' in page
    assert "@media print" in page


def test_the_page_can_be_written_as_utf_8(page):
    page.encode()
