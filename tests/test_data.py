"""A loaded data set: validation first, then the training subset; the test split untouched."""

import os
import subprocess
import sys

import numpy as np
import pytest
from tiny_tfds import CLASS_NAMES, examples, image_features, make

from jaxcmp import data
from jaxcmp.data.normalisation import channel_statistics
from jaxcmp.data.streaming import StoredImages
from jaxcmp.errors import CommandError, JaxcmpError


def load(name="digits", **options):
    defaults = {
        "data_dir": None,
        "manual_dir": None,
        "image_size": 0,
        "classes": (),
        "mean": (),
        "std": (),
        "train_fraction": 1.0,
        "validation_fraction": 0.0,
        "placement": "auto",
        "free_bytes": 2**40,
        "seed": 0,
    }
    return data.load(name, **{**defaults, **options})


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))


def test_digits_load_whole_by_default():
    loaded = load()
    assert (loaded.name, loaded.version) == ("digits", "1.0.0")
    assert (len(loaded.train.labels), len(loaded.test.labels)) == (1438, 359)
    assert loaded.validation is None
    for split in (loaded.train, loaded.test):
        assert np.asarray(split.images).dtype == np.uint8 and split.images.shape[1:] == (8, 8, 1)
        assert split.labels.dtype == np.int32 and split.ids.dtype == np.int64
    assert not set(loaded.train.ids) & set(loaded.test.ids)


def test_validation_images_are_the_same_for_every_training_fraction_and_never_train():
    whole, part = (load(validation_fraction=0.2, train_fraction=f) for f in (1.0, 0.3))
    assert whole.validation is not None and part.validation is not None
    np.testing.assert_array_equal(whole.validation.ids, part.validation.ids)
    assert not set(whole.validation.ids) & set(whole.train.ids)
    assert set(part.train.ids) < set(whole.train.ids)


def test_both_parts_hold_the_classes_in_their_shares():
    whole, part = load(), load(train_fraction=0.5, validation_fraction=0.2)
    assert part.validation is not None
    sizes = np.bincount(whole.train.labels)
    np.testing.assert_allclose(np.bincount(part.validation.labels), 0.2 * sizes, atol=0.5)
    np.testing.assert_allclose(np.bincount(part.train.labels), 0.4 * sizes, atol=1)


def test_the_test_split_is_the_same_whatever_is_asked_of_the_training_images():
    one, other = load(), load(seed=3, train_fraction=0.1, validation_fraction=0.5)
    np.testing.assert_array_equal(one.test.ids, other.test.ids)
    np.testing.assert_array_equal(one.test.images, other.test.images)


def test_ids_images_and_labels_stay_together():
    whole, part = load(), load(train_fraction=0.2, validation_fraction=0.2)
    assert part.validation is not None
    row = {int(i): n for n, i in enumerate(whole.train.ids)}
    for split in (part.train, part.validation):
        rows = [row[int(i)] for i in split.ids]
        np.testing.assert_array_equal(split.images, np.asarray(whole.train.images)[rows])
        np.testing.assert_array_equal(split.labels, whole.train.labels[rows])


def test_two_seeds_take_different_images():
    one, other = (load(train_fraction=0.5, validation_fraction=0.1, seed=seed) for seed in (0, 1))
    assert one.validation is not None and other.validation is not None
    assert set(one.train.ids) != set(other.train.ids)
    assert set(one.validation.ids) != set(other.validation.ids)


def test_mean_and_spread_are_those_of_the_training_images_in_use():
    part = load(train_fraction=0.1)
    mean, std = channel_statistics(np.asarray(part.train.images))
    np.testing.assert_array_equal((part.mean, part.std), (mean, std))
    assert not np.array_equal(part.mean, load().mean)


def test_digits_start_without_tfds():
    code = (
        "import sys; from jaxcmp import data; data.load('digits', data_dir=None, manual_dir=None,"
        "image_size=None, classes=(), mean=(), std=(), train_fraction=1.0, validation_fraction=0.0,"
        "placement='auto', free_bytes=2**40, seed=0);"
        "assert not {'tensorflow_datasets', 'tensorflow', 'jax', 'grain'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_prepared_set_loads_with_its_classes_and_positions(tmp_path):
    splits = {"train": examples(0, 9), "test": examples(1, 3)}
    make(image_features(), splits, data_dir=tmp_path)
    loaded = load("tiny:1.2.3", data_dir=str(tmp_path))
    assert (loaded.name, loaded.version, loaded.class_names) == ("tiny", "1.2.3", CLASS_NAMES)
    assert isinstance(loaded.train.images, np.memmap)
    np.testing.assert_array_equal(loaded.train.ids, np.arange(9))
    assert loaded.train.images.shape == (9, 4, 4, 3)
    assert load("tiny", data_dir=str(tmp_path), image_size=6).test.images.shape == (3, 6, 6, 3)


@pytest.mark.parametrize("name", ["digits", "tiny"])
def test_streamed_images_are_those_on_the_devices_and_unread(tmp_path, name):
    if name == "tiny":
        splits = {"train": examples(0, 90), "test": examples(1, 3)}
        make(image_features(), splits, data_dir=tmp_path)
    options = {"train_fraction": 0.5, "validation_fraction": 0.2, "data_dir": str(tmp_path)}
    resident = load(name, **options, placement="device")
    # Half of it and more does not fit.
    streamed = load(name, **options, free_bytes=1000)
    assert (resident.placement.name, streamed.placement.name) == ("device", "stream")
    assert resident.splits().keys() == streamed.splits().keys() == {"train", "validation", "test"}
    for split, same in zip(resident.splits().values(), streamed.splits().values(), strict=True):
        assert isinstance(same.images, StoredImages)
        np.testing.assert_array_equal(same.images[:], split.images[:])
        np.testing.assert_array_equal(same.labels, split.labels)
        np.testing.assert_array_equal(same.ids, split.ids)
    np.testing.assert_array_equal(streamed.mean, resident.mean)
    np.testing.assert_array_equal(streamed.std, resident.std)


@pytest.mark.parametrize(("free_bytes", "expected"), [(2 * 6 * 48, "device"), (575, "stream")])
def test_what_has_to_fit_are_the_images_in_use(tmp_path, free_bytes, expected):
    splits = {"train": examples(0, 12), "test": examples(1, 3)}
    make(image_features(), splits, data_dir=tmp_path)
    # A quarter of twelve images and three more, of 4x4 pixels in three colours.
    part = load("tiny", data_dir=str(tmp_path), train_fraction=0.25, free_bytes=free_bytes)
    assert part.placement.name == expected


@pytest.mark.parametrize("name", ["digits", "tiny"])
@pytest.mark.parametrize("placement", ["device", "stream"])
def test_some_classes_are_numbered_anew_and_keep_their_ids(tmp_path, name, placement):
    if name == "tiny":
        splits = {"train": examples(0, 90), "test": examples(1, 30)}
        make(image_features(), splits, data_dir=tmp_path)
    options = {"data_dir": str(tmp_path), "placement": placement}
    whole, some = load(name, **options), load(name, **options, classes=(2, 0))
    assert some.class_names == (whole.class_names[2], whole.class_names[0])
    assert some.splits().keys() == whole.splits().keys()
    for every, split in zip(whole.splits().values(), some.splits().values(), strict=True):
        label_of = dict(zip(every.ids.tolist(), every.labels.tolist(), strict=True))
        assert set(split.ids) == {i for i, label in label_of.items() if label in (0, 2)}
        assert [(2, 0)[label] for label in split.labels] == [label_of[i] for i in split.ids]
        rows = np.flatnonzero(np.isin(every.ids, split.ids))
        np.testing.assert_array_equal(split.images[:], every.images[:][rows])


def test_held_out_and_chosen_images_are_of_the_classes_kept():
    part = load(classes=(3, 8), validation_fraction=0.2, train_fraction=0.5)
    whole = load(classes=(3, 8))
    assert part.validation is not None
    np.testing.assert_allclose(len(part.validation.labels), 0.2 * len(whole.train.labels), atol=1)
    np.testing.assert_allclose(len(part.train.labels), 0.4 * len(whole.train.labels), atol=1)
    np.testing.assert_array_equal(
        (part.mean, part.std), channel_statistics(np.asarray(part.train.images))
    )
    assert set(part.train.labels) == set(part.validation.labels) == {0, 1}


def test_what_has_to_fit_are_the_images_of_the_classes_kept():
    whole = load()
    num_bytes = 64 * (len(whole.train.labels) + len(whole.test.labels))
    assert load(free_bytes=num_bytes).placement.name == "stream"
    assert load(free_bytes=num_bytes, classes=(0, 1, 2, 3)).placement.name == "device"


def test_a_given_mean_and_spread_take_the_place_of_the_images_own():
    for placement in ("device", "stream"):
        given = load(mean=(0.5,), std=(0.25,), placement=placement)
        np.testing.assert_array_equal((given.mean, given.std), [[0.5], [0.25]])
        assert given.mean.dtype == np.float32


def test_splits_of_unlike_sizes_ask_for_a_size(tmp_path):
    splits = {"train": examples(0, 3, shape=(4, 4, 3)), "test": examples(1, 3, shape=(5, 5, 3))}
    make(image_features((None, None, 3)), splits, data_dir=tmp_path)
    with pytest.raises(CommandError, match="set data.image_size"):
        load("tiny", data_dir=str(tmp_path))


def test_training_images_without_labels_are_told(tmp_path):
    unlabelled = [{**row, "label": -1} for row in examples(0, 3)]
    splits = {"train": unlabelled, "test": examples(1, 3)}
    make(image_features(), splits, data_dir=tmp_path)
    with pytest.raises(JaxcmpError, match="split train of tiny holds images without a label"):
        load("tiny", data_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_fraction": 0.0}, "train_fraction"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"image_size": -1}, "image_size"),
        ({"seed": -1}, "seed"),
        ({"placement": "disk"}, "data.placement='disk' must be one of auto, device, stream"),
        ({"classes": (0, 10)}, "data.classes has 10: it takes whole numbers from 0 to 9"),
        ({"mean": (0.5, 0.5), "std": (1, 1)}, "data.mean has 2 values and the images 1 channels"),
    ],
)
def test_a_value_outside_its_range_is_told_in_one_line(options, message):
    with pytest.raises(CommandError, match=message) as caught:
        load(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    "JAXCMP_CIFAR10_JPEG_DIR" not in os.environ,
    reason="JAXCMP_CIFAR10_JPEG_DIR names no folder with cifar10_jpeg",
)
def test_the_real_images_load_with_the_official_classes():
    loaded = load("cifar10_jpeg", data_dir=os.environ["JAXCMP_CIFAR10_JPEG_DIR"])
    assert loaded.class_names[0] == "airplane" and loaded.class_names[9] == "truck"
    np.testing.assert_array_equal(np.bincount(loaded.train.labels), [5000] * 10)
    np.testing.assert_array_equal(np.bincount(loaded.test.labels), [1000] * 10)
    np.testing.assert_allclose(loaded.mean, [0.491, 0.482, 0.447], atol=2e-3)
