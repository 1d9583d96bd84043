"""The files of an evaluation: written in an order that survives a crash, and checked when read."""

import json
from typing import Any

import numpy as np
import pytest
from sample_evaluations import make_evaluation

from jaxcmp.errors import JaxcmpError
from jaxcmp.runs import PREDICTIONS, RESULT
from jaxcmp.runs.evaluations import (
    folder_of,
    names_of,
    read_evaluation,
    read_evaluations,
    write_evaluation,
)
from jaxcmp.runs.predictions import Predictions

NAMES = ("cat", "dog", "eel")


def write(run, name="fog-test", **changes):
    rng = np.random.default_rng(0)
    labels, ids = np.arange(9) % 3, np.arange(9)[::-1]
    predictions = Predictions.of(rng.normal(size=(9, 3)), labels, ids, NAMES)
    write_evaluation(run, name, predictions, make_evaluation(name, predictions, **changes))
    return predictions


def test_an_evaluation_is_read_as_written_in_the_order_of_ids(tmp_path):
    written = write(tmp_path)
    found = read_evaluation(tmp_path, "fog-test")
    np.testing.assert_array_equal(found.predictions.ids, np.arange(9))
    np.testing.assert_array_equal(found.predictions.logits, written.logits[::-1])
    np.testing.assert_array_equal(found.predictions.labels, written.labels[::-1])
    assert names_of(tmp_path) == ["fog-test"] and not found.is_repetition


def test_without_its_result_an_evaluation_is_not_finished(tmp_path):
    write(tmp_path)
    (folder_of(tmp_path, "fog-test") / RESULT).unlink()
    with pytest.raises(JaxcmpError, match="fog-test is not finished"):
        read_evaluation(tmp_path, "fog-test")


def test_an_old_result_never_stands_beside_new_predictions(tmp_path, monkeypatch):
    write(tmp_path)

    def full(*args: Any) -> None:
        raise JaxcmpError("no space left on the disk")

    monkeypatch.setattr("jaxcmp.runs.evaluations.write_predictions", full)
    with pytest.raises(JaxcmpError, match="no space"):
        write(tmp_path)
    assert not (folder_of(tmp_path, "fog-test") / RESULT).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(accuracy=0.123), "accuracy is 0.123, and "),
        (lambda c: c.update(loss=9.0), "loss is 9, and "),
        (lambda c: c.update(num_images=8), "num_images is 8, and 9 by predictions.npz"),
        (lambda c: c.update(name="other"), "it is of the evaluation 'other'"),
        (lambda c: c.update(accuracy=2), "accuracy: Expected"),
        (lambda c: c["data"].update(class_names=["cat", "yak"]), "the model does not know"),
        (
            lambda c: c.update(
                matched_by="position", data=c["data"] | {"class_names": list("abcd")}
            ),
            "more classes than the model",
        ),
        (lambda c: c.update(matched_by="luck"), "matched_by: Invalid"),
        (lambda c: c.pop("checkpoint"), "checkpoint"),
    ],
)
def test_a_result_that_does_not_fit_is_named_and_left_out(tmp_path, change, words):
    write(tmp_path)
    write(tmp_path, "sound-test")
    path = folder_of(tmp_path, "fog-test") / RESULT
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    found, (fault,) = read_evaluations(tmp_path)
    assert [each.name for each in found] == ["sound-test"]
    assert fault.startswith(f"{path} cannot be used: ") and words in fault


def test_damaged_predictions_are_named(tmp_path):
    write(tmp_path)
    path = folder_of(tmp_path, "fog-test") / PREDICTIONS
    arrays = dict(np.load(path))
    arrays["logits"][0, 0] = np.inf
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(JaxcmpError, match=f"{PREDICTIONS} cannot be used: a logit is not finite"):
        read_evaluation(tmp_path, "fog-test")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "fog"),
        ({"split": "train"}, "fog, split train"),
        ({"which": "best"}, "fog, best checkpoint"),
        ({"which": "step"}, "fog, step 10"),
        ({"class_names": ["dog", "cat"]}, "fog, 2 classes"),
    ],
)
def test_a_title_says_what_is_unusual(tmp_path, changes, title):
    write(tmp_path, **changes)
    assert read_evaluation(tmp_path, "fog-test").title == title
