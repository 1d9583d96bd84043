"""The end of a run."""

import dataclasses

import jax
import numpy as np
import pytest
from small_configs import small

from jaxcmp import experiment, result
from jaxcmp.runs import read_run
from jaxcmp.runs.metrics import accuracy, cross_entropy
from jaxcmp.runtime import devices


def test_the_result_is_the_last_epochs_and_follows_from_the_predictions(unbroken):
    run = read_run(unbroken)
    last = run.metrics[-1]
    assert last["kind"] == "epoch"
    assert run.result["test_accuracy"] == last["test_accuracy"]
    stored = run.load_predictions()
    predictions, pictures = stored.test, stored.pictures
    assert len(set(predictions.ids.tolist())) == len(predictions.ids) == 359
    assert accuracy(predictions.logits, predictions.labels) == run.result["test_accuracy"]
    loss = cross_entropy(predictions.logits, predictions.labels)
    assert loss == pytest.approx(run.result["test_loss"])
    assert pictures is not None and pictures.images.shape[1:] == (8, 8, 1)
    assert set(pictures.ids.tolist()) <= set(predictions.ids.tolist())


def test_the_cost_is_that_of_the_whole_run(unbroken):
    run = read_run(unbroken)
    assert run.result["steps"] == 44 and run.result["epochs"] == 4
    multiply_adds = run.cost["multiply_adds"]["total"]
    assert run.cost["training_flops"] == 6 * multiply_adds * 44 * 128
    seconds = sum(r["seconds"] for r in run.metrics if r["kind"] == "epoch")
    assert run.result["train_seconds"] == run.cost["train_seconds"] == pytest.approx(seconds)


@pytest.fixture(scope="module")
def fresh():
    """Returns a prepared run, its compiled steps and its state before the first step."""
    prepared = experiment.prepare(small("vit"))
    mesh = devices.make_mesh(jax.devices()[:1])
    runner = experiment.make_runner(prepared, mesh)
    runner.compile()
    return prepared, runner, runner.init()


def test_the_end_of_a_run_is_rehearsed_before_its_first_step(fresh):
    result.rehearse(*fresh)


def test_duplicate_image_ids_are_reported_before_training(fresh):
    prepared, runner, state = fresh
    test = prepared.dataset.test
    twice = dataclasses.replace(test, ids=np.zeros_like(test.ids))
    dataset = dataclasses.replace(prepared.dataset, test=twice)
    with pytest.raises(ValueError, match="an id occurs twice"):
        result.rehearse(dataclasses.replace(prepared, dataset=dataset), runner, state)


class Unreadable:
    """Images on a disk that has failed."""

    shape = (359, 8, 8, 1)

    def __getitem__(self, _):
        raise OSError("the disk has gone")


def test_pictures_of_mistakes_are_read_before_training(fresh):
    prepared, runner, state = fresh
    test = dataclasses.replace(prepared.dataset.test, images=Unreadable())
    dataset = dataclasses.replace(prepared.dataset, test=test)
    with pytest.raises(OSError, match="the disk has gone"):
        result.rehearse(dataclasses.replace(prepared, dataset=dataset), runner, state)
