"""Examples are decoded once, exactly, and again when the prepared files change."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_tfds import examples, image_features, make

from jaxcmp.data import images as image_ops
from jaxcmp.data.examples import read, split_names
from jaxcmp.errors import CommandError, JaxcmpError


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """Counts the images decoded."""
    calls, decode = [], image_ops.decode

    def counted(*args, **kwargs):
        calls.append(1)
        return decode(*args, **kwargs)

    monkeypatch.setattr(image_ops, "decode", counted)
    return calls


def tiny(data_dir, shape=(4, 4, 3), count=7, seed=0):
    rows = {"train": examples(seed, count, shape=shape), "test": examples(seed + 1, 2, shape=shape)}
    return rows, make(image_features(shape), rows, data_dir=data_dir)


def as_set(images, labels):
    """Examples without their order, which TFDS shuffles."""
    return {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}


@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 6, 1)])
def test_every_pixel_and_label_is_read_as_it_was_written(tmp_path, shape):
    rows, builder = tiny(tmp_path, shape)
    images, labels = read(builder, "train", image_size=0)
    assert images.shape == (7, *shape) and images.dtype == np.uint8 and labels.dtype == np.int32
    pixels = [np.asarray(row["image"]) for row in rows["train"]]
    assert as_set(images, labels) == as_set(pixels, [row["label"] for row in rows["train"]])


def test_large_images_are_decoded_by_threads_in_the_same_order(tmp_path, monkeypatch):
    rows, builder = tiny(tmp_path, shape=(80, 80, 3), count=5)
    images, _ = read(builder, "train", image_size=0)
    source = builder.as_data_source("train")
    np.testing.assert_array_equal(images, [example["image"] for example in source])


def test_the_second_time_nothing_is_decoded(tmp_path, decoded):
    _, builder = tiny(tmp_path)
    first, _ = read(builder, "train", image_size=0)
    assert len(decoded) == 7
    second, _ = read(builder, "train", image_size=0)
    assert len(decoded) == 7
    np.testing.assert_array_equal(first, second)


def test_each_split_and_each_size_has_an_entry_of_its_own(tmp_path, decoded):
    _, builder = tiny(tmp_path)
    shapes = [read(builder, split, image_size=n)[0].shape for split, n in SIZES for _ in range(2)]
    assert shapes[::2] == shapes[1::2] == [(7, 4, 4, 3), (2, 4, 4, 3), (7, 6, 6, 3)]
    assert len(decoded) == 7 + 2 + 7


SIZES = [("train", 0), ("test", 0), ("train", 6)]


def test_other_prepared_files_under_the_same_name_are_noticed(tmp_path):
    _, one = tiny(tmp_path / "one")
    _, other = tiny(tmp_path / "other", seed=5)
    assert as_set(*read(one, "train", image_size=0)) != as_set(*read(other, "train", image_size=0))


def test_a_cut_cache_file_is_decoded_again(tmp_path, cache_folder, decoded):
    _, builder = tiny(tmp_path)
    whole = np.array(read(builder, "train", image_size=0)[0])
    (path,) = cache_folder.rglob("images.npy")
    os.truncate(path, path.stat().st_size - 1)
    np.testing.assert_array_equal(read(builder, "train", image_size=0)[0], whole)
    assert len(decoded) == 14


def test_images_of_several_sizes_ask_for_a_size(tmp_path):
    rows = [*examples(0, 2, shape=(4, 4, 3)), *examples(0, 2, shape=(5, 4, 3))]
    splits = {"train": rows, "test": rows}
    builder = make(image_features((None, None, 3)), splits, data_dir=tmp_path)
    with pytest.raises(CommandError, match=r"\(4, 4\).*data.image_size|\(5, 4\).*data.image_size"):
        read(builder, "train", image_size=0)
    assert read(builder, "train", image_size=4)[0].shape == (4, 4, 4, 3)


def test_a_test_split_without_labels_gives_way_to_validation(tmp_path):
    rows = examples(0, 3)
    unlabelled = [{**row, "label": -1} for row in rows]
    splits = {"train": rows, "validation": rows, "test": unlabelled}
    assert split_names(make(image_features(), splits, data_dir=tmp_path)) == ("train", "validation")
    splits = {"train": rows, "test": unlabelled}
    builder = make(image_features(), splits, data_dir=tmp_path, name="other")
    with pytest.raises(CommandError, match="no labels"):
        split_names(builder)


def damage_records(builder):
    (path,) = Path(builder.data_dir).glob("*-train.array_record*")
    os.truncate(path, path.stat().st_size // 2)


def remove_records(builder):
    (path,) = Path(builder.data_dir).glob("*-train.array_record*")
    path.unlink()


@pytest.mark.parametrize("damage", [damage_records, remove_records])
def test_damaged_files_are_named_in_one_line(tmp_path, damage):
    _, builder = tiny(tmp_path, count=200)
    damage(builder)
    with pytest.raises(JaxcmpError, match="split train in .*tiny/1.2.3 cannot be read") as caught:
        read(builder, "train", image_size=0)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 1


def test_an_image_that_is_none_is_told_in_one_line(tmp_path, cache_folder):
    broken = [*examples(0, 2), {"image": b"no image", "label": 0}]
    features = image_features((None, None, 3))
    builder = make(features, {"train": broken, "test": broken}, data_dir=tmp_path)
    with pytest.raises(JaxcmpError, match="split train in .* cannot be read"):
        read(builder, "train", image_size=0)
    assert not list(cache_folder.rglob("*.npy"))


def test_palette_and_grey_images_in_an_rgb_set_become_rgb(tmp_path):
    row = examples(0, 1)[0]
    rows = [row, {**row, "image": row["image"].convert("L")}]
    assert isinstance(row["image"], Image.Image)
    builder = make(image_features((None, None, 3)), {"train": rows}, data_dir=tmp_path)
    assert read(builder, "train", image_size=0)[0].shape == (2, 4, 4, 3)
