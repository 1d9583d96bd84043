"""A prepared TFDS data set as a source of labelled images."""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxcmp.data.source import Example, Size
from jaxcmp.errors import CommandError, JaxcmpError, first_line

Builder = tfds.core.DatasetBuilder
# The classes of test sets for which TFDS has numbers alone (Recht et al. 2018, Hendrycks and
# Dietterich 2019): their labels are those of CIFAR-10.
_CIFAR10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
KNOWN_NAMES = {"cifar10_1": _CIFAR10, "cifar10_corrupted": _CIFAR10}


class TfdsSource:
    """The examples of a TFDS data set, whose images stay encoded; ids are positions in a split.

    Raises CommandError unless every example has an 8-bit image and a class. Only `splits`, `ids`,
    `read` and `fingerprint` need a prepared data set.
    """

    # A validation split of TFDS stays unused, unless there is no test split.
    validation: str | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._image_key, self._label_key = feature_keys(builder)
        features: Any = builder.info.features
        label = features[self._label_key]
        self.name, self.version = builder.info.full_name.rsplit("/", 1)
        self.place = str(builder.data_dir)
        # Some data sets have numbers for names.
        numbers = tuple(str(i) for i in range(label.num_classes))
        names = tuple(label.names or numbers)
        self.class_names = KNOWN_NAMES.get(builder.name, names) if names == numbers else names
        self.num_channels: int = features[self._image_key].shape[-1]
        self._open = functools.cache(self._open_split)

    def splits(self) -> Sequence[str]:
        return [name for name, info in self._builder.info.splits.items() if info.num_examples]

    def ids(self, split: str) -> np.ndarray:
        return np.arange(self._builder.info.splits[split].num_examples)

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        with self._reading(split):
            examples = self._open(split).__getitems__(list(positions))
            # A truncated file gives empty records, without an error.
            if any(value is None for example in examples for value in example.values()):
                raise ValueError("a record is empty")
            return [Example(e[self._image_key], int(e[self._label_key])) for e in examples]

    def fingerprint(self, split: str) -> str:
        """Lists the split's files with their sizes and times."""
        folder = Path(self.place)
        described = [folder / "dataset_info.json", folder / "features.json"]
        lines = []
        with self._reading(split):
            for path in [*described, *map(Path, self._builder.info.splits[split].filepaths)]:
                status = path.stat()
                lines.append(f"{path.name} {status.st_size} {status.st_mtime_ns}\n")
        return "".join(lines)

    def stored_size(self) -> Size | None:
        features: Any = self._builder.info.features
        height, width, _ = features[self._image_key].shape
        return (height, width) if height and width else None

    def contents(self, split: str) -> None:
        return None

    def _open_split(self, split: str) -> Any:
        skip: Any = tfds.decode.SkipDecoding
        # Any, because TFDS's decorator hides the arguments from the type checker.
        open_split: Any = self._builder.as_data_source
        return open_split(split, decoders={self._image_key: skip()}, file_format="array_record")

    @contextlib.contextmanager
    def _reading(self, split: str) -> Iterator[None]:
        """Turns errors of reading prepared files into one line."""
        try:
            yield
        except NotImplementedError as error:
            raise JaxcmpError(
                f"{self.place} is not stored as array_record, which is read without TensorFlow: "
                f"where TensorFlow is, run `tfds convert_format --dataset_version_dir={self.place} "
                "--out_file_format=array_record`, or set data.dir to another folder"
            ) from error
        except MemoryError:  # It says nothing about the files.
            raise
        except Exception as error:  # TFDS passes on any error of its parsers.
            raise JaxcmpError(
                f"split {split} in {self.place} cannot be read ({first_line(error)}): "
                "remove that folder and prepare the data set again"
            ) from error


def feature_keys(builder: Builder) -> tuple[str, str]:
    """Returns the names of the image and of the label among an example's features.

    Raises CommandError unless every example has an 8-bit image and a class.
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
    preferred = {"image", "label", *_names_in(builder.info.supervised_keys)}
    image_key = next((key for key in images if key in preferred), images[0])
    label_key = next((key for key in labels if key in preferred), labels[0])
    image: Any = items[image_key]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise CommandError(
            f"data set {builder.name} has {np.dtype(image.np_dtype).name} images of shape "
            f"{image.shape}: 8-bit images with one or three channels are needed"
        )
    return image_key, label_key


def _names_in(keys: Any) -> Iterator[str]:
    """Yields every name in TFDS's supervised keys, which may be nested."""
    if isinstance(keys, str):
        yield keys
    elif keys is not None:
        for value in keys.values() if isinstance(keys, dict) else keys:
            yield from _names_in(value)
