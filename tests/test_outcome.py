"""What the end of a run leaves behind."""

import pytest

from jaxcmp.metrics import accuracy, cross_entropy
from jaxcmp.runs import read_run


def test_the_result_is_the_last_epochs_and_can_be_had_again_from_the_predictions(unbroken):
    run = read_run(unbroken)
    assert run.result is not None
    last = run.metrics[-1]
    assert last["kind"] == "epoch"
    assert run.result["test_accuracy"] == last["test_accuracy"]
    predictions = run.load_predictions()
    assert len(set(predictions.ids.tolist())) == len(predictions.ids) == 359
    assert accuracy(predictions.logits, predictions.labels) == run.result["test_accuracy"]
    loss = cross_entropy(predictions.logits, predictions.labels)
    assert loss == pytest.approx(run.result["test_loss"])
    pictures = run.load_pictures()
    assert pictures is not None and pictures.images.shape[1:] == (8, 8, 1)
    assert set(pictures.ids.tolist()) <= set(predictions.ids.tolist())


def test_the_cost_is_that_of_the_whole_run(unbroken):
    run = read_run(unbroken)
    assert run.result is not None
    assert run.result["steps"] == 44 and run.result["epochs"] == 4
    multiply_adds = run.cost["multiply_adds"]["total"]
    assert run.cost["training_flops"] == 6 * multiply_adds * 44 * 128
    seconds = sum(r["seconds"] for r in run.metrics if r["kind"] == "epoch")
    assert run.result["train_seconds"] == run.cost["train_seconds"] == pytest.approx(seconds)
