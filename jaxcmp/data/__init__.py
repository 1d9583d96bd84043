"""Images to train and test on: any TFDS image-classification data set, or the digits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxcmp.data import digits
from jaxcmp.data.normalisation import channel_statistics, image_sums, statistics_of_sums
from jaxcmp.data.placement import GIVEN, Placement, check, choose
from jaxcmp.data.splits import held_out, stratified_fraction
from jaxcmp.data.streaming import Images, StoredImages
from jaxcmp.data.streams import stream
from jaxcmp.errors import CommandError, JaxcmpError


@dataclass(frozen=True)
class Split:
    """Images uint8 [n, H, W, C], labels int32 [n], ids int64 [n]: positions in the source."""

    images: Images
    labels: np.ndarray
    ids: np.ndarray

    def take(self, positions: np.ndarray) -> "Split":
        """Returns the examples at these positions; all of them in order cost no copy."""
        if np.array_equal(positions, np.arange(len(self.labels))):
            return self
        images = self.images
        is_stored = isinstance(images, StoredImages)
        images = images.subset(positions) if is_stored else images[positions]
        return Split(images, self.labels[positions], self.ids[positions])


@dataclass(frozen=True)
class Dataset:
    """A data set ready for training.

    `mean` and `std`, float32 [C], are those of the training images in use, for pixels in [0, 1].
    The images of all splits are arrays or, where `placement` says streamed, StoredImages.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split
    mean: np.ndarray
    std: np.ndarray
    placement: Placement = GIVEN

    def splits(self) -> dict[str, Split]:
        """Returns the splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}


def load(
    name: str,
    *,
    data_dir: str | None,
    manual_dir: str | None,
    image_size: int | None,
    train_fraction: float,
    validation_fraction: float,
    placement: str,
    free_bytes: int,
    seed: int,
) -> Dataset:
    """Loads a data set, holds out a validation split and takes a part of the rest for training.

    The validation images depend on `validation_fraction` and `seed` alone, and training images at a
    smaller `train_fraction` are among those at a larger one.

    Args:
      name: `digits`, or a data set of TFDS, if need be with config and version.
      data_dir: where it is prepared; TFDS's default folder if empty.
      manual_dir: where archives fetched by hand lie; `downloads/manual` in `data_dir` if empty.
      image_size: side to which images are resized; 0 or None keeps them as stored.
      train_fraction: the part of the training images in use, in (0, 1], stratified.
      validation_fraction: the part of the training images held out first, in [0, 1), stratified.
      placement: `device`, `stream`, or `auto` to stream what does not fit; the images are the same.
      free_bytes: what is free on the devices, for `auto`.
      seed: picks both parts.

    Raises:
      CommandError: a wrong name or value.
      JaxcmpError: the data is not there, is damaged, or cannot be written to the cache.
    """
    if seed < 0:
        raise CommandError(f"the seed must be 0 or more, not {seed}")
    if image_size is not None and image_size < 0:
        raise CommandError(f"data.image_size must be 0 (as stored) or more, not {image_size}")
    check(placement)

    def place(num_train: int, num_test: int, image_bytes: int) -> Placement:
        part = validation_fraction + train_fraction * (1 - validation_fraction)
        num_bytes = round((num_train * part + num_test) * image_bytes)
        return choose(placement, num_bytes=num_bytes, free_bytes=free_bytes)

    if name == "digits":
        source = _load_digits(image_size or 0, place)
    else:
        source = _load_prepared(name, data_dir, manual_dir, image_size or 0, place)
    labels = source.train.labels
    kept, held = held_out(stream("validation", seed), labels, validation_fraction)
    chosen = stratified_fraction(stream("subset", seed), labels[kept], train_fraction)
    train = source.train.take(kept[chosen])
    mean, std = _statistics(train.images)
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=source.class_names,
        train=train,
        validation=source.train.take(held) if validation_fraction else None,
        test=source.test,
        mean=mean,
        std=std,
        placement=source.placement,
    )


# Maps the numbers of training and test images, and the bytes of one, to where they go.
_Place = Callable[[int, int, int], Placement]


class _Source(NamedTuple):
    """A data set as its authors split it."""

    name: str
    version: str
    class_names: tuple[str, ...]
    train: Split
    test: Split
    placement: Placement


def _load_digits(image_size: int, place: _Place) -> _Source:
    images, labels, train, test = digits.read(image_size=image_size)
    positions = np.arange(len(labels))
    placement = place(len(train), len(test), images[0].nbytes)
    kept: Images = images
    if placement.is_streamed:
        kept = StoredImages(images.__getitem__, positions, image_sums(images), images[0].shape)
    every = Split(kept, labels, positions)
    names = digits.CLASS_NAMES
    return _Source("digits", digits.VERSION, names, every.take(train), every.take(test), placement)


def _load_prepared(
    name: str, data_dir: str | None, manual_dir: str | None, image_size: int, place: _Place
) -> _Source:
    # TFDS takes a second to import, which the digits need not wait for.
    from jaxcmp.data import examples, features, prepared, stored

    builder = prepared.find_or_prepare(name, data_dir=data_dir, manual_dir=manual_dir)
    split_names = examples.split_names(builder)
    num_train, num_test = (builder.info.splits[each].num_examples for each in split_names)
    first, _ = examples.reader(builder, split_names[0], image_size=image_size)(range(1))
    placement = place(num_train, num_test, first.nbytes)
    read = stored.open_stored if placement.is_streamed else examples.read
    splits = []
    for split_name in split_names:
        images, labels = read(builder, split_name, image_size=image_size)
        if labels.min() < 0:
            raise JaxcmpError(f"split {split_name} of {name} holds images without a label")
        splits.append(Split(images, labels, np.arange(len(labels))))
    train, test = splits
    if train.images.shape[1:] != test.images.shape[1:]:
        raise CommandError(
            f"training images of {name} have the shape {train.images.shape[1:]}, test images "
            f"{test.images.shape[1:]}: set data.image_size"
        )
    full_name, version = builder.info.full_name.rsplit("/", 1)
    return _Source(full_name, version, features.class_names(builder), train, test, placement)


def _statistics(images: Images) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(images, StoredImages):
        height, width, _ = images.image_shape
        return statistics_of_sums(images.sums, num_pixels=height * width)
    return channel_statistics(images)
