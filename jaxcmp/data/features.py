"""What a TFDS data set holds: which features are image and label, which splits train and test."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxcmp.errors import CommandError

Builder = tfds.core.DatasetBuilder


def feature_keys(builder: Builder) -> tuple[str, str]:
    """Returns the names of the image and of the label among the features of an example.

    Raises:
      CommandError: the data set is not one of 8-bit images with a class each.
    """
    features: Any = builder.info.features
    items = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    images = [key for key, value in items.items() if type(value) is tfds.features.Image]
    labels = [key for key, value in items.items() if type(value) is tfds.features.ClassLabel]
    if not images or not labels:
        kinds = ", ".join(f"{key}: {type(value).__name__}" for key, value in items.items())
        raise CommandError(
            f"data set {builder.name} is not one of image classification: it needs an Image and a "
            f"ClassLabel, its features are {kinds or type(features).__name__}"
        )
    preferred = {"image", "label", *_leaves(builder.info.supervised_keys)}
    image_key = next((key for key in images if key in preferred), images[0])
    label_key = next((key for key in labels if key in preferred), labels[0])
    image: Any = items[image_key]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise CommandError(
            f"data set {builder.name} has {np.dtype(image.np_dtype).name} images of shape "
            f"{image.shape}: 8-bit images with one or three channels are needed"
        )
    return image_key, label_key


def num_channels(builder: Builder) -> int:
    """Returns 1 for grey images, 3 for RGB."""
    return _feature(builder, feature_keys(builder)[0]).shape[-1]


def class_names(builder: Builder) -> tuple[str, ...]:
    """Returns the name of each class, or its number where the data set names none."""
    label = _feature(builder, feature_keys(builder)[1])
    return tuple(label.names or (str(index) for index in range(label.num_classes)))


def candidate_splits(builder: Builder) -> tuple[str, list[str]]:
    """Returns the name of the training split, and those that can be the test split, best first.

    The split named validation is the test split where none is named test; some data sets have one
    named test without labels, so both may be returned.

    Raises:
      CommandError: the data set has no such pair.
    """
    splits = builder.info.splits
    tests = [name for name in ("test", "validation") if _is_filled(splits, name)]
    if not tests or not _is_filled(splits, "train"):
        raise CommandError(
            f"data set {builder.name} has the splits {', '.join(splits)}: train, and test or "
            "validation are needed"
        )
    return "train", tests


def _is_filled(splits: Any, name: str) -> bool:
    return name in splits and splits[name].num_examples > 0


def _feature(builder: Builder, key: str) -> Any:
    features: Any = builder.info.features
    return features[key]


def _leaves(keys: Any) -> Iterator[str]:
    if isinstance(keys, str):
        yield keys
    elif keys is not None:
        for value in keys.values() if isinstance(keys, dict) else keys:
            yield from _leaves(value)
