"""Decoded images: once per source, and again when its files or the cache change."""

import os

import numpy as np
import pytest
from sample_data import Made, made_examples, made_files

from jaxcmp.data import decoded as decoding
from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.normalisation import image_sums
from jaxcmp.errors import CommandError
from jaxcmp.runs.predictions import Predictions, pictures_of_mistakes


def made(count=300, *, shape=(4, 4, 3), seed=0, **options):
    """Makes a source of PNG files."""
    files = made_files(count, seed=seed, shape=shape)
    return Made({"train": files, "test": files[:2]}, num_channels=shape[-1], **options)


def decode(source, *, split="train", image_size=0):
    return read_decoded(SplitReader(source, split, image_size=image_size))


def store(source, *, split="train", image_size=0):
    return open_stored(SplitReader(source, split, image_size=image_size))


BOTH = pytest.mark.parametrize("read", [decode, store])


@BOTH
@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 6, 1), (80, 80, 3)])
def test_every_pixel_and_label_is_read_in_order_as_it_was_written(read, shape):
    images, labels = read(made(40, shape=shape))
    rows = made_examples(40, shape=shape)
    assert images.shape == (40, *shape)
    np.testing.assert_array_equal(images[:], [row.image for row in rows])
    np.testing.assert_array_equal(labels, [row.label for row in rows])
    assert images[:].dtype == np.uint8 and labels.dtype == np.int32


@pytest.mark.parametrize("image_size", [0, 3])
def test_stored_images_are_the_decoded_ones_with_their_sums(image_size):
    images, labels = decode(made(), image_size=image_size)
    unread, same_labels = store(made(), image_size=image_size)
    np.testing.assert_array_equal(unread[:], images)
    np.testing.assert_array_equal(same_labels, labels)
    np.testing.assert_array_equal(unread.sums, image_sums(images))
    rows = np.array([299, 0, 299, 17])
    np.testing.assert_array_equal(unread[rows], images[rows])


@BOTH
def test_a_source_of_arrays_is_not_cached(read, cache_folder):
    source = Made({"train": made_examples(7)}, fingerprint="")
    images, _ = read(source)
    np.testing.assert_array_equal(images[:], [row.image for row in made_examples(7)])
    assert read(source, image_size=6)[0].shape == (7, 6, 6, 3)
    assert not cache_folder.exists()


def test_a_streamed_model_without_mistakes_has_no_pictures():
    unread, labels = store(made(), split="test")
    right = Predictions.of(np.eye(3)[labels], labels, np.arange(2), ("cat", "dog", "eel"))
    pictures = pictures_of_mistakes(right, unread)
    assert pictures.images.shape == (0, 4, 4, 3) and pictures.ids.shape == (0,)


@BOTH
def test_each_split_and_each_size_is_decoded_once(read, decoded):
    sizes = [("train", 0), ("test", 0), ("train", 6)]
    shapes = [read(made(7), split=s, image_size=n)[0].shape for s, n in sizes for _ in range(2)]
    assert shapes[::2] == shapes[1::2] == [(7, 4, 4, 3), (2, 4, 4, 3), (7, 6, 6, 3)]
    assert len(decoded) == 7 + 2 + 7


def test_stored_images_are_decoded_only_when_read(decoded):
    store(made())
    unread, _ = store(made())
    assert len(decoded) == 300
    unread[np.arange(5)]
    assert len(decoded) == 305


@BOTH
def test_a_damaged_cache_is_decoded_again_and_a_line_says_so(cache_folder, decoded, caplog, read):
    images, labels = (np.array(part[:]) for part in read(made(7)))
    assert "damaged" not in caplog.text
    (entry,) = (cache_folder / "made" / "1.2.3").iterdir()
    os.truncate(entry / "labels.npy", 60)
    decoded.clear()
    again, same_labels = read(made(7))
    assert len(decoded) == 7
    np.testing.assert_array_equal(again[:], images)
    np.testing.assert_array_equal(same_labels, labels)
    (line,) = [line for line in caplog.messages if "damaged" in line]
    assert str(entry) in line and "\n" not in line
    caplog.clear()
    read(made(7))
    assert caplog.text == ""


@BOTH
@pytest.mark.parametrize("block", [1, 256])
def test_images_of_several_sizes_need_a_size(monkeypatch, read, block):
    monkeypatch.setattr(decoding, "_BLOCK", block)
    source = Made({"train": made_examples(5) + made_examples(2, shape=(5, 4, 3))})
    with pytest.raises(CommandError, match=r"sizes, such as \(4, 4\) and \(5, 4\): set data.image"):
        read(source)
    assert read(source, image_size=4)[0].shape == (7, 4, 4, 3)


@pytest.mark.parametrize("name", ["../../x", "a/../../x", "/tmp/x", "tiny//1.0.0", "a\nb/1.0.0"])
def test_the_name_of_a_data_set_cannot_be_a_path(name):
    with pytest.raises(CommandError, match="is no name for a file"):
        decode(made(name=name))
