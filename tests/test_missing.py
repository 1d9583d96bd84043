"""What is not in the report is said at its top, and in full."""

import dataclasses

import pytest
import sample_report

from jaxcmp.compare.document import LeftOut, Report
from jaxcmp.compare.pages.blocks import Ids
from jaxcmp.compare.pages.markdown import render_markdown
from jaxcmp.compare.pages.missing import render_left_out, render_missing
from jaxcmp.compare.pages.page import render_html

FEW = [LeftOut("study/vit/seed-2", "waiting"), LeftOut("study/<b>", "failed: loss & more")]
MANY = [LeftOut(f"study/{i}", "waiting" if i < 8 else "failed: no space") for i in range(9)]


def report(missing: list[LeftOut], **changes) -> Report:
    return dataclasses.replace(sample_report.sample_report(), missing=missing, **changes)


def test_missing_runs_stand_above_everything_else_with_their_reasons():
    page = render_html(report(FEW))
    body = page[page.index("<main") :]
    assert "This study is not complete: 2 of 8 runs are missing." in body
    assert body.index("not complete") < body.index("<h1")
    assert "<li><code>study/vit/seed-2</code>: waiting</li>" in body
    assert "<code>study/&lt;b&gt;</code>: failed: loss &amp; more" in body


def test_many_missing_runs_are_counted_by_reason_and_folded_away():
    found = render_missing(report(MANY), Ids())
    assert "<summary>waiting (8); failed: no space (1)</summary>" in found
    assert found.count("study/") == len(MANY)
    reasons = [LeftOut(f"study/{i}", f"failed: {i}") for i in range(9)]
    assert "; other reasons (4)</summary>" in render_missing(report(reasons), Ids())


def test_a_complete_study_says_nothing_of_it():
    assert render_missing(report([], left_out=[]), Ids()) == ""
    assert "not complete" not in render_html(report([])) + render_markdown(report([]))


@pytest.mark.parametrize(
    ("num", "runs", "sentence"),
    [(1, 6, "1 of 7 runs is missing."), (1, 0, "1 of 1 run is missing."), (0, 6, None)],
)
def test_the_sentence_counts_what_was_planned(num, runs, sentence):
    sources = sample_report.sample_report().runs[:runs]
    said = report(FEW[:num], runs=sources).incomplete
    assert said == (sentence and f"This study is not complete: {sentence}")


def test_folders_that_were_left_out_are_announced_at_the_top_and_listed_at_the_end():
    page = render_html(report([]))
    assert page.index("2 folders were") < page.index("<h1") < page.index('id="left-out"')
    assert 'href="#left-out"' in page
    assert render_left_out(report([], left_out=[]), Ids()) == ""


def test_markdown_says_the_same_and_folds_many_away():
    text = render_markdown(report(FEW))
    assert text.index("2 of 8 runs are missing") < text.index("## ")
    assert "| study/vit/seed-2 | waiting |" in text and "<details>" not in text
    assert render_markdown(report(MANY)).count("<details>") == 1
