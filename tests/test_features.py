"""Image, label, classes and splits are found among whatever a TFDS data set holds."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tiny_tfds import CLASS_NAMES, examples, image_features, make

from jaxcmp.data import features
from jaxcmp.errors import CommandError

SPLITS = {"train": examples(0, 3), "test": examples(1, 3)}


def test_an_image_and_its_label_are_found_under_any_name(tmp_path):
    row = {"picture": SPLITS["train"][0]["image"], "kind": 1, "note": "a"}
    given = {
        "note": tfds.features.Text(),
        "picture": tfds.features.Image(shape=(4, 4, 3)),
        "kind": tfds.features.ClassLabel(num_classes=3),
    }
    builder = make(given, {"train": [row], "test": [row]}, data_dir=tmp_path)
    assert features.feature_keys(builder) == ("picture", "kind")
    assert features.class_names(builder) == ("0", "1", "2")
    assert features.num_channels(builder) == 3


def test_the_label_named_label_is_preferred_to_another(tmp_path):
    coarse = {"coarse": tfds.features.ClassLabel(num_classes=2), **image_features()}
    rows = [{**row, "coarse": 0} for row in SPLITS["train"]]
    builder = make(coarse, {"train": rows, "test": rows}, data_dir=tmp_path)
    assert features.feature_keys(builder) == ("image", "label")
    assert features.class_names(builder) == CLASS_NAMES


def test_a_data_set_without_images_is_refused_naming_its_features(tmp_path):
    given = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
    rows = [{"text": "a", "label": 0}]
    builder = make(given, {"train": rows, "test": rows}, data_dir=tmp_path)
    with pytest.raises(CommandError, match="tiny.*Image.*text: Text.*label: ClassLabel"):
        features.feature_keys(builder)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4, 1), np.uint16), ((4, 4, 4), np.uint8), ((4, 4, 1), np.float32)]
)
def test_images_of_another_depth_or_with_transparency_are_refused(tmp_path, shape, dtype):
    builder = make(image_features(shape, dtype), {}, data_dir=tmp_path)
    with pytest.raises(CommandError, match=f"{np.dtype(dtype)} images.*8-bit"):
        features.feature_keys(builder)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "test"), ("train", ["test"])),
        (("train", "validation"), ("train", ["validation"])),
        (("train", "validation", "test"), ("train", ["test", "validation"])),
    ],
)
def test_validation_stands_in_for_a_missing_test_split(tmp_path, names, expected):
    splits = {name: SPLITS["train"] for name in names}
    builder = make(image_features(), splits, data_dir=tmp_path)
    assert features.candidate_splits(builder) == expected


@pytest.mark.parametrize("names", [("train",), ("test",), ("train", "extra")])
def test_a_missing_split_is_told_naming_those_there_are(tmp_path, names):
    splits = {name: SPLITS["train"] for name in names}
    builder = make(image_features(), splits, data_dir=tmp_path)
    with pytest.raises(CommandError, match=f"the splits {', '.join(names)}: train, and"):
        features.candidate_splits(builder)
