"""TFDS data sets as sources: image, label, classes and examples."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tiny_tfds import CLASS_NAMES, examples, image_features, make

from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.streaming import ReadAhead
from jaxcmp.data.tfds_source import TfdsSource
from jaxcmp.errors import CommandError, JaxcmpError

SPLITS = {"train": examples(0, 3), "test": examples(1, 3)}


def keys_of(source):
    return source._image_key, source._label_key


def test_an_image_and_its_label_may_have_any_name(tmp_path):
    row = {"picture": SPLITS["train"][0]["image"], "kind": 1, "note": "a"}
    given = {
        "note": tfds.features.Text(),
        "picture": tfds.features.Image(shape=(4, 4, 3)),
        "kind": tfds.features.ClassLabel(num_classes=3),
    }
    source = TfdsSource(make(given, {"train": [row], "test": [row]}, data_dir=tmp_path))
    assert keys_of(source) == ("picture", "kind")
    assert source.class_names == ("0", "1", "2") and source.num_channels == 3


@pytest.mark.parametrize("name", ["cifar10_1/v6", "cifar10_corrupted/fog_3"])
def test_test_sets_of_cifar_10_that_tfds_numbers_have_its_class_names(tmp_path, name):
    source = TfdsSource(tfds.builder(name, data_dir=str(tmp_path)))
    assert source.name == name
    assert source.class_names[0] == "airplane" and source.class_names[9] == "truck"
    assert len(source.class_names) == 10


def test_the_label_named_label_is_preferred_to_another(tmp_path):
    coarse = {"coarse": tfds.features.ClassLabel(num_classes=2), **image_features()}
    rows = [{**row, "coarse": 0} for row in SPLITS["train"]]
    source = TfdsSource(make(coarse, {"train": rows, "test": rows}, data_dir=tmp_path))
    assert keys_of(source) == ("image", "label") and source.class_names == CLASS_NAMES


def test_a_data_set_without_images_is_refused_naming_its_features(tmp_path):
    given = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
    builder = make(given, {"train": [{"text": "a", "label": 0}]}, data_dir=tmp_path)
    with pytest.raises(CommandError, match="tiny.*Image.*text: Text.*label: ClassLabel"):
        TfdsSource(builder)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4, 1), np.uint16), ((4, 4, 4), np.uint8), ((4, 4, 1), np.float32)]
)
def test_images_of_another_depth_or_with_transparency_are_refused(tmp_path, shape, dtype):
    builder = make(image_features(shape, dtype), {}, data_dir=tmp_path)
    with pytest.raises(CommandError, match=f"{np.dtype(dtype)} images.*8-bit"):
        TfdsSource(builder)


def test_every_pixel_and_label_is_read_as_written_in_tfdss_order(tmp_path):
    rows = {"train": examples(0, 7), "test": SPLITS["test"]}
    builder = make(image_features(), rows, data_dir=tmp_path)
    source = TfdsSource(builder)
    assert sorted(source.splits()) == ["test", "train"]
    np.testing.assert_array_equal(source.ids("train"), np.arange(7))
    images, labels = read_decoded(SplitReader(source, "train", image_size=0))
    expected = list(builder.as_data_source("train"))
    np.testing.assert_array_equal(images, [example["image"] for example in expected])
    np.testing.assert_array_equal(labels, [example["label"] for example in expected])
    written = [np.asarray(row["image"]).tobytes() for row in rows["train"]]
    assert sorted(written) == sorted(image.tobytes() for image in images)


def records_of(builder):
    (path,) = Path(builder.data_dir).glob("*-train.array_record*")
    return path


def test_the_fingerprint_changes_when_files_are_prepared_again(tmp_path):
    builder = make(image_features(), SPLITS, data_dir=tmp_path)
    before = TfdsSource(builder).fingerprint("train")
    assert TfdsSource(builder).fingerprint("train") == before
    os.utime(records_of(builder), (1, 1))
    assert TfdsSource(builder).fingerprint("train") != before


def test_a_truncated_file_is_one_line_before_and_during_reading(tmp_path):
    rows = {"train": examples(0, 2000), "test": SPLITS["test"]}
    builder = make(image_features(), rows, data_dir=tmp_path)
    unread, _ = open_stored(SplitReader(TfdsSource(builder), "train", image_size=0))
    path = records_of(builder)
    os.truncate(path, path.stat().st_size // 2)
    reading = ReadAhead(unread, lambda number: np.arange(1900, 2000), stop=3)
    expected = "split train in .*tiny/1.2.3 cannot be read"
    for _ in range(2):
        with pytest.raises(JaxcmpError, match=expected) as caught:
            reading.take(range(0, 1))
        assert "\n" not in str(caught.value) and caught.value.exit_code == 1
        reading.close()
    for read in (open_stored, read_decoded):
        with pytest.raises(JaxcmpError, match=expected):
            read(SplitReader(TfdsSource(builder), "train", image_size=0))


def test_a_missing_file_is_one_line(tmp_path):
    builder = make(image_features(), SPLITS, data_dir=tmp_path)
    records_of(builder).unlink()
    with pytest.raises(JaxcmpError, match="split train in .*tiny/1.2.3 cannot be read") as caught:
        read_decoded(SplitReader(TfdsSource(builder), "train", image_size=0))
    assert "\n" not in str(caught.value)
