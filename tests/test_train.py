"""Whole runs: their files, and the same end after any interruption."""

import dataclasses
import json
import math
import random
import re
from typing import Any

import numpy as np
import processes
import pytest
import sample_data

from jaxcmp import predict
from jaxcmp.checkpoint.folder import complete_steps, identify
from jaxcmp.runs import read_run
from jaxcmp.runtime.environment import cpu_model
from jaxcmp.train import Session


def assert_same_end(folder, other):
    (step, arrays), (other_step, other_arrays) = (
        processes.final_arrays(folder),
        processes.final_arrays(other),
    )
    assert step == other_step == 44
    assert arrays.keys() == other_arrays.keys()
    assert any(name.startswith("opt_state") for name in arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name], err_msg=name)
    assert processes.values(folder) == processes.values(other)
    assert (
        read_run(folder).load_predictions().test.logits.tobytes()
        == read_run(other).load_predictions().test.logits.tobytes()
    )


def test_a_finished_run_has_all_files_that_readers_need(unbroken):
    run = read_run(unbroken)
    assert run.is_finished
    names = {path.name for path in unbroken.iterdir()} - {".lock"}
    assert names == {
        "config.json",
        "environment.json",
        "cost.json",
        "metrics.jsonl",
        "predictions.npz",
        "checkpoints",
        "result.json",
    }
    assert run.config["model"]["width"] == 16
    assert run.given.words()[0] == "--config=configs/vit.py:digits"
    assert run.given.overrides["model.width"] == "16"
    assert run.environment["data"]["num_test"] == 359
    assert run.cost["parameters"]["total"] == sum(run.cost["parameters"]["components"].values())
    assert run.cost["compile_seconds"]["train_step"] > 0
    epochs = [record for record in run.metrics if record["kind"] == "epoch"]
    assert [record["epoch"] for record in epochs] == [1, 2, 3, 4]
    assert set(epochs[0]) == {
        "kind",
        "step",
        "epoch",
        "train_loss",
        "train_accuracy_mixed",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "learning_rate",
        "gradient_norm",
        "parameter_norm",
        "images_per_second",
        "seconds",
    }


def test_a_run_prints_what_it_trains_and_then_its_result(tmp_path):
    folder = tmp_path / "vit" / "seed-0"
    out = processes.train(folder)
    (first, *lines), run = out.splitlines(), read_run(folder)
    assert first == "vit, seed 0: loading JAX and the images"
    parameters = run.cost["parameters"]["total"]
    host = f"{cpu_model()} with {run.environment['host_cores']} cores and "
    start = f"vit, seed 0: {parameters:,} parameters, float32, on {host}"
    assert re.fullmatch(re.escape(start) + r"\d+ GiB", lines[0])
    assert lines[1] == "4 epochs of 11 steps, 44 in all, each of 128 images"
    assert lines[2] == f"written to {folder}"
    compiling = lines.index("compiling the training step and the evaluation")
    assert lines[compiling + 1].startswith("compiled in ")
    assert lines[compiling + 2].startswith("epoch 1/4  loss ")
    accuracy = f"{run.result['test_accuracy']:.2%}"
    assert lines[-2].startswith(f"finished: test accuracy {accuracy} of 359 images")
    assert lines[-1] == f"compare runs: python -m jaxcmp.compare {tmp_path} --out=report"


def test_an_epochs_train_loss_is_the_mean_of_its_steps(unbroken):
    metrics = read_run(unbroken).metrics
    for epoch in (1, 4):
        losses = [r["loss"] for r in metrics if r["kind"] == "train" and r["epoch"] == epoch]
        record = next(r for r in metrics if r["kind"] == "epoch" and r["epoch"] == epoch)
        assert len(losses) == 11
        assert record["train_loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_clean_training_accuracy_is_that_of_the_saved_model_on_training_images(unbroken):
    last = [r for r in read_run(unbroken).metrics if r["kind"] == "epoch"][-1]
    train = sample_data.load("digits").train
    # A sample of 5,000 images, of 1,438, is all of them.
    answers = predict.restore(unbroken).predict(np.asarray(train.images)).argmax(axis=1)
    assert last["train_accuracy"] == np.mean(answers == train.labels) != last["test_accuracy"]


def test_a_run_without_clean_training_accuracy_trains_the_same_weights(unbroken, tmp_path):
    off = "--config.log.train_accuracy_images=0"
    processes.train(tmp_path / "run", off)
    assert not any("train_accuracy" in record for record in read_run(tmp_path / "run").metrics)
    arrays, others = (processes.final_arrays(each)[1] for each in (tmp_path / "run", unbroken))
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


def test_evaluating_less_often_changes_no_weight_and_counts_every_step(unbroken, tmp_path):
    often, seldom = read_run(unbroken), tmp_path / "run"
    every = "--config.eval_every_epochs=3"
    processes.train(seldom, every)
    run = read_run(seldom)
    assert [r["epoch"] for r in run.metrics if r["kind"] == "epoch"] == [3, 4]
    for name in ("test_loss", "test_accuracy", "steps"):
        assert run.result[name] == often.result[name]
    epochs = [r for r in run.metrics if r["kind"] == "epoch"]
    images = [r["seconds"] * r["images_per_second"] for r in epochs]
    assert images == pytest.approx([33 * 128, 11 * 128])


def test_the_seconds_of_an_epoch_begin_after_the_last_evaluation_on_record(unbroken):
    # A run may go on with another number of epochs between evaluations.
    nothing: Any = None
    session = Session(nothing, nothing, nothing, nothing, unbroken)
    assert [session._last_evaluation(step) for step in (0, 10, 11, 21, 22, 44)] == [
        0,
        0,
        1,
        1,
        2,
        4,
    ]


def test_a_finished_run_is_left_alone(unbroken):
    before = {path: path.stat().st_mtime_ns for path in unbroken.glob("*.json*")}
    code, out, _ = processes.run(*processes.TINY, f"--workdir={unbroken}")
    assert code == 0
    assert "is finished already" in out
    assert {path: path.stat().st_mtime_ns for path in unbroken.glob("*.json*")} == before


def test_an_interrupted_run_ends_where_an_unbroken_run_ends(unbroken, tmp_path):
    folder = tmp_path / "run"
    # Within the second epoch: eleven steps and the first epoch's record, then some.
    _, err = processes.interrupt(folder, 15)
    stopped = processes.final_arrays(folder)[0]
    assert 11 < stopped < 44
    assert f"stopped after step {stopped}" in err
    out = processes.train(folder)
    assert f"going on after step {stopped} of 44" in out
    assert_same_end(folder, unbroken)


def test_a_run_in_float16_and_groups_of_steps_may_be_interrupted_too(tmp_path):
    options = ("compute_dtype=float16", "log.every_steps=0", "steps_per_dispatch=4")
    grouped = [*processes.TINY, *(f"--config.{option}" for option in options)]
    processes.train(tmp_path / "whole", base=grouped)
    processes.interrupt(tmp_path / "parts", 2, base=grouped)
    stopped = processes.final_arrays(tmp_path / "parts")[0]
    # Eleven steps of an epoch are two groups of four and three single ones.
    assert stopped % 11 in (0, 4, 8, 9, 10)
    processes.train(tmp_path / "parts", base=grouped)
    assert_same_end(tmp_path / "parts", tmp_path / "whole")
    arrays = processes.final_arrays(tmp_path / "parts")[1]
    assert arrays["loss_scale/good_steps"] == 44


def test_a_run_killed_at_random_moments_ends_where_an_unbroken_run_ends(unbroken, tmp_path):
    folder = tmp_path / "run"
    moments = random.Random(0)
    lines = 0
    for _ in range(4):
        process = processes.start(*processes.TINY, f"--workdir={folder}")
        lines += moments.randint(1, 16)
        processes.wait_for_lines(folder / "metrics.jsonl", lines, process)
        process.kill()
        processes.finish(process)
        text = (folder / "metrics.jsonl").read_text()
        lines = text.count("\n")
    processes.train(folder)
    assert_same_end(folder, unbroken)


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(tmp_path):
    code, _, err = processes.run(
        *processes.TINY,
        f"--workdir={tmp_path / 'run'}",
        "--config.schedule.peak_learning_rate=1e38",
    )
    assert code == 1
    assert err.startswith("jaxcmp: the loss or the weights are not finite at step ")
    assert "checkpoint" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run" / "result.json").exists()


def test_non_finite_weights_after_the_last_step_give_no_result(tmp_path):
    code, _, err = processes.run(
        *processes.TINY,
        f"--workdir={tmp_path / 'run'}",
        "--config.num_epochs=1",
        "--config.batch_size=1438",
        "--config.schedule.warmup_epochs=0",
        "--config.schedule.peak_learning_rate=1e30",
        "--config.optimizer.weight_decay=1e30",
    )
    assert code == 1
    assert "not finite at step 1; there is no checkpoint yet" in err
    assert not (tmp_path / "run" / "result.json").exists()


def test_every_nth_epoch_and_the_last_are_kept_even_if_no_others_are_saved(tmp_path):
    processes.train(
        tmp_path / "run",
        "--config.checkpoint.every_epochs=0",
        "--config.checkpoint.keep_every_epochs=1",
    )
    assert complete_steps(tmp_path / "run" / "checkpoints") == [11, 22, 33, 44]


def test_a_held_out_split_is_reported_and_keeps_the_best(tmp_path):
    out = processes.train(
        tmp_path / "run", "--config.data.validation_fraction=0.2", "--config.average_decay=0.5"
    )
    assert max(map(len, out.splitlines()[5:-2])) <= 80
    assert out.count("  val ") == 4
    run = read_run(tmp_path / "run")
    epochs = [record for record in run.metrics if record["kind"] == "epoch"]
    best = max(epochs, key=lambda r: (r["validation_accuracy"], r["step"]))
    step, _ = identify(tmp_path / "run" / "checkpoints", "best") or (0, "")
    assert step == best["step"]
    assert run.result is not None
    assert math.isfinite(run.result["validation_loss"])


def test_json_in_the_run_folder_is_strict(unbroken):
    def refuse(name):
        raise AssertionError(name)

    for line in (unbroken / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    for path in unbroken.glob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)
    assert dataclasses.is_dataclass(read_run(unbroken))
