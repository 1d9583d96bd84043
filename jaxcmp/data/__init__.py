"""Images to train and test on: any TFDS image-classification data set, or the digits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from jaxcmp.data import digits
from jaxcmp.data.normalisation import (
    channel_statistics,
    given_statistics,
    image_sums,
    statistics_of_sums,
)
from jaxcmp.data.placement import GIVEN, Placement, check, choose
from jaxcmp.data.splits import check_classes, held_out, of_classes, stratified_fraction
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

    Pixels in [0, 1] are normalised by `mean` and `std`, float32 [C]: those of the training images
    in use, unless others were asked for. The images of all splits are arrays or, where `placement`
    says streamed, StoredImages.
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
    classes: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
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
      classes: indices of the classes kept, numbered anew in this order; empty for all.
      mean, std: for each channel, of pixels in [0, 1]; both empty for those of the images in use.
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

    def place(
        num_train: int, num_test: int, image_bytes: int, class_names: Sequence[str]
    ) -> Placement:
        # Before anything is decoded, which may take minutes.
        check_classes(classes, class_names)
        share = len(classes or class_names) / len(class_names)
        part = validation_fraction + train_fraction * (1 - validation_fraction)
        num_bytes = round((num_train * part + num_test) * share * image_bytes)
        return choose(placement, num_bytes=num_bytes, free_bytes=free_bytes)

    if name == "digits":
        source = _load_digits(image_size or 0, place)
    else:
        source = _load_prepared(name, data_dir, manual_dir, image_size or 0, place)
    if classes:
        source = _of_classes(source, classes)
    labels = source.train.labels
    kept, held = held_out(stream("validation", seed), labels, validation_fraction)
    chosen = stratified_fraction(stream("subset", seed), labels[kept], train_fraction)
    train = source.train.take(kept[chosen])
    if mean or std:
        scale = given_statistics(mean, std, num_channels=train.images.shape[-1])
    else:
        scale = _statistics(train.images)
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=source.class_names,
        train=train,
        validation=source.train.take(held) if validation_fraction else None,
        test=source.test,
        mean=scale[0],
        std=scale[1],
        placement=source.placement,
    )


# Maps the numbers of training and test images, the bytes of one, and the names of all classes to
# where the images go.
_Place = Callable[[int, int, int, Sequence[str]], Placement]


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
    names = digits.CLASS_NAMES
    placement = place(len(train), len(test), images[0].nbytes, names)
    kept: Images = images
    if placement.is_streamed:
        kept = StoredImages(images.__getitem__, positions, image_sums(images), images[0].shape)
    every = Split(kept, labels, positions)
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
    names = features.class_names(builder)
    placement = place(num_train, num_test, first.nbytes, names)
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
    return _Source(full_name, version, names, train, test, placement)


def _of_classes(source: _Source, classes: Sequence[int]) -> _Source:
    """Cut to some classes; ids stay positions in the source."""

    def cut(split: Split) -> Split:
        positions, labels = of_classes(split.labels, classes)
        return replace(split.take(positions), labels=labels)

    return source._replace(
        class_names=tuple(source.class_names[index] for index in classes),
        train=cut(source.train),
        test=cut(source.test),
    )


def _statistics(images: Images) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(images, StoredImages):
        height, width, _ = images.image_shape
        return statistics_of_sums(images.sums, num_pixels=height * width)
    return channel_statistics(images)
