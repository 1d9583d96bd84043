"""Loaded data sets: first the validation split, then the training subset."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sample_data
from sample_data import assert_same, load
from tiny_tfds import CLASS_NAMES, examples, image_features, make

from jaxcmp import data
from jaxcmp.data.catalog import open_source
from jaxcmp.data.decoded import SplitReader, read_decoded
from jaxcmp.data.normalisation import channel_statistics
from jaxcmp.data.streaming import StoredImages
from jaxcmp.errors import CommandError, JaxcmpError


def make_tiny(folder, num_train, num_test):
    splits = {"train": examples(0, num_train), "test": examples(1, num_test)}
    return make(image_features(), splits, data_dir=folder)


def test_validation_images_are_the_same_for_every_training_fraction_and_never_train():
    whole, part = (load(validation_fraction=0.2, train_fraction=f) for f in (1.0, 0.3))
    assert whole.validation is not None and part.validation is not None
    np.testing.assert_array_equal(whole.validation.ids, part.validation.ids)
    assert not set(whole.validation.ids) & set(whole.train.ids)
    assert set(part.train.ids) < set(whole.train.ids)


def test_the_test_split_does_not_depend_on_the_training_subset():
    one, other = load(), load(seed=3, train_fraction=0.1, validation_fraction=0.5)
    assert_same(one.test, other.test)


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


def test_mean_and_std_are_those_of_the_training_images_in_use():
    part = load(train_fraction=0.1)
    mean, std = channel_statistics(np.asarray(part.train.images))
    np.testing.assert_array_equal((part.mean, part.std), (mean, std))
    assert not np.array_equal(part.mean, load().mean)


def test_digits_start_without_tfds():
    code = (
        "import sys, sample_data; sample_data.load();"
        "assert not {'tensorflow_datasets', 'tensorflow', 'jax', 'grain'} & set(sys.modules)"
    )
    path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | {"PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


def test_a_prepared_set_loads_with_its_classes_and_positions(tmp_path):
    make_tiny(tmp_path, 9, 3)
    loaded = load("tiny:1.2.3", dir=str(tmp_path))
    assert (loaded.name, loaded.version, loaded.class_names) == ("tiny", "1.2.3", CLASS_NAMES)
    assert isinstance(loaded.train.images, np.memmap)
    np.testing.assert_array_equal(loaded.train.ids, np.arange(9))
    assert loaded.train.images.shape == (9, 4, 4, 3)
    assert load("tiny", dir=str(tmp_path), image_size=6).test.images.shape == (3, 6, 6, 3)


@pytest.mark.parametrize("name", ["digits", "tiny"])
def test_streamed_images_equal_resident_ones_and_are_not_read_yet(tmp_path, name):
    if name == "tiny":
        make_tiny(tmp_path, 90, 3)
    options = {"train_fraction": 0.5, "validation_fraction": 0.2, "dir": str(tmp_path)}
    resident = load(name, **options, placement="device")
    # Half of it and more does not fit.
    streamed = load(name, **options, free_bytes=1000)
    assert (resident.placement.name, streamed.placement.name) == ("device", "stream")
    assert resident.splits().keys() == streamed.splits().keys() == {"train", "validation", "test"}
    for split, same in zip(resident.splits().values(), streamed.splits().values(), strict=True):
        assert isinstance(same.images, StoredImages)
        assert_same(same, split)
    np.testing.assert_array_equal(streamed.mean, resident.mean)
    np.testing.assert_array_equal(streamed.std, resident.std)


@pytest.mark.parametrize(("free_bytes", "expected"), [(2 * 6 * 48, "device"), (575, "stream")])
def test_only_the_images_in_use_have_to_fit(tmp_path, free_bytes, expected):
    make_tiny(tmp_path, 12, 3)
    # A quarter of twelve images and three more, of 4x4 pixels in three colours.
    part = load("tiny", dir=str(tmp_path), train_fraction=0.25, free_bytes=free_bytes)
    assert part.placement.name == expected


@pytest.mark.parametrize("name", ["digits", "tiny"])
@pytest.mark.parametrize("placement", ["device", "stream"])
def test_selected_classes_are_renumbered_and_images_keep_their_ids(tmp_path, name, placement):
    if name == "tiny":
        make_tiny(tmp_path, 90, 30)
    options = {"dir": str(tmp_path), "placement": placement}
    whole, some = load(name, **options), load(name, **options, classes=(2, 0))
    assert some.class_names == (whole.class_names[2], whole.class_names[0])
    assert some.splits().keys() == whole.splits().keys()
    for every, split in zip(whole.splits().values(), some.splits().values(), strict=True):
        label_of = dict(zip(every.ids.tolist(), every.labels.tolist(), strict=True))
        assert set(split.ids) == {i for i, label in label_of.items() if label in (0, 2)}
        assert [(2, 0)[label] for label in split.labels] == [label_of[i] for i in split.ids]
        rows = np.flatnonzero(np.isin(every.ids, split.ids))
        np.testing.assert_array_equal(split.images[:], every.images[:][rows])


@pytest.mark.parametrize("placement", ["device", "stream"])
@pytest.mark.parametrize(("train", "test", "words"), [(9, 1, "test"), (1, 9, "training")])
def test_a_split_without_images_of_the_selected_classes_is_named(
    tmp_path, placement, train, test, words
):
    # With one image, the split has the first class alone.
    make_tiny(tmp_path, train, test)
    options = {"dir": str(tmp_path), "placement": placement}
    with pytest.raises(CommandError, match=f"no {words} image of tiny is of one of the .*dog, eel"):
        load("tiny", **options, classes=(1, 2))
    assert load("tiny", **options, classes=(0, 2)).class_names == ("cat", "eel")


def test_held_out_and_training_images_are_of_the_selected_classes():
    part = load(classes=(3, 8), validation_fraction=0.2, train_fraction=0.5)
    whole = load(classes=(3, 8))
    assert part.validation is not None
    np.testing.assert_allclose(len(part.validation.labels), 0.2 * len(whole.train.labels), atol=1)
    np.testing.assert_allclose(len(part.train.labels), 0.4 * len(whole.train.labels), atol=1)
    np.testing.assert_array_equal(
        (part.mean, part.std), channel_statistics(np.asarray(part.train.images))
    )
    assert set(part.train.labels) == set(part.validation.labels) == {0, 1}


def test_only_images_of_the_selected_classes_have_to_fit():
    whole = load()
    num_bytes = 64 * (len(whole.train.labels) + len(whole.test.labels))
    assert load(free_bytes=num_bytes).placement.name == "stream"
    assert load(free_bytes=num_bytes, classes=(0, 1, 2, 3)).placement.name == "device"


def test_a_given_mean_and_std_replace_the_images_own():
    for placement in ("device", "stream"):
        given = load(mean=(0.5,), std=(0.25,), placement=placement)
        np.testing.assert_array_equal((given.mean, given.std), [[0.5], [0.25]])
        assert given.mean.dtype == np.float32


@pytest.fixture
def train_alone(tmp_path):
    """Prepares a set of 60 images with only a training split."""
    make(image_features(), {"train": examples(0, 60)}, data_dir=tmp_path)
    return {"name": "tiny", "dir": str(tmp_path), "test_fraction": 0.2}


@pytest.mark.parametrize("placement", ["device", "stream"])
def test_a_test_set_is_held_out_if_there_is_only_a_training_split(train_alone, placement):
    loaded = load(**train_alone, placement=placement)
    # Twenty images of each class, of which a fifth are four.
    assert np.bincount(loaded.test.labels).tolist() == [4, 4, 4]
    assert np.bincount(loaded.train.labels).tolist() == [16, 16, 16]
    ids = np.concatenate([loaded.train.ids, loaded.test.ids])
    np.testing.assert_array_equal(np.sort(ids), np.arange(60))
    assert loaded.test.images[:].shape == (12, 4, 4, 3)
    mean, std = channel_statistics(loaded.train.images[:])
    np.testing.assert_array_equal((loaded.mean, loaded.std), (mean, std))


def test_the_held_out_test_set_does_not_depend_on_other_settings(train_alone):
    one = load(**train_alone)
    for options in (
        {"seed": 7},
        {"placement": "stream"},
        {"train_fraction": 0.5, "validation_fraction": 0.25, "seed": 3},
        {"image_size": 6},
    ):
        other = load(**{**train_alone, **options})
        np.testing.assert_array_equal(one.test.ids, other.test.ids)
        for split in other.splits().values():
            assert split is other.test or not set(split.ids) & set(one.test.ids)
    some = load(**train_alone, classes=(0, 2))
    np.testing.assert_array_equal(some.test.ids, one.test.ids[one.test.labels != 1])


def test_held_out_test_images_keep_their_labels(train_alone):
    resident, streamed = (load(**train_alone, placement=each) for each in ("device", "stream"))
    source = open_source(sample_data.options("tiny", dir=train_alone["dir"]))
    whole, labels = read_decoded(SplitReader(source, "train", image_size=0))
    for loaded in (resident, streamed):
        for split in loaded.splits().values():
            np.testing.assert_array_equal(split.images[:], whole[split.ids])
            np.testing.assert_array_equal(split.labels, labels[split.ids])


def test_a_fraction_too_small_for_a_test_set_is_one_line(train_alone):
    words = "^data.test_fraction=0.001 of 60 images rounds to none[^\n]*$"
    with pytest.raises(CommandError, match=words):
        load(**{**train_alone, "test_fraction": 0.001})


def test_splits_of_different_sizes_need_a_size(tmp_path):
    splits = {"train": examples(0, 3, shape=(4, 4, 3)), "test": examples(1, 3, shape=(5, 5, 3))}
    make(image_features((None, None, 3)), splits, data_dir=tmp_path)
    with pytest.raises(CommandError, match="set data.image_size"):
        load("tiny", dir=str(tmp_path))


@pytest.mark.parametrize("placement", ["device", "stream"])
def test_a_label_without_a_class_is_refused(tmp_path, placement):
    builder = make_tiny(tmp_path, 9, 3)
    # The files now say that there are two classes.
    (Path(builder.data_dir) / "label.labels.txt").write_text("cat\ndog\n")
    with pytest.raises(JaxcmpError, match="split train of tiny holds the label 2, .* 2 classes"):
        load("tiny", dir=str(tmp_path), placement=placement)


def test_training_images_without_labels_are_refused(tmp_path):
    unlabelled = [{**row, "label": -1} for row in examples(0, 3)]
    splits = {"train": unlabelled, "test": examples(1, 3)}
    make(image_features(), splits, data_dir=tmp_path)
    with pytest.raises(JaxcmpError, match="split train of tiny holds images without a label"):
        load("tiny", dir=str(tmp_path))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classes": (0, 10)}, "data.classes has 10: it takes whole numbers from 0 to 9"),
        ({"mean": (0.5, 0.5), "std": (1, 1)}, "data.mean has 2 values and the images 1 channels"),
        ({"validation_fraction": 1e-6}, "data.validation_fraction=1e-06 of 1438 images rounds to"),
    ],
)
def test_a_value_that_does_not_fit_the_data_is_one_line(given, message):
    with pytest.raises(CommandError, match=message) as caught:
        load(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{}, {"classes": (7, 1, 4)}])
def test_the_test_images_alone_are_those_of_the_whole_data_set(changes):
    whole = load(**changes).test
    alone = data.load_split(sample_data.options(**changes), "test", free_bytes=2**40).split
    assert_same(alone, whole)


@pytest.mark.parametrize("placement", ["device", "stream"])
def test_one_split_is_loaded_without_the_others(tmp_path, placement):
    rows = examples(0, 9)
    make(image_features(), {"extra": rows}, data_dir=tmp_path)
    options = sample_data.options("tiny", dir=str(tmp_path), placement=placement, classes=(2, 0))
    found = data.load_split(options, "extra", free_bytes=2**40)
    assert (found.name, found.version, found.split_name) == ("tiny", "1.2.3", "extra")
    assert found.class_names == (CLASS_NAMES[2], CLASS_NAMES[0])
    np.testing.assert_array_equal(np.bincount(found.split.labels), [3, 3])
    images = found.split.images[np.arange(6)]
    stored = {np.asarray(row["image"]).tobytes(): row["label"] for row in rows}
    for image, label in zip(images, found.split.labels, strict=True):
        assert stored[image.tobytes()] == (2, 0)[label]
    assert isinstance(found.split.images, StoredImages) == (placement == "stream")


def test_a_held_out_test_split_is_the_same_alone(train_alone):
    alone = data.load_split(sample_data.options(**train_alone), "test", free_bytes=2**40)
    assert alone.split_name == "test" and len(alone.split.ids) == 12
    assert_same(alone.split, load(**train_alone).test)


@pytest.mark.skipif(
    "JAXCMP_CIFAR10_JPEG_DIR" not in os.environ,
    reason="JAXCMP_CIFAR10_JPEG_DIR names no folder with cifar10_jpeg",
)
def test_the_real_images_load_with_the_official_classes():
    loaded = load("cifar10_jpeg", dir=os.environ["JAXCMP_CIFAR10_JPEG_DIR"])
    assert loaded.class_names[0] == "airplane" and loaded.class_names[9] == "truck"
    np.testing.assert_array_equal(np.bincount(loaded.train.labels), [5000] * 10)
    np.testing.assert_array_equal(np.bincount(loaded.test.labels), [1000] * 10)
    np.testing.assert_allclose(loaded.mean, [0.491, 0.482, 0.447], atol=2e-3)
