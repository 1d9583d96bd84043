"""The comparison as a user runs it, on folders as training leaves them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_runs import Sample, write_run

from jaxcmp import runs
from jaxcmp.compare.__main__ import compare as run_comparison
from jaxcmp.compare.__main__ import main
from jaxcmp.compare.document import LeftOut
from jaxcmp.text import PlainConsole


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    for arm in ("vit", "resnet"):
        for seed in (0, 1):
            write_run(root / arm / f"seed-{seed}", Sample(arm, seed))
    return root


def compare(capsys: pytest.CaptureFixture[str], *folders: Path, out: Path) -> tuple[int, str, str]:
    code = main([*(str(folder) for folder in folders), f"--out={out}"])
    captured = capsys.readouterr()
    # Where lines break depends on how long the folder's name is.
    return code, " ".join(captured.out.split()), captured.err


def read(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_finished_runs_are_compared_and_the_report_is_named(demo, tmp_path, capsys):
    out = tmp_path / "report"
    code, printed, err = compare(capsys, *sorted(demo.glob("*/*")), out=out)
    assert (code, err) == (0, "")
    assert "resnet scored 12.50 points more than vit in test accuracy (2 seeds each:" in printed
    assert "left out" not in printed
    assert printed.endswith(f"report: {out / 'index.html'}")
    assert {"index.html", "report.md", "report.json", "figures/accuracy.svg"} <= set(read(out))


def test_a_folder_above_the_runs_stands_for_all_of_them(demo, tmp_path, capsys):
    compare(capsys, demo, out=tmp_path / "one")
    compare(capsys, *sorted(demo.glob("*/*")), out=tmp_path / "two")
    assert set(read(tmp_path / "one")) == set(read(tmp_path / "two"))
    assert read(tmp_path / "one")["index.html"] == read(tmp_path / "two")["index.html"]


def test_the_same_runs_make_the_same_report_byte_for_byte(demo, tmp_path, capsys):
    for name in ("one", "two"):
        compare(capsys, demo, out=tmp_path / name)
    assert read(tmp_path / "one") == read(tmp_path / "two")


def test_a_run_named_twice_or_copied_counts_once(demo, tmp_path, capsys):
    out = tmp_path / "report"
    once = compare(capsys, demo, out=out)
    assert compare(capsys, demo, demo / "vit" / ".." / "vit" / "seed-0", out=out) == once
    copy = demo / "vit" / "seed-0-copy"
    shutil.copytree(demo / "vit" / "seed-0", copy)
    code, printed, _ = compare(capsys, demo, out=out)
    assert code == 0
    assert f"left out: {copy}: the same run as {demo / 'vit' / 'seed-0'}" in printed
    assert len(json.loads((out / "report.json").read_text())["runs"]) == 4


def test_unfinished_runs_are_listed_and_left_out(demo, tmp_path, capsys):
    folder = write_run(demo / "vit" / "seed-2", Sample("vit", 2, is_finished=False))
    code, printed, _ = compare(capsys, demo, out=tmp_path / "report")
    assert code == 0 and f"left out: {folder}: not finished" in printed
    left_out = json.loads((tmp_path / "report" / "report.json").read_text())["left_out"]
    assert left_out == [{"folder": str(folder), "reason": "not finished"}]


DAMAGE = {
    "result.json cut off": (runs.RESULT, b'{"test_accuracy":'),
    "result.json of another kind": (runs.RESULT, b"[]"),
    "result.json without an accuracy": (runs.RESULT, b'{"num_test": 200, "test_accuracy": null}'),
    "result.json almost empty": (runs.RESULT, b'{"schema": 1}'),
    "config.json without an arm": (
        runs.CONFIG,
        b'{"config": {"seed": 2}, "file": "", "variant": "", "overrides": {}, "module": ""}',
    ),
    "environment.json empty": (runs.ENVIRONMENT, b""),
    "predictions.npz cut off": (runs.PREDICTIONS, b"PK"),
    "metrics.jsonl without steps": (runs.METRICS, b'{"kind": "epoch"}\n{"kind": "epoch"}\n'),
}


EPOCH = {"kind": "epoch", "step": 390, "epoch": 1, "train_loss": 1.0, "test_loss": 1.0}
EPOCH |= {"train_accuracy_mixed": 0.5, "learning_rate": 0.1, "seconds": 9.0}
DAMAGE["metrics.jsonl without an accuracy"] = (runs.METRICS, json.dumps(EPOCH).encode())
DAMAGE["metrics.jsonl with an accuracy that is no number"] = (
    runs.METRICS,
    json.dumps(EPOCH | {"test_accuracy": None}).encode(),
)


@pytest.mark.parametrize(("name", "content"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_named_and_skipped(demo, tmp_path, capsys, name, content):
    folder = write_run(demo / "vit" / "seed-2", Sample("vit", 2))
    (folder / name).write_bytes(content)
    code, printed, err = compare(capsys, demo, out=tmp_path / "report")
    assert (code, err) == (0, "") and f"left out: {folder}: " in printed
    assert len(json.loads((tmp_path / "report" / "report.json").read_text())["runs"]) == 4


@pytest.mark.parametrize("name", ["pictures", "validation_logits", "logits"])
def test_damaged_arrays_are_named_and_the_folder_skipped(demo, tmp_path, capsys, name):
    folder = write_run(demo / "vit" / "seed-2", Sample("vit", 2, num_validation=10))
    with np.load(folder / runs.PREDICTIONS) as stored:
        arrays: dict[str, Any] = dict(stored)
    arrays[name] = np.full(3, np.nan, np.float32)
    np.savez(folder / runs.PREDICTIONS, **arrays)
    code, printed, err = compare(capsys, demo, out=tmp_path / "report")
    assert (code, err) == (0, "") and f"left out: {folder}: " in printed


def test_answers_that_are_not_finite_are_no_answers(demo, tmp_path, capsys):
    folder = write_run(demo / "vit" / "seed-2", Sample("vit", 2))
    with np.load(folder / runs.PREDICTIONS) as stored:
        arrays: dict[str, Any] = dict(stored)
    arrays["logits"][3, 1] = np.nan
    np.savez(folder / runs.PREDICTIONS, **arrays)
    _, printed, _ = compare(capsys, demo, out=tmp_path / "report")
    assert "predictions.npz cannot be used: a logit is not finite" in printed


@pytest.mark.parametrize(
    "name", [runs.ENVIRONMENT, runs.COST, runs.METRICS, runs.PREDICTIONS, runs.RESULT]
)
def test_a_missing_file_takes_away_what_it_held_and_nothing_else(demo, tmp_path, capsys, name):
    (demo / "vit" / "seed-0" / name).unlink()
    code, _, err = compare(capsys, demo, out=tmp_path / "report")
    assert (code, err) == (0, "")


def test_a_folder_that_is_no_run_is_named_beside_those_that_are(demo, tmp_path, capsys):
    code, printed, _ = compare(capsys, demo, demo / "nothing", out=tmp_path / "report")
    assert code == 0 and f"left out: {demo / 'nothing'}: no run folder" in printed


def test_without_any_run_folder_the_command_is_wrong(tmp_path, capsys):
    for folders in ([], [tmp_path], [tmp_path / "nothing"]):
        code, printed, err = compare(capsys, *folders, out=tmp_path / "report")
        assert (code, printed) == (2, "")
        assert err.startswith("jaxcmp: no run folder given or found") and err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_without_a_finished_run_there_is_nothing_to_compare(tmp_path, capsys):
    write_run(tmp_path / "seed-0", Sample("vit", is_finished=False))
    code, printed, err = compare(capsys, tmp_path, out=tmp_path / "report")
    assert (code, err) == (1, "jaxcmp: no finished run to compare\n")
    assert "not finished" in printed and not (tmp_path / "report").exists()


def test_a_report_that_cannot_be_written_is_one_line(demo, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = compare(capsys, demo, out=tmp_path / "file" / "report")
    assert code == 1 and err.startswith("jaxcmp: ") and "cannot be written" in err
    assert err.count("\n") == 1


def test_what_else_lies_in_the_folder_is_left_alone(demo, tmp_path, capsys):
    out = tmp_path / "report"
    (out / "figures").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "figures" / "mine.svg").write_text("mine")
    write_run(demo / "part", Sample("vit", config={"data.train_fraction": 0.5}))
    compare(capsys, demo, out=out)
    assert (out / "figures" / "data-size.svg").exists()
    # Without that run, the figure that only the earlier report had goes, and nothing else.
    compare(capsys, demo / "vit", demo / "resnet", out=out)
    assert not (out / "figures" / "data-size.svg").exists()
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "figures" / "mine.svg").read_text() == "mine"


def test_an_earlier_report_that_cannot_be_read_is_written_over(demo, tmp_path, capsys):
    out = tmp_path / "report"
    out.mkdir()
    (out / "report.json").write_text('{"schema":')
    code, _, err = compare(capsys, demo, out=out)
    assert (code, err) == (0, "") and json.loads((out / "report.json").read_text())["schema"] == 2


def test_runs_on_other_images_become_comparisons_of_their_own(demo, tmp_path, capsys):
    write_run(demo / "other", Sample("vit", 0, num_test=100))
    compare(capsys, demo, out=tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    found = {each["data"]: len(each["arms"]) for each in report["comparisons"]}
    assert found == {"cifar10 (num_test=200)": 2, "cifar10 (num_test=100)": 1}
    names = [
        block["name"]
        for comparison in report["comparisons"]
        for section in comparison["sections"]
        for block in section["blocks"] + section["details"]
        if block["kind"] == "figure"
    ]
    assert len(set(names)) == len(names)


def study(folders: list[Path], out: Path, missing: list[LeftOut]) -> tuple[Path, dict[str, Any]]:
    page = run_comparison(folders, out, PlainConsole(quiet=True), missing)
    return page, json.loads((out / "report.json").read_text())


def test_a_study_tells_the_report_which_of_its_runs_are_missing(demo, tmp_path):
    unfinished = write_run(demo / "vit" / "seed-2", Sample("vit", 2, is_finished=False))
    missing = [LeftOut(str(unfinished), "running"), LeftOut("runs/vit/seed-3", "waiting")]
    page, report = study([demo], tmp_path / "report", missing)
    assert page == tmp_path / "report" / "index.html"
    assert "This study is not complete: 2 of 6 runs are missing." in page.read_text()
    assert [each["reason"] for each in report["missing"]] == ["running", "waiting"]
    # What is missing is not left out as well.
    assert report["left_out"] == []


def test_a_study_none_of_whose_runs_is_finished_has_a_report_too(tmp_path):
    page, report = study([], tmp_path / "report", [LeftOut("runs/vit/seed-0", "failed")])
    assert report["comparisons"] == []
    assert "1 of 1 run is missing" in page.read_text()
