"""Folders that are read as runs, and the reasons given for the others."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from sample_runs import Sample, write_run, write_runs

from jaxcmp import runs
from jaxcmp.compare.grouping import group
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.runs.search import find_runs


def test_a_folder_stands_for_itself_or_for_the_runs_below_it(tmp_path):
    folders = write_runs(tmp_path / "runs", Sample("vit"), Sample("resnet"))
    assert find_runs(folders[0]) == {folders[0]: ""}
    assert list(find_runs(tmp_path)) == sorted(folders)
    nothing, empty = tmp_path / "nothing", tmp_path / "empty"
    empty.mkdir()
    assert find_runs(nothing) == {nothing: "no run folder: it does not exist"}
    assert find_runs(empty) == {empty: "no run folder"}


def test_runs_are_numbered_in_the_order_in_which_they_are_kept(tmp_path):
    folders = write_runs(tmp_path, *(Sample("vit", seed) for seed in (2, 0, 1)))
    found, left_out = read_outcomes([folders[2], folders[0], folders[2], folders[1]])
    assert left_out == []
    outcomes = group(found)[0].arms[0].outcomes
    assert [(o.number, o.seed, o.folder) for o in outcomes] == [
        (i, seed, str(folders[place])) for i, (place, seed) in enumerate([(2, 1), (0, 2), (1, 0)])
    ]


def alter(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_copied_run_counts_once_under_whatever_seed_and_device(tmp_path):
    same = (Sample("vit", device="NVIDIA H100"), Sample("vit"))
    first, second, device, seed = write_runs(tmp_path, Sample("vit"), Sample("vit", 1), *same)
    config = json.loads((seed / runs.CONFIG).read_text())["config"]
    alter(seed, runs.CONFIG, config=config | {"seed": 1})
    outcomes, left_out = read_outcomes([first, second, device, seed])
    assert [(o.folder, o.device) for o in outcomes] == [(str(first), "cpu"), (str(second), "cpu")]
    assert [structs.astuple(each) for each in left_out] == [
        (str(copy), f"the same run as {first}") for copy in (device, seed)
    ]


def test_the_same_seed_of_another_arm_or_trained_again_is_no_copy(tmp_path):
    folders = write_runs(tmp_path, Sample("vit"), Sample("resnet"), Sample("vit"))
    for name in (runs.RESULT, runs.COST):
        alter(folders[2], name, images_per_second=999.0)
    outcomes, left_out = read_outcomes(folders)
    assert ([o.folder for o in outcomes], left_out) == (list(map(str, folders)), [])


def test_each_reason_is_told_once_and_names_its_folder(tmp_path):
    unfinished = write_run(tmp_path / "a", Sample("vit", is_finished=False))
    whole = write_run(tmp_path / "b", Sample("vit"))
    nothing = tmp_path / "nothing"
    outcomes, left_out = read_outcomes([unfinished, whole, nothing, unfinished])
    assert [outcome.folder for outcome in outcomes] == [str(whole)]
    assert [structs.astuple(each) for each in left_out] == [
        (str(unfinished), "not finished"),
        (str(nothing), "no run folder: it does not exist"),
    ]


def test_links_are_followed_once_and_loops_end(tmp_path):
    (folder,) = write_runs(tmp_path / "elsewhere", Sample("vit"))
    root = tmp_path / "runs"
    root.mkdir()
    (root / "vit").symlink_to(folder)
    (root / "again").symlink_to(tmp_path / "elsewhere")
    (root / "up").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    outcomes, left_out = read_outcomes([root])
    assert len(outcomes) == 1
    assert [(each.folder, each.reason) for each in left_out] == [
        (str(root / "itself"), "it cannot be read: Too many levels of symbolic links")
    ]


def test_a_run_inside_a_run_folder_is_a_run_too(tmp_path):
    outer = write_run(tmp_path / "vit", Sample("vit", 0))
    inner = write_run(outer / "seed-1", Sample("vit", 1))
    outcomes, _ = read_outcomes([outer])
    assert [o.folder for o in outcomes] == [str(outer), str(inner)]


@pytest.fixture
def closed():
    """Runs of which one folder, and one file each of two others, may not be read.

    Root may read everything: as somebody else, permissions count. Every user may enter the folder
    above, unlike pytest's own.
    """
    with tempfile.TemporaryDirectory() as name:
        root, is_root = Path(name), os.geteuid() == 0
        root.chmod(0o755)
        write_runs(root, *(Sample("vit", seed) for seed in range(4)))
        for closed in ("0-vit-0", f"1-vit-1/{runs.METRICS}", f"2-vit-2/{runs.PREDICTIONS}"):
            (root / closed).chmod(0)
        if is_root:
            os.seteuid(12345)
        yield root
        if is_root:
            os.seteuid(0)


def test_what_may_not_be_read_is_named_and_not_taken_for_empty(closed):
    outcomes, left_out = read_outcomes([closed])
    assert [outcome.seed for outcome in outcomes] == [3]
    assert [(Path(each.folder).name, each.reason) for each in left_out] == [
        ("0-vit-0", "it cannot be read: Permission denied"),
        ("1-vit-1", f"{closed}/1-vit-1/metrics.jsonl cannot be used: Permission denied"),
        ("2-vit-2", f"{closed}/2-vit-2/predictions.npz cannot be used: Permission denied"),
    ]
    given, _ = read_outcomes([closed / "3-vit-3", closed / "0-vit-0"])
    assert len(given) == 1


@pytest.mark.parametrize("name", [runs.CONFIG, runs.RESULT, runs.METRICS, runs.PREDICTIONS])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_nobody_waits_for_it(tmp_path, name, make):
    folder = write_run(tmp_path / "a", Sample("vit", 0))
    write_run(tmp_path / "b", Sample("vit", 1))
    (folder / name).unlink()
    make(folder / name)
    outcomes, left_out = read_outcomes([tmp_path])
    assert [outcome.seed for outcome in outcomes] == [1]
    assert f"{name} cannot be used: it is a " in left_out[0].reason


def test_a_folder_whose_name_is_no_text_is_named_with_its_bytes(tmp_path):
    folder = write_run(Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff")), Sample("vit"))
    (outcome,), _ = read_outcomes([folder])
    assert outcome.folder == f"{tmp_path}/odd\\xff" and outcome.folder.encode()
