"""Images to train and test on: any TFDS image-classification data set, or the digits."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxcmp.data import digits
from jaxcmp.data.normalisation import channel_statistics
from jaxcmp.data.splits import held_out, stratified_fraction
from jaxcmp.data.streams import stream
from jaxcmp.errors import CommandError, JaxcmpError


@dataclass(frozen=True)
class Split:
    """Images uint8 [n, H, W, C], labels int32 [n], ids int64 [n]: positions in the source."""

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    def take(self, positions: np.ndarray) -> "Split":
        """Returns the examples at these positions; all of them in order cost no copy."""
        if np.array_equal(positions, np.arange(len(self.labels))):
            return self
        return Split(self.images[positions], self.labels[positions], self.ids[positions])


@dataclass(frozen=True)
class Dataset:
    """A data set ready for training.

    `mean` and `std`, float32 [C], are those of the training images in use, for pixels in [0, 1].
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split
    mean: np.ndarray
    std: np.ndarray


def load(
    name: str,
    *,
    data_dir: str | None,
    manual_dir: str | None,
    image_size: int | None,
    train_fraction: float,
    validation_fraction: float,
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
      seed: picks both parts.

    Raises:
      CommandError: a wrong name or value.
      JaxcmpError: the data is not there, is damaged, or cannot be written to the cache.
    """
    if seed < 0:
        raise CommandError(f"the seed must be 0 or more, not {seed}")
    if image_size is not None and image_size < 0:
        raise CommandError(f"data.image_size must be 0 (as stored) or more, not {image_size}")
    if name == "digits":
        source = _load_digits(image_size or 0)
    else:
        source = _load_prepared(name, data_dir, manual_dir, image_size or 0)
    labels = source.train.labels
    kept, held = held_out(stream("validation", seed), labels, validation_fraction)
    chosen = stratified_fraction(stream("subset", seed), labels[kept], train_fraction)
    train = source.train.take(kept[chosen])
    mean, std = channel_statistics(train.images)
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=source.class_names,
        train=train,
        validation=source.train.take(held) if validation_fraction else None,
        test=source.test,
        mean=mean,
        std=std,
    )


class _Source(NamedTuple):
    """A data set as its authors split it."""

    name: str
    version: str
    class_names: tuple[str, ...]
    train: Split
    test: Split


def _load_digits(image_size: int) -> _Source:
    images, labels, train, test = digits.read(image_size=image_size)
    every = Split(images, labels, np.arange(len(labels)))
    return _Source(
        "digits", digits.VERSION, digits.CLASS_NAMES, every.take(train), every.take(test)
    )


def _load_prepared(
    name: str, data_dir: str | None, manual_dir: str | None, image_size: int
) -> _Source:
    # TFDS takes a second to import, which the digits need not wait for.
    from jaxcmp.data import examples, features, prepared

    builder = prepared.find_or_prepare(name, data_dir=data_dir, manual_dir=manual_dir)
    splits = []
    for split_name in examples.split_names(builder):
        images, labels = examples.read(builder, split_name, image_size=image_size)
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
    return _Source(full_name, version, features.class_names(builder), train, test)
