"""Whole streamed runs: interrupted, damaged, and equal to resident ones."""

import os
from pathlib import Path

import numpy as np
import processes
import pytest
from test_train import assert_same_end
from tiny_tfds import examples, image_features, make

from jaxcmp.runs import read_run

STREAM = "--config.data.placement=stream"


def test_a_streamed_run_stopped_within_an_epoch_ends_where_a_resident_one_ends(unbroken, tmp_path):
    folder = tmp_path / "run"
    out, err = processes.interrupt(folder, 15, STREAM)
    assert "images streamed, as data.placement says: 115.0 kB\n" in out
    *read, stopped = err.splitlines()
    starts = [f"Reading labels and pixel sums of {num} images" for num in (1438, 359)]
    assert [line.partition(" of digits")[0] for line in read] == starts
    assert stopped.startswith("jaxcmp: stopped after step ")
    assert 11 < processes.final_arrays(folder)[0] < 44
    processes.train(folder, STREAM)
    assert_same_end(folder, unbroken)
    # Where images lie is noted, and is no part of the recipe.
    described = read_run(folder).environment["data"]
    assert (
        described["placement"] == "stream" and "as data.placement" in described["placement_reason"]
    )
    assert read_run(unbroken).environment["data"]["placement"] == "device"


@pytest.fixture
def prepared(tmp_path):
    """Returns the arguments of a run on a tiny set, and the file of its training images."""
    shape = (8, 8, 3)
    splits = {"train": examples(0, 1000, shape=shape), "test": examples(1, 30, shape=shape)}
    builder = make(image_features(shape), splits, data_dir=tmp_path / "data")
    (path,) = Path(builder.data_dir).glob("*-train.array_record*")
    arguments = [
        *processes.TINY,
        STREAM,
        "--config.data.name=tiny",
        f"--config.data.dir={tmp_path / 'data'}",
        "--config.num_epochs=100",
    ]
    return arguments, path


def test_a_file_that_is_cut_while_a_run_reads_it_ends_the_run_in_one_line(prepared, tmp_path):
    arguments, path = prepared
    options = {"JAXCMP_CACHE": str(tmp_path / "cache")}
    run = tmp_path / "run"
    process = processes.start(*arguments, f"--workdir={run}", **options)
    processes.wait_for_lines(run / "metrics.jsonl", 3, process)
    os.truncate(path, path.stat().st_size // 2)
    code, _, err = processes.finish(process)
    assert code == 1, err
    lines = [line for line in err.splitlines() if line.startswith("jaxcmp: ")]
    assert len(lines) == 1 and "split train in" in lines[0] and "cannot be read" in lines[0]
    assert "Traceback" not in err


def test_processes_read_their_own_rows_and_train_as_one(unbroken, tmp_path):
    expected = [record["loss"] for record in read_run(unbroken).metrics if "loss" in record][:20]
    pair = processes.start_together(2, *processes.TINY, STREAM, f"--workdir={tmp_path / 'two'}")
    for process in pair:
        code, _, err = processes.finish(process)
        assert code == 0, err
    losses = [r["loss"] for r in read_run(tmp_path / "two").metrics if "loss" in r][:20]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)
