"""Markdown, read as a code host reads it: tables, pictures, and names that stay text."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sample_report import HOSTILE, claims, curves, glance, report_of, sample_report

from jaxcmp.compare.document import (
    Cell,
    Column,
    Commands,
    Figure,
    Table,
    Text,
)
from jaxcmp.compare.pages.markdown import escape, render_markdown

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def read(markdown: str) -> SimpleNamespace:
    """Its tables as rows of text, its kinds of tokens, pictures, code and headings."""
    found = SimpleNamespace(tables=[], kinds=set(), pictures=[], code=[], headings=[], words=[])
    tokens = PARSER.parse(markdown)
    for index, token in enumerate(tokens):
        found.kinds |= {token.type, *(child.type for child in token.children or [])}
        if token.type == "table_open":
            found.tables.append([])
        elif token.type == "tr_open":
            found.tables[-1].append([])
        elif token.type == "fence":
            found.code.append(token.content)
        elif token.type == "inline":
            text = "".join(child.content for child in token.children or [])
            found.words.append(text)
            if tokens[index - 1].type in {"th_open", "td_open"}:
                found.tables[-1][-1].append(text)
            elif tokens[index - 1].type == "heading_open":
                found.headings.append((tokens[index - 1].tag, text))
            found.pictures += [child for child in token.children or [] if child.type == "image"]
    return found


def render(*blocks, title="Section") -> SimpleNamespace:
    return read(render_markdown(report_of(*blocks, title=title)))


def test_a_table_comes_out_with_all_its_rows_and_cells():
    (table,) = render(glance()).tables
    assert len(table) == 1 + 5 and {len(row) for row in table} == {3}
    assert table[1] == ["Test accuracy (%)", "94.31 ± 0.18, n = 3", "89.02 ± 0.31, n = 3"]


@given(st.lists(st.text(), min_size=2, max_size=2), st.integers(1, 4))
def test_no_text_adds_a_row_or_a_cell(texts, num_rows):
    columns = [Column(text) for text in texts]
    rows = [[Cell(text) for text in texts]] * num_rows
    (table,) = render(Table("", columns, rows)).tables
    assert len(table) == num_rows + 1 and {len(row) for row in table} == {2}


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE[:7],
        "# no heading",
        "1. no list",
        "- no",
        "> no",
        "***",
        "===",
        "![x](y)",
        "[x]: y",
        "    no code",
        "~~no~~",
        "+ a",
        "<!-- no comment",
        "<script no",
    ],
)
def test_text_stays_text(text):
    found = render(Text(text))
    assert " ".join(text.split()) in found.words
    assert found.kinds <= {
        *("heading_open", "heading_close", "inline", "text", "text_special"),
        *("paragraph_open", "paragraph_close", "strong_open", "strong_close"),
        *("link_open", "link_close"),
    }
    # The one link is ours, to report.json, and a dollar begins no mathematics.
    assert len(found.headings) == 2 and "$" not in escape(text)


def test_a_figure_is_a_picture_beside_the_report_with_alternative_and_caption():
    found = render(curves(), Figure("odd name)", [], "", "a | b"))
    assert [each.attrs["src"] for each in found.pictures] == [
        "figures/curves.svg",
        "figures/odd%20name%29.svg",
    ]
    assert found.pictures[0].content == curves().alternative
    assert curves().caption in found.words


def test_commands_are_code_that_nothing_can_end():
    lines = ["python -m jaxcmp.main", "```", "# end"]
    assert render(Commands(lines)).code == ["\n".join(lines) + "\n"]


def test_headings_are_in_order_and_a_title_is_not_repeated():
    found = render(claims(), title="What the study said")
    assert found.headings == [("h1", "Which?"), ("h2", "What the study said")]
    assert found.words.count("What the study said") == 1


def test_the_whole_report_has_every_table_and_says_what_it_leaves_out():
    markdown = render_markdown(sample_report())
    found = read(markdown)
    # Facts twice, glance, claims, hostile, two galleries, and what was left out.
    assert len(found.tables) == 8
    assert found.tables[-1][1] == ["runs/vit/3", "not finished"]
    assert "base64" not in markdown
    assert markdown.count("The pictures themselves are in index.html.") == 2
    assert "html_block" not in found.kinds and "html_inline" not in found.kinds
