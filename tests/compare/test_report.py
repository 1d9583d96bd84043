"""The report as a whole: its parts, its files, and that the pages need nothing but report.json."""

import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sample_runs
import sections
from sample_runs import TWO_SEEDS_EACH, Sample

from jaxcmp.compare.document import Figure, Finding, LeftOut, Report, from_json
from jaxcmp.compare.pages.markdown import render_markdown
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report import PAGE, build, first_findings, write_report

ROOT = Path(__file__).parent.parent.parent
SECTIONS = [
    "All results",
    "Training curves",
    "Cost",
    "Classes",
    "The same images",
    "Size and speed",
    "Calibration",
    "How this was measured",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    groups = sample_runs.make_groups(tmp_path_factory.mktemp("runs"), *TWO_SEEDS_EACH)
    return build(groups, [LeftOut("runs/broken", "not finished")])


@pytest.fixture(scope="module")
def written(report, tmp_path_factory) -> Path:
    return write_report(report, tmp_path_factory.mktemp("report")).parent


def test_a_comparison_has_its_sections_in_order(report):
    (comparison,) = report.comparisons
    assert [section.title for section in comparison.sections] == SECTIONS
    assert comparison.arms == ["resnet", "vit"]
    assert comparison.title == "resnet or vit?"
    assert not sections.has_table(comparison.sections[0], "Every pair")
    assert comparison.verdict[0].startswith("resnet scored 12.50 points more than vit ")
    assert comparison.opening is not None and comparison.tradeoff is not None
    named = {each.section for each in comparison.findings}
    assert 1 <= len(comparison.findings) <= 5
    assert named <= {section.id for section in comparison.sections}
    # What has no data is a question with a command, and no section.
    texts = " ".join(each.text for each in comparison.more)
    assert all(word in texts for word in ("Model or recipe", "Less data", "Pretraining"))
    assert all(each.command.startswith("python -m jaxcmp.") for each in comparison.more)


def test_each_section_has_a_finding_on_the_first_screen_before_any_has_two():
    one, two, three, four = (
        [Finding(f"{name}{i}.", name, name) for i in range(num)]
        for name, num in (("a", 1), ("b", 3), ("c", 1), ("d", 1))
    )
    assert first_findings([one, two, [], three, four]) == [*one, *two[:2], *three, *four]
    assert first_findings([one] * 7) == one * 5


def test_what_is_folded_has_a_title_of_six_words_at_most(report):
    (comparison,) = report.comparisons
    folded = {each.title: each.folded for each in comparison.sections if each.details}
    assert len(folded) == 7
    assert all(1 <= len(words.split()) <= 6 for words in folded.values()), folded


def test_every_run_is_a_source_and_every_reference_is_to_a_run(report):
    assert [(source.arm, source.seed) for source in report.runs] == [
        ("vit", 0),
        ("vit", 1),
        ("resnet", 0),
        ("resnet", 1),
    ]
    assert len({source.config_hash for source in report.runs}) == 4
    assert sorted(report.comparisons[0].runs) == [0, 1, 2, 3]


def test_the_pages_are_made_from_report_json_alone(written):
    stored = from_json((written / "report.json").read_bytes())
    assert (written / "index.html").read_text() == render_html(stored)
    assert (written / "report.md").read_text() == render_markdown(stored)


def test_every_figure_has_its_file_and_no_other_is_left(report, written):
    names = {"accuracy.svg"} | {
        f"{block.name}.svg"
        for section in report.comparisons[0].sections
        for block in sections.parts(section)
        if isinstance(block, Figure)
    }
    assert set(os.listdir(written / "figures")) == names
    assert sorted(os.listdir(written)) == ["figures", "index.html", "report.json", "report.md"]


SMALL = {
    "one arm": [Sample("vit")],
    "one run each": [Sample("vit"), Sample("resnet")],
    "one image": [Sample("vit", num_test=1), Sample("resnet", num_test=1)],
    "one class": [Sample(arm, num_test=5, class_names=("only",)) for arm in ("vit", "resnet")],
    "one epoch": [Sample(arm, num_epochs=1) for arm in ("vit", "resnet")],
}


@pytest.mark.parametrize("samples", SMALL.values(), ids=SMALL)
def test_the_least_that_can_be_compared_makes_a_whole_report_too(tmp_path, samples):
    report = build(sample_runs.make_groups(tmp_path / "runs", *samples), [])
    titles = [section.title for section in report.comparisons[0].sections]
    assert [title for title in SECTIONS if title in titles] == titles
    assert write_report(report, tmp_path / "report").stat().st_size > 10_000


def test_more_arms_than_colours_find_their_place(tmp_path):
    samples = [Sample("vit", config={"batch_size": 128 * (arm + 1)}) for arm in range(9)]
    report = build(sample_runs.make_groups(tmp_path / "runs", *samples), [])
    (comparison,) = report.comparisons
    assert len(comparison.arms) == 9
    assert len(sections.table(comparison.sections[0], "Every pair").rows) == 9 * 8 / 2
    render_html(report)


def test_forty_runs_of_ten_thousand_answers_take_a_minute_and_two_gigabytes_at_most(tmp_path):
    samples = [
        Sample(arm, seed, num_test=10_000, num_validation=1_000)
        for arm in ("vit", "resnet")
        for seed in range(20)
    ]
    sample_runs.write_runs(tmp_path / "runs", *samples)
    code = (
        "import sys, time\n"
        "from jaxcmp.runtime import host_memory\n"
        "from jaxcmp.compare.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, time.process_time(), host_memory.peak_bytes(), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, tmp_path / "runs", f"--out={tmp_path / 'report'}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    exit_code, seconds, num_bytes = map(float, done.stderr.split())
    # Seconds of the processor: a busy machine is no fault of the report.
    assert exit_code == 0 and seconds < 60 and num_bytes < 2e9


def test_reports_written_at_once_into_one_folder_are_each_whole(tmp_path):
    out = tmp_path / "report"
    reports = [Report([], [], [LeftOut(name * 50, "no run folder")]) for name in "abcdef"]
    with concurrent.futures.ThreadPoolExecutor(len(reports)) as pool:
        list(pool.map(lambda each: write_report(each, out), reports))
    stored = json.loads((out / "report.json").read_text())
    (left_out,) = stored["left_out"]
    # All files are of one report, and nothing else is left.
    assert all(left_out["folder"] in (out / name).read_text() for name in ("report.md", PAGE))
    assert sorted(os.listdir(out)) == ["figures", PAGE, "report.json", "report.md"]
