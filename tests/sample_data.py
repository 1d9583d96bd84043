"""Sample data sets: settings and loading in one call, and a source with images in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from sample_photos import encoded

from jaxcmp import data, settings
from jaxcmp.data.catalog import describe
from jaxcmp.data.source import Example, Size
from jaxcmp.errors import CommandError

CLASS_NAMES = ("cat", "dog", "eel")
WHOLE = {
    "dir": "",
    "manual_dir": "",
    "image_size": 0,
    "train_fraction": 1.0,
    "validation_fraction": 0.0,
    "placement": "auto",
}


def options(name: str = "digits", **changes: Any) -> settings.Data:
    """Returns settings `data` that use all images of a data set, with changes."""
    return msgspec.convert(WHOLE | {"name": name} | changes, settings.Data)


def load(
    name: str = "digits", *, free_bytes: int = 2**40, seed: int = 0, **changes: Any
) -> data.Dataset:
    return data.load(options(name, **changes), free_bytes=free_bytes, seed=seed)


def assert_same(one: data.Split, other: data.Split) -> None:
    """Compares images, which may be streamed, labels and ids."""
    np.testing.assert_array_equal(one.images[:], other.images[:])
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.ids, other.ids)


def outline(name: str, **changes: Any) -> tuple[int, Size | None]:
    """Returns the classes in use and the images' size, as they are known before images are read."""
    known = describe(options(name, **changes))
    return known.num_classes, known.image_size


def refused(name: str, place: str, *, error: type[Exception] = CommandError, **changes: Any) -> str:
    """Returns the line with which the images at a place are refused; it is ROOT there."""
    with pytest.raises(error) as raised:
        load(name, dir=place, **changes)
    line = str(raised.value)
    assert "\n" not in line
    return line.replace(place, "ROOT")


class Made:
    """A source of given examples; `num_read` counts reads."""

    version = "1.2.3"
    place = "nowhere"
    class_names: tuple[str, ...] = CLASS_NAMES
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        splits: Mapping[str, Sequence[Example]],
        *,
        name: str = "made",
        num_channels: int = 3,
        fingerprint: str = "a",
        validation: str | None = None,
    ) -> None:
        self.validation = validation
        self.name, self.num_channels, self.num_read = name, num_channels, 0
        self._splits, self._fingerprint = splits, fingerprint

    def splits(self) -> Sequence[str]:
        return tuple(self._splits)

    def ids(self, split: str) -> np.ndarray:
        return np.arange(len(self._splits[split]))

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        self.num_read += len(positions)
        return [self._splits[split][position] for position in positions]

    def fingerprint(self, split: str) -> str:
        return self._fingerprint

    def stored_size(self) -> None:
        return None

    def contents(self, split: str) -> None:
        return None


def made_examples(count: int, *, seed: int = 0, shape: tuple = (4, 4, 3)) -> list[Example]:
    """Makes random images with labels 0, 1, 2, 0, ..."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return [Example(image, index % 3) for index, image in enumerate(pixels)]


def made_files(count: int, **options: Any) -> list[Example]:
    """Makes the same images as PNG files."""
    rows = made_examples(count, **options)
    return [Example(encoded(Image.fromarray(np.squeeze(row.image))), row.label) for row in rows]
