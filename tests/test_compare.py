"""The comparison as a user runs it, on folders as training leaves them."""

import shutil
from pathlib import Path

import pytest

from jaxcmp import runs
from jaxcmp.compare.__main__ import main


def write_run(folder: Path, arm: str, seed: int, accuracy: float | None) -> Path:
    """A run folder, finished where an accuracy is given."""
    config = {
        "arm": arm,
        "seed": seed,
        "model": {"name": arm},
        "data": {"name": "digits", "dir": "", "manual_dir": ""},
    }
    writer = runs.open_run(folder, config, [])
    data = {"name": "digits", "version": "1.0.0"}
    writer.write_json(runs.ENVIRONMENT, {"device": "cpu", "device_count": 1, "data": data})
    if accuracy is not None:
        result = {"test_accuracy": accuracy, "num_test": 359, "train_seconds": 20.0}
        writer.finish({**result, "parameters": 137_098, "multiply_adds": 2_000_000})
    writer.close()
    return folder


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    for arm, accuracies in (("vit", (0.96, 0.97)), ("resnet", (0.98, 0.99))):
        for seed, accuracy in enumerate(accuracies):
            write_run(tmp_path / arm / f"seed-{seed}", arm, seed, accuracy)
    return tmp_path


def compare(capsys: pytest.CaptureFixture[str], *folders: Path) -> tuple[int, str, str]:
    code = main([str(folder) for folder in folders])
    captured = capsys.readouterr()
    # Where lines break depends on how long the folder's name is.
    return code, " ".join(captured.out.split()), captured.err


def test_finished_runs_are_compared(demo, capsys):
    code, out, err = compare(capsys, *sorted(demo.glob("*/*")))
    assert (code, err) == (0, "")
    assert "vit 96.50 ± 6.35 2 137,098 2,000,000 20 s cpu" in out
    assert "resnet is ahead of vit by 2.00 points (2 seeds each;" in out
    assert "left out" not in out


def test_a_folder_above_the_runs_stands_for_all_of_them(demo, capsys):
    assert compare(capsys, demo) == compare(capsys, *sorted(demo.glob("*/*")))


def test_a_run_named_twice_or_copied_counts_once(demo, capsys):
    once = compare(capsys, demo)
    assert compare(capsys, demo, demo / "vit" / ".." / "vit" / "seed-0") == once
    copy = demo / "vit" / "seed-0-copy"
    shutil.copytree(demo / "vit" / "seed-0", copy)
    code, out, _ = compare(capsys, demo)
    assert code == 0 and "vit 96.50 ± 6.35 2" in out
    assert f"left out: {copy}: the same run as {demo / 'vit' / 'seed-0'}" in out


def test_unfinished_runs_are_listed_and_left_out(demo, capsys):
    folder = write_run(demo / "vit" / "seed-2", "vit", 2, None)
    code, out, _ = compare(capsys, demo)
    assert code == 0 and f"left out: {folder}: not finished" in out
    assert "vit 96.50 ± 6.35 2" in out


@pytest.mark.parametrize(
    "content",
    ['{"test_accuracy":', '{"schema": 1}', '{"num_test": 9, "test_accuracy": null}', "[]"],
)
def test_a_damaged_folder_is_named_and_skipped(demo, capsys, content):
    folder = write_run(demo / "vit" / "seed-2", "vit", 2, 0.5)
    (folder / runs.RESULT).write_text(content)
    code, out, _ = compare(capsys, demo)
    assert code == 0 and f"left out: {folder}: " in out
    assert "vit 96.50 ± 6.35 2" in out


def test_a_folder_that_is_no_run_is_named_beside_those_that_are(demo, capsys):
    code, out, _ = compare(capsys, demo, demo / "nothing")
    assert code == 0 and f"left out: {demo / 'nothing'}: no run folder" in out


def test_without_any_run_folder_the_command_is_wrong(tmp_path, capsys):
    for folders in ([], [tmp_path], [tmp_path / "nothing"]):
        code, out, err = compare(capsys, *folders)
        assert (code, out) == (2, "")
        assert err.startswith("jaxcmp: no run folder given or found") and err.count("\n") == 1


def test_without_a_finished_run_there_is_nothing_to_compare(tmp_path, capsys):
    write_run(tmp_path / "seed-0", "vit", 0, None)
    code, out, err = compare(capsys, tmp_path)
    assert (code, err) == (1, "jaxcmp: no finished run to compare\n")
    assert "not finished" in out
