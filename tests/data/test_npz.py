"""A NumPy archive as a data set: Keras's and MedMNIST's names, and what is wrong with one."""

from typing import Any

import numpy as np
import pytest
from sample_data import load, options, outline, refused

from jaxcmp import data
from jaxcmp.errors import JaxcmpError

RNG = np.random.default_rng(0)


def images(num, *shape):
    return RNG.integers(0, 256, (num, *(shape or (6, 6, 3))), dtype=np.uint8)


def arrays(**changes):
    """Returns the arrays of a sound file, with changes; None leaves one out."""
    whole = {
        **{"x_train": images(9), "y_train": np.arange(9) % 3},
        **{"x_test": images(3), "y_test": np.arange(3)},
    }
    return {name: array for name, array in (whole | changes).items() if array is not None}


def written(tmp_path, **changes):
    path = tmp_path / "set.npz"
    np.savez(path, **arrays(**changes))
    return str(path)


@pytest.mark.parametrize("placement", ["device", "stream"])
def test_arrays_are_loaded_as_they_are(tmp_path, placement):
    made = arrays()
    np.savez(tmp_path / "set.npz", **made)
    loaded = load("npz", dir=str(tmp_path / "set.npz"), placement=placement)
    np.testing.assert_array_equal(loaded.train.images[:], made["x_train"])
    np.testing.assert_array_equal(loaded.test.images[:], made["x_test"])
    np.testing.assert_array_equal(loaded.train.labels, made["y_train"])
    assert loaded.class_names == ("0", "1", "2") and loaded.validation is None
    np.testing.assert_array_equal(loaded.train.ids, np.arange(9))


def test_medmnists_names_and_columns_of_labels_are_known(tmp_path):
    grey = {f"{split}_images": images(4, 6, 6) for split in ("train", "val", "test")}
    labels = {
        f"{split}_labels": np.array([[0], [1], [1], [0]]) for split in ("train", "val", "test")
    }
    whole: Any = grey | labels
    np.savez_compressed(tmp_path / "breastmnist.npz", **whole)
    loaded = load("npz", dir=str(tmp_path / "breastmnist.npz"))
    assert loaded.validation is not None
    np.testing.assert_array_equal(loaded.validation.images[:][..., 0], grey["val_images"])
    assert loaded.train.images.shape == (4, 6, 6, 1)
    assert loaded.test.labels.tolist() == [0, 1, 1, 0]


def test_classes_may_be_any_numbers_or_words(tmp_path):
    path = written(tmp_path, y_train=np.array([10, 2, 7] * 3), y_test=np.array([7, 7, 2]))
    loaded = load("npz", dir=path)
    assert loaded.class_names == ("2", "7", "10") and loaded.test.labels.tolist() == [1, 1, 0]
    words = {"y_train": np.array(["dog", "cat", "eel"] * 3), "y_test": np.array(["eel"] * 3)}
    loaded = load("npz", dir=written(tmp_path, **words))
    assert loaded.class_names == ("cat", "dog", "eel") and loaded.test.labels.tolist() == [2, 2, 2]


def test_an_array_names_the_classes(tmp_path):
    names = np.array(["fly", "eel", "dog", "cat"])
    loaded = load("npz", dir=written(tmp_path, class_names=names))
    assert loaded.class_names == ("fly", "eel", "dog", "cat")
    assert loaded.train.labels.tolist() == [0, 1, 2] * 3
    in_bytes = load("npz", dir=written(tmp_path, class_names=np.char.encode(names, "utf-8")))
    assert in_bytes.class_names == loaded.class_names
    words = {"y_train": names[np.arange(9) % 3], "y_test": np.array(["cat"] * 3)}
    loaded = load("npz", dir=written(tmp_path, class_names=names, **words))
    assert loaded.train.labels.tolist() == [0, 1, 2] * 3 and loaded.test.labels.tolist() == [3] * 3


def test_classes_and_size_are_known_without_images(tmp_path, decoded):
    path = written(tmp_path)
    assert outline("npz", dir=path) == (3, (6, 6))


def test_images_are_resized_and_one_channel_becomes_three_if_others_have_three(tmp_path):
    path = written(tmp_path, x_test=images(3, 8, 8))
    loaded = load("npz", dir=path, image_size=4)
    assert loaded.test.images.shape == (3, 4, 4, 3) and loaded.train.images.shape[1:] == (4, 4, 3)
    assert (loaded.test.images[:][..., :1] == loaded.test.images[:]).all()
    assert refused("npz", path) == (
        "the splits of ROOT have images of 6x6 and 8x8: bring them to one size with "
        "--config.data.image_size=8"
    )


def test_a_test_split_may_be_held_out(tmp_path):
    path = written(
        tmp_path, x_test=None, y_test=None, x_train=images(30), y_train=np.arange(30) % 3
    )
    assert "the split train alone" in refused("npz", path)
    assert len(load("npz", dir=path, test_fraction=0.2).test.labels) == 6


def test_the_version_depends_on_the_content_alone(tmp_path):
    made = arrays()
    versions = []
    for name, change in (("a", {}), ("b", {}), ("c", {"x_train": made["x_train"] ^ 1})):
        np.savez(tmp_path / f"{name}.npz", **made | change)
        versions.append(load("npz", dir=str(tmp_path / f"{name}.npz")).version)
    assert versions[0] == versions[1] != versions[2]


def test_test_images_that_are_training_images_are_counted(tmp_path):
    made = arrays()
    (note,) = load("npz", dir=written(tmp_path, **made | {"x_test": made["x_train"][3:6]})).notes
    assert note.startswith("warning: 3 of 3 test images are training images too")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": images(9).astype(np.float32)},
            "x_train in ROOT is float32 of shape (9, 6, 6, 3): images must be uint8",
        ),
        ({"x_train": images(9, 3, 8, 8)}, "[n, height, width, 1 or 3]; put the channels last"),
        ({"x_train": images(9, 36)}, "x_train in ROOT is uint8 of shape (9, 36)"),
        ({"y_train": None}, "ROOT has x_train without y_train: add the labels"),
        (
            {"x_train": None, "y_train": None},
            "has the arrays x_test, y_test: x_train and y_train, or train_images and train_labels",
        ),
        ({"y_train": np.arange(8) % 3}, "has 9 images and 8 labels in split train"),
        (
            {"y_train": np.eye(3)[np.arange(9) % 3]},
            "the labels of split train in ROOT are float64 of shape (9, 3): it takes one whole "
            "number or one word for each image",
        ),
        ({"class_names": np.array("cat,dog")}, "class_names in ROOT must be a row of words"),
        ({"class_names": np.array([b"\xff", b"x"])}, "class_names in ROOT must be a row of words"),
        ({"y_train": np.zeros(9, int)}, "ROOT has 1 class in its training split: it takes two"),
        (
            {"y_test": np.array([0, 1, 9])},
            "split test of ROOT has the class 9, and the training",
        ),
        (
            {"y_train": np.arange(1, 10) % 4, "class_names": np.array(["cat", "dog", "eel"])},
            "split train of ROOT has the label 3, and its class names are of 3 classes, "
            "numbered from 0",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes, message):
    assert message in refused("npz", written(tmp_path, **changes))


def test_a_file_that_is_missing_or_no_archive_is_refused(tmp_path):
    assert refused("npz", str(tmp_path / "no.npz")).endswith(
        "does not exist: name a file of type .npz"
    )
    assert refused("npz", str(tmp_path)).endswith("is a folder: name a file of type .npz")
    path = tmp_path / "set.npz"
    path.write_bytes(b"no archive")
    line = refused("npz", str(path), error=JaxcmpError)
    assert line.startswith("ROOT cannot be read as .npz: ")
    np.savez(path, **arrays())
    path.write_bytes(path.read_bytes()[:-200])
    assert "cannot be read as .npz" in refused("npz", str(path), error=JaxcmpError)


def test_pickled_objects_are_not_opened(tmp_path):
    path = written(tmp_path, y_train=np.array([{}] * 9, object))
    assert "cannot be read as .npz: Object arrays" in refused("npz", path, error=JaxcmpError)


def test_an_archive_for_tests_needs_no_training_arrays(tmp_path):
    path = written(tmp_path, x_train=None, y_train=None)
    assert "x_train and y_train" in refused("npz", path)
    found = data.load_split(options("npz", dir=path), "test", free_bytes=2**40)
    assert found.class_names == ("0", "1", "2") and len(found.split.labels) == 3
