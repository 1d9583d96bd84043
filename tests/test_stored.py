"""Images left in their files: the same as the decoded ones, looked through once."""

import os
from pathlib import Path

import numpy as np
import pytest
from tiny_tfds import examples, image_features, make

from jaxcmp.data import images as image_ops
from jaxcmp.data import stored
from jaxcmp.data.examples import read
from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.stored import open_stored
from jaxcmp.data.streaming import ReadAhead
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def decoded(monkeypatch):
    """A list that grows with each image that is decoded."""
    calls, decode = [], image_ops.decode
    monkeypatch.setattr(
        image_ops, "decode", lambda *args, **options: calls.append(1) or decode(*args, **options)
    )
    return calls


def tiny(folder, count=300, shape=(4, 4, 3)):
    splits = {"train": examples(0, count, shape=shape), "test": examples(1, 2, shape=shape)}
    return make(image_features(shape), splits, data_dir=folder)


def records_of(builder):
    (path,) = Path(builder.data_dir).glob("*-train.array_record*")
    return path


@pytest.mark.parametrize("shape", [(4, 4, 3), (5, 4, 1)])
@pytest.mark.parametrize("image_size", [0, 3])
def test_images_labels_and_sums_are_those_of_the_decoded_set(tmp_path, shape, image_size):
    builder = tiny(tmp_path, shape=shape)
    images, labels = read(builder, "train", image_size=image_size)
    unread, same_labels = open_stored(builder, "train", image_size=image_size)
    assert unread.shape == images.shape
    np.testing.assert_array_equal(unread[:], images)
    np.testing.assert_array_equal(same_labels, labels)
    assert same_labels.dtype == labels.dtype
    np.testing.assert_array_equal(unread.sums, image_sums(images))
    rows = np.array([299, 0, 299, 17])
    np.testing.assert_array_equal(unread[rows], images[rows])


def test_the_second_time_nothing_is_decoded_until_images_are_asked_for(tmp_path, decoded):
    builder = tiny(tmp_path)
    open_stored(builder, "train", image_size=0)
    assert len(decoded) == 300
    unread, _ = open_stored(builder, "train", image_size=0)
    assert len(decoded) == 300
    unread[np.arange(5)]
    assert len(decoded) == 305


def test_other_prepared_files_and_a_damaged_cache_are_looked_through_again(tmp_path, decoded):
    builder = tiny(tmp_path)
    open_stored(builder, "train", image_size=0)
    (entry,) = (tmp_path / "cache").rglob("*.npz")
    os.truncate(entry, entry.stat().st_size - 100)
    open_stored(builder, "train", image_size=0)
    os.utime(records_of(builder), (1, 1))
    open_stored(builder, "train", image_size=0)
    assert len(decoded) == 900


@pytest.mark.parametrize("block", [1, 256])
def test_images_of_several_sizes_ask_for_a_size(tmp_path, monkeypatch, block):
    monkeypatch.setattr(stored, "_BLOCK", block)
    rows = [*examples(0, 5, shape=(4, 4, 3)), *examples(0, 2, shape=(5, 4, 3))]
    builder = make(image_features((None, None, 3)), {"train": rows}, data_dir=tmp_path)
    with pytest.raises(CommandError, match="data.image_size"):
        open_stored(builder, "train", image_size=0)
    assert open_stored(builder, "train", image_size=4)[0].shape == (7, 4, 4, 3)


def test_a_file_that_is_cut_is_one_line_before_and_while_it_is_read(tmp_path):
    builder = tiny(tmp_path, count=2000)
    unread, _ = open_stored(builder, "train", image_size=0)
    path = records_of(builder)
    os.truncate(path, path.stat().st_size // 2)
    reading = ReadAhead(unread, lambda number: np.arange(1900, 2000), stop=3)
    for _ in range(2):
        with pytest.raises(JaxcmpError, match="split train in .* cannot be read") as caught:
            reading.take(range(0, 1))
        assert "\n" not in str(caught.value) and caught.value.exit_code == 1
        reading.close()
    with pytest.raises(JaxcmpError, match="split train in .* cannot be read"):
        open_stored(builder, "train", image_size=0)
