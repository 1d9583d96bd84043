"""Which folders are read as runs, and what is said of the others."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sample_runs import Sample, write_run, write_runs

from jaxcmp.compare.sources import find_runs, read_outcomes
from jaxcmp.errors import CommandError


def test_a_folder_stands_for_itself_or_for_the_runs_below_it(tmp_path):
    folders = write_runs(tmp_path / "runs", Sample("vit"), Sample("resnet"))
    assert find_runs(folders[0]) == [folders[0]]
    assert find_runs(tmp_path) == sorted(folders)
    assert find_runs(tmp_path / "nothing") == [tmp_path / "nothing"]


def test_runs_are_numbered_in_the_order_in_which_they_are_kept(tmp_path):
    folders = write_runs(tmp_path, *(Sample("vit", seed) for seed in (2, 0, 1)))
    outcomes, left_out = read_outcomes([folders[2], folders[0], folders[2], folders[1]])
    assert left_out == []
    assert [(o.number, o.seed, o.folder) for o in outcomes] == [
        (i, seed, str(folders[place])) for i, (place, seed) in enumerate([(2, 1), (0, 2), (1, 0)])
    ]


def test_a_copied_run_counts_once(tmp_path):
    first, second, copy = write_runs(tmp_path, *(Sample("vit", seed) for seed in (0, 1, 0)))
    outcomes, left_out = read_outcomes([first, second, copy])
    assert [o.folder for o in outcomes] == [str(first), str(second)]
    assert [(each.folder, each.reason) for each in left_out] == [
        (str(copy), f"the same run as {first}")
    ]


def test_the_same_seed_of_another_arm_is_no_copy(tmp_path):
    outcomes, left_out = read_outcomes(write_runs(tmp_path, Sample("vit"), Sample("resnet")))
    assert (len(outcomes), left_out) == (2, [])


def test_answers_are_read_with_their_run(tmp_path):
    sample = Sample("vit")
    (outcome,), _ = read_outcomes([write_run(tmp_path / "a", sample)])
    right = outcome.predictions.logits.argmax(axis=1) == outcome.predictions.labels
    assert outcome.test_accuracy == pytest.approx(float(np.mean(right)))


def test_a_seed_trained_twice_counts_once(tmp_path):
    first, again = Sample("vit", device="cpu"), Sample("vit", device="NVIDIA H100")
    outcomes, left_out = read_outcomes(write_runs(tmp_path, first, again))
    assert [outcome.device for outcome in outcomes] == ["cpu"]
    assert [each.reason for each in left_out] == [f"the same run as {outcomes[0].folder}"]


def test_each_reason_is_told_once_and_names_its_folder(tmp_path):
    unfinished = write_run(tmp_path / "a", Sample("vit", is_finished=False))
    whole = write_run(tmp_path / "b", Sample("vit"))
    nothing = tmp_path / "nothing"
    outcomes, left_out = read_outcomes([unfinished, whole, nothing, unfinished])
    assert [outcome.folder for outcome in outcomes] == [str(whole)]
    assert [dataclasses.astuple(each) for each in left_out] == [
        (str(unfinished), "not finished"),
        (str(nothing), "no run folder"),
    ]


@pytest.mark.parametrize("folders", [[], [Path("nowhere")]])
def test_without_a_run_folder_the_command_is_wrong(folders):
    with pytest.raises(CommandError, match="no run folder given or found"):
        read_outcomes(folders)
