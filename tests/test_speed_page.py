"""The page of measured speed: every number from a file, with n, machine, versions and command."""

import json
import re

import bench_records as records
import processes
import pytest
from markdown_it import MarkdownIt

from jaxcmp.bench.record import read_record
from jaxcmp.bench.scale_figure import TITLES
from jaxcmp.bench.speed_page import write

ROOT = processes.ROOT
PAGE = ROOT / "docs/speed.md"
FILES = sorted((ROOT / "docs/speed").glob("*.json"))
# Rows of speed in the README: a model and a precision come first, or what the size is of.
AXES = "|".join(TITLES.values())
MEASURED = re.compile(rf"\| (vit|resnet), (float32|bfloat16) \||\| ({AXES}) \|")

KINDS = {
    "speed": records.measured_speed(),
    "peer": records.measured_peer(),
    "scale": records.measured_scale(),
    "input": records.measured_input(),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs") / "speed"
    folder.mkdir()
    for kind, measured in KINDS.items():
        text = json.dumps(records.record(kind, measured))
        (folder / f"{kind}.json").write_text(text)
    files = [str(folder / f"{kind}.json") for kind in KINDS]
    code, out, err = processes.run(*files, module="jaxcmp.bench.speed_page")
    assert code == 0, err
    assert out == f"{folder}.md\n"
    return folder.with_suffix(".md")


def test_the_page_holds_what_was_measured(page):
    text = page.read_text()
    assert "| vit, float32 | training | 1.05 | 1.01 to 1.07 | 3 | 52.5 | 50.0 | compile |" in text
    assert "| step | 250 ms | p95 300 ms, n=7 |" in text
    assert "| vit, float32, n=7 | 20.0 % |" in text
    assert "| batch size | 32 | 400.0 | 250 ms | 20 MiB | 300 MiB | 7 |" in text
    assert "| batch size | 128 | no memory |" in text
    assert "1,500 JPEG files of 256 x 256 pixels, 24.6 kB each, brought to 224 x 224" in text
    assert "| streamed, 2 cores | 512.0 | 256.0 | 250 ms | 300 ms | 7 |" in text


def test_every_file_is_named_with_commit_command_machine_and_versions(page):
    text = page.read_text()
    for kind in KINDS:
        assert f"[{kind}.json](speed/{kind}.json), 2026-01-02T03:04:05+00:00, 01234567" in text
        assert f"    python -m jaxcmp.bench --config=configs/vit.py {kind}\n" in text
    assert text.count("1 x cpu; A processor, 2 cores; Python 3.11.4, jax 0.10.2") == len(KINDS)
    assert "torch 2.13.0, torchvision 0.27.0" in text


def test_the_page_is_sound_markdown_and_its_figure_is_there(page):
    html = MarkdownIt().enable("table").render(page.read_text())
    assert html.count("<table>") == 5
    assert 'src="speed.svg"' in html
    assert page.with_suffix(".svg").read_text().startswith("<?xml")


def test_the_project_s_own_page_is_made_from_its_files():
    records = {path.name: read_record(path) for path in FILES}
    assert PAGE.read_text() == "\n".join(write(records, "speed")) + "\n"


def test_the_readme_repeats_rows_of_the_page():
    page = PAGE.read_text().splitlines()
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if MEASURED.match(line)]
    assert rows
    assert not [row for row in rows if row not in page]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be used: it is not JSON"),
        ('{"kind": "run"}', "it is no measurement of jaxcmp.bench"),
        ('{"kind": "peer", "schema": 0}', "its schema is 0, this version reads 1"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "x.json"
    file.write_text(text)
    code, _, err = processes.run(str(file), module="jaxcmp.bench.speed_page")
    assert code == 1
    assert err.startswith(f"jaxcmp: {file} ") and message in err
    assert len(err.splitlines()) == 1


def test_without_files_the_command_says_what_it_needs():
    code, _, err = processes.run(module="jaxcmp.bench.speed_page")
    assert (code, err.count("\n")) == (2, 1)
    assert "name the files of measurements, for example docs/speed/*.json" in err


@pytest.mark.parametrize("files", [["a.json"], ["one/a.json", "two/b.json"]])
def test_files_without_a_folder_of_their_own_are_one_line(files):
    code, out, err = processes.run(*files, module="jaxcmp.bench.speed_page")
    assert (code, out) == (2, "")
    assert err.startswith("jaxcmp: the page stands beside the folder of its measurements")
    assert len(err.splitlines()) == 1
