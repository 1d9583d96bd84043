"""The records of a run: in its folder, on the terminal and in TensorBoard."""

import json

import pytest

from jaxcmp.log import Log, Reporter
from jaxcmp.runs import open_run

STEP = {"step": 5, "epoch": 1, "loss": 2.0, "learning_rate": 0.1, "images_per_second": 10.0}
EPOCH = {
    "step": 5,
    "epoch": 1,
    "train_loss": 2.0,
    "test_loss": 2.5,
    "test_accuracy": 0.5,
    "images_per_second": 10.0,
}


def quiet_reporter():
    return Reporter("vit", num_epochs=1, total_steps=5, is_quiet=True)


def test_records_have_their_kind_in_the_run_folder(tmp_path):
    with open_run(tmp_path, {}) as run:
        log = Log(run, quiet_reporter(), None)
        log.step(STEP)
        log.epoch(EPOCH, seconds_left=0)
        log.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"kind": "train", **STEP}, {"kind": "epoch", **EPOCH}]


def test_a_process_without_the_run_folder_writes_nothing(tmp_path):
    log = Log(None, quiet_reporter(), tmp_path / "events")
    log.step(STEP)
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_events_hold_the_same_values(tmp_path):
    pytest.importorskip("tensorboardX", reason="the tensorboard extra is not installed")
    with open_run(tmp_path / "run", {}) as run:
        log = Log(run, quiet_reporter(), tmp_path / "events")
        log.step(STEP)
        log.close()
    (events,) = (tmp_path / "events").iterdir()
    content = events.read_bytes()
    assert b"train/loss" in content and b"train/learning_rate" in content
    assert b"train/step" not in content
