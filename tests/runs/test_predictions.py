"""The predictions of a run, and damaged files of them."""

import os
from typing import Any

import numpy as np
import pytest

from jaxcmp.errors import JaxcmpError
from jaxcmp.runs.predictions import (
    MAX_PICTURES,
    MIN_PICTURES,
    Pictures,
    Predictions,
    bytes_of,
    pictures_of_mistakes,
    read_predictions,
    write_predictions,
)

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
    read = read_predictions(path).test
    for name in ("logits", "labels", "ids"):
        stored = getattr(read, name)
        np.testing.assert_array_equal(stored, FITTING[name])
        assert stored.dtype == FITTING[name].dtype
    assert read.class_names == ("cat", "hund")
    assert os.listdir(tmp_path) == ["predictions.npz"]


@pytest.mark.parametrize("width", [1, 300])
def test_ids_may_be_text_of_any_script(tmp_path, width):
    path, ids = tmp_path / "predictions.npz", np.array(["猫/😀.png", "a\nb.png", "c" * width])
    # Room for longer names, as a part of many ids has.
    predictions = Predictions.of(**{**FITTING, "ids": ids.astype("U999")})
    pictures = Pictures(predictions.ids[[2, 0]], np.zeros((2, 4, 4, 3), np.uint8))
    write_predictions(path, predictions, predictions, pictures)
    stored = read_predictions(path)
    for read in (stored.test, stored.validation):
        assert read is not None and read.ids.tolist() == ids.tolist()
        assert read.ids.dtype == ids.dtype
    assert stored.pictures is not None
    assert stored.pictures.ids.tolist() == ["c" * width, "猫/😀.png"]


def test_a_name_twice_or_half_a_character_is_refused(tmp_path):
    with pytest.raises(ValueError, match="an id occurs twice"):
        Predictions.of(**{**FITTING, "ids": np.array(["a", "b", "a"])})
    path = tmp_path / "predictions.npz"
    write_predictions(path, Predictions.of(**{**FITTING, "ids": np.array(["a", "b", "\ud800"])}))
    with pytest.raises(JaxcmpError, match="predictions.npz cannot be used"):
        read_predictions(path)


def test_ids_are_hashed_by_their_content_alone():
    names = ["ab", "c"]
    assert bytes_of(np.array(names)) == bytes_of(np.array(names, "U99"))
    others = [np.array(other) for other in (["a", "bc"], ["c", "ab"], ["ab"], [1, 2])]
    assert len({bytes_of(ids) for ids in (np.array(names), *others)}) == 5


def test_a_held_out_split_is_kept_beside_the_test_split(tmp_path):
    path = tmp_path / "predictions.npz"
    parts: dict[str, Any] = FITTING | {"ids": np.array([1, 2, 4], np.int64)}
    held_out = Predictions.of(**parts)
    write_predictions(path, Predictions.of(**FITTING), held_out)
    stored = read_predictions(path)
    assert stored.validation is not None and stored.validation.ids.tolist() == [1, 2, 4]
    assert stored.validation.class_names == ("cat", "hund")
    assert stored.test.ids.tolist() == [5, 3, 9]
    write_predictions(path, Predictions.of(**FITTING))
    stored = read_predictions(path)
    assert stored.validation is None and stored.pictures is None


def test_a_split_without_images_is_refused(tmp_path):
    path = tmp_path / "predictions.npz"
    empty = {name: FITTING[name][:0] for name in ("logits", "labels", "ids")}
    write_predictions(path, Predictions.of(**FITTING), Predictions.of(**(FITTING | empty)))
    with pytest.raises(JaxcmpError, match="predictions.npz cannot be used: a split of it has no"):
        read_predictions(path)


def test_the_surest_mistakes_are_kept_as_pictures(tmp_path):
    logits = np.array([[9, 0], [0, 1], [3, 0], [0, 8], [5, 0]], np.float32)
    labels, ids = np.array([0, 0, 1, 1, 1]), np.array([10, 11, 12, 13, 14])
    predictions = Predictions.of(logits, labels, ids, ("cat", "dog"))
    images = np.arange(5 * 2 * 2 * 3, dtype=np.uint8).reshape(5, 2, 2, 3)
    path = tmp_path / "predictions.npz"
    write_predictions(path, predictions, pictures=pictures_of_mistakes(predictions, images))
    pictures = read_predictions(path).pictures
    assert pictures is not None and pictures.ids.tolist() == [14, 12, 11]
    np.testing.assert_array_equal(pictures.images, images[[4, 2, 1]])


@pytest.mark.parametrize(("size", "num"), [(8, MAX_PICTURES), (512, MIN_PICTURES)])
def test_pictures_never_make_a_run_folder_large_and_are_of_mistakes_alone(size, num):
    n = MAX_PICTURES + 9
    images = np.lib.stride_tricks.as_strided(
        np.zeros(1, np.uint8), (n, size, size, 3), (0, 0, 0, 0), writeable=False
    )
    wrong = Predictions.of(np.tile([[1.0, 0.0]], (n, 1)), np.ones(n), np.arange(n), ("a", "b"))
    assert len(pictures_of_mistakes(wrong, images).ids) == num
    right = Predictions.of(wrong.logits, 1 - wrong.labels, wrong.ids, wrong.class_names)
    assert pictures_of_mistakes(right, images).images.shape == (0, size, size, 3)


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_parts_that_do_not_fit_are_refused(tmp_path, misfit):
    parts = FITTING | misfit
    with pytest.raises(ValueError, match="fit|twice|not one of 2 classes"):
        Predictions.of(**parts)
    np.savez(tmp_path / "a.npz", **parts)
    with pytest.raises(JaxcmpError, match="a.npz cannot be used: .*(fit|twice|not one of)"):
        read_predictions(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"logits": FITTING["logits"]}, "labels"),
        # Objects are never unpickled.
        (FITTING | {"class_names": np.array(["cat", None], object)}, "allow_pickle"),
    ],
)
def test_a_file_that_lacks_a_part_or_holds_objects_is_refused(tmp_path, parts, reason):
    np.savez(tmp_path / "a.npz", **parts)
    with pytest.raises(JaxcmpError, match=f"a.npz cannot be used: .*{reason}"):
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
