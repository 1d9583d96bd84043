"""The comparison as a user runs it, on folders as training leaves them."""

import json
import shutil
from collections.abc import Callable
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


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """Two seeds of two arms; no test changes them."""
    root = tmp_path_factory.mktemp("sound") / "runs"
    for arm in ("vit", "resnet"):
        for seed in (0, 1):
            write_run(root / arm / f"seed-{seed}", Sample(arm, seed))
    return root


@pytest.fixture
def demo(sound: Path, tmp_path: Path) -> Path:
    """A copy of them, to be changed."""
    return Path(shutil.copytree(sound, tmp_path / "runs"))


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


def report_in(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text())


def test_finished_runs_are_compared_and_the_same_ones_make_the_same_report_byte_for_byte(
    sound, tmp_path, capsys
):
    # A folder above the runs stands for all of them, and one that is named twice counts once.
    given = ([sound], sorted(sound.glob("*/*")), [sound, sound / "vit" / ".." / "vit" / "seed-0"])
    outs = [tmp_path / str(i) for i in range(len(given))]
    for folders, out in zip(given, outs, strict=True):
        code, printed, err = compare(capsys, *folders, out=out)
        assert (code, err) == (0, "")
        assert "resnet scored 12.50 points more than vit in test accuracy (2 seeds each:" in printed
        assert "left out" not in printed
        assert printed.endswith(f"report: {out / 'index.html'}")
    first, *others = map(read, outs)
    assert {"index.html", "report.md", "report.json", "figures/accuracy.svg"} <= set(first)
    assert len(report_in(outs[0])["runs"]) == 4
    assert others[1] == first and others[0].keys() == first.keys()
    assert others[0]["index.html"] == first["index.html"]


def damaged_arrays(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with np.load(path) as stored:
            arrays: dict[str, Any] = dict(stored)
        arrays[name] = np.full(3, np.nan, np.float32)
        np.savez(path, **arrays)

    return damage


EMPTY = b'{"config": {"seed": 2}, "file": "", "variant": "", "overrides": {}, "module": ""}'
DAMAGE = {
    "result.json cut off": (runs.RESULT, b'{"test_accuracy":'),
    "result.json almost empty": (runs.RESULT, b'{"schema": 1}'),
    "config.json without an arm": (runs.CONFIG, EMPTY),
    "environment.json empty": (runs.ENVIRONMENT, b""),
    "init.json cut off": (runs.INIT, b'{"schema":'),
    "predictions.npz cut off": (runs.PREDICTIONS, b"PK"),
    "metrics.jsonl without steps": (runs.METRICS, b'{"kind": "epoch"}\n{"kind": "epoch"}\n'),
    "damaged pictures": (runs.PREDICTIONS, damaged_arrays("pictures")),
    "damaged held-out logits": (runs.PREDICTIONS, damaged_arrays("validation_logits")),
    "damaged logits": (runs.PREDICTIONS, damaged_arrays("logits")),
    "predictions.npz missing": (runs.PREDICTIONS, Path.unlink),
    "result.json missing": (runs.RESULT, Path.unlink),
}


def test_damaged_and_unfinished_folders_are_named_and_skipped(demo, tmp_path, capsys):
    sample = Sample("vit", 2, num_validation=10)
    unfinished = write_run(demo / "unfinished", Sample("vit", 2, is_finished=False))
    folders = [write_run(demo / name, sample) for name in DAMAGE]
    for folder, (name, content) in zip(folders, DAMAGE.values(), strict=True):
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)
    # A copy is another folder that counts once.
    copy = Path(shutil.copytree(demo / "vit" / "seed-0", demo / "vit" / "seed-0-copy"))
    code, printed, err = compare(capsys, demo, out=tmp_path / "report")
    assert (code, err) == (0, "")
    assert all(f"left out: {folder}: " in printed for folder in folders)
    report = report_in(tmp_path / "report")
    assert len(report["runs"]) == 4
    reasons = {each["folder"]: each["reason"] for each in report["left_out"]}
    assert reasons.keys() == {str(each) for each in (*folders, unfinished, copy)}
    assert reasons[str(unfinished)] == "not finished"
    assert reasons[str(copy)] == f"the same run as {demo / 'vit' / 'seed-0'}"


def test_without_any_run_folder_the_command_is_wrong(tmp_path, capsys):
    nothing = tmp_path / "nothing"
    for folders, named in (
        ([], ""),
        ([tmp_path], f" in {tmp_path}"),
        ([nothing], f" in {nothing}: it does not exist"),
    ):
        code, printed, err = compare(capsys, *folders, out=tmp_path / "report")
        assert (code, printed) == (2, "") and err.count("\n") == 1
        assert err.startswith(f"jaxcmp: no run folder given or found{named};")
    assert not (tmp_path / "report").exists()


def test_without_a_finished_run_there_is_nothing_to_compare(tmp_path, capsys):
    write_run(tmp_path / "seed-0", Sample("vit", is_finished=False))
    code, printed, err = compare(capsys, tmp_path, out=tmp_path / "report")
    assert (code, err) == (1, "jaxcmp: no finished run to compare\n")
    assert "not finished" in printed and not (tmp_path / "report").exists()


def test_a_report_that_cannot_be_written_is_one_line(sound, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = compare(capsys, sound, out=tmp_path / "file" / "report")
    assert code == 1 and err.startswith("jaxcmp: ") and err.count("\n") == 1
    assert "file/report" in err and "cannot be written: Not a directory" in err


def test_an_earlier_report_is_written_over_and_what_else_lies_there_is_left_alone(
    demo, tmp_path, capsys
):
    out = tmp_path / "report"
    (out / "figures").mkdir(parents=True)
    (out / "figures" / "mine.svg").write_text("mine")
    # One that cannot be read is written over too.
    (out / "report.json").write_text('{"schema":')
    write_run(demo / "part", Sample("vit", config={"data.train_fraction": 0.5}))
    code, _, err = compare(capsys, demo, out=out)
    assert (code, err) == (0, "") and report_in(out)["schema"] == 2
    assert (out / "figures" / "data-size.svg").exists()
    # Without that run, the figure that only the earlier report had goes, and nothing else.
    compare(capsys, demo / "vit", demo / "resnet", out=out)
    assert not (out / "figures" / "data-size.svg").exists()
    assert (out / "figures" / "mine.svg").read_text() == "mine"


def test_runs_on_other_images_become_comparisons_of_their_own(demo, tmp_path, capsys):
    write_run(demo / "other", Sample("vit", 0, num_test=100))
    compare(capsys, demo, out=tmp_path / "report")
    report = report_in(tmp_path / "report")
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
    return page, report_in(out)


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
