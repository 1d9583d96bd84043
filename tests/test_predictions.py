"""The predictions of a run, and files that only look like them."""

import os
from typing import Any

import numpy as np
import pytest

from jaxcmp.errors import JaxcmpError
from jaxcmp.predictions import Predictions, read_predictions, write_predictions

FITTING: dict[str, Any] = {
    "logits": np.arange(6, dtype=np.float32).reshape(3, 2),
    "labels": np.array([0, 1, 1], np.int32),
    "ids": np.array([5, 3, 9], np.int64),
    "class_names": ("cat", "hund"),
}
MISFITS = {
    "fewer labels": {"labels": np.array([0, 1], np.int32)},
    "fewer ids": {"ids": np.array([5, 3], np.int64)},
    "fewer classes": {"class_names": ("cat",)},
    "flat logits": {"logits": np.zeros(6, np.float32)},
    "an id twice": {"ids": np.array([5, 3, 5], np.int64)},
    "a label too high": {"labels": np.array([0, 1, 2], np.int32)},
    "a label below zero": {"labels": np.array([0, 1, -1], np.int32)},
}


def test_predictions_are_read_as_written(tmp_path):
    path = tmp_path / "predictions.npz"
    write_predictions(path, Predictions.of(**FITTING))
    read = read_predictions(path)
    for name in ("logits", "labels", "ids"):
        stored = getattr(read, name)
        np.testing.assert_array_equal(stored, FITTING[name])
        assert stored.dtype == FITTING[name].dtype
    assert read.class_names == ("cat", "hund")
    assert os.listdir(tmp_path) == ["predictions.npz"]


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_parts_that_do_not_fit_are_refused(tmp_path, misfit):
    parts = FITTING | misfit
    with pytest.raises(ValueError, match="fit|twice|not one of 2 classes"):
        Predictions.of(**parts)
    np.savez(tmp_path / "a.npz", **parts)
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: .*(fit|twice|not one of)"):
        read_predictions(tmp_path / "a.npz")


def test_a_file_that_lacks_a_part_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", logits=FITTING["logits"])
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: .*labels"):
        read_predictions(tmp_path / "a.npz")


def test_objects_are_never_unpickled(tmp_path):
    parts: dict[str, Any] = FITTING | {"class_names": np.array(["cat", None], object)}
    np.savez(tmp_path / "a.npz", **parts)
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: .*allow_pickle"):
        read_predictions(tmp_path / "a.npz")


def test_a_damaged_or_missing_file_is_named(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: No such file"):
        read_predictions(path)
    write_predictions(path, Predictions.of(**FITTING))
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(JaxcmpError, match=r"^\S*a.npz cannot be used: .") as caught:
            read_predictions(path)
        assert "\n" not in str(caught.value)
    start = whole.index(FITTING["logits"].tobytes())
    path.write_bytes(whole[:start] + b"\xff" + whole[start + 1 :])
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: Bad CRC-32"):
        read_predictions(path)
