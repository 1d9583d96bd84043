"""The images to train and test on: any TFDS image-classification data set, or the digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jaxcmp.data.catalog import describe, open_source
from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.normalisation import channel_statistics, given_statistics
from jaxcmp.data.placement import GIVEN, Placement, choose
from jaxcmp.data.random_streams import stream
from jaxcmp.data.source import Source, choose_splits
from jaxcmp.data.splits import check_classes, held_out, select_classes, stratified_fraction
from jaxcmp.data.streaming import Images, StoredImages
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.settings import Data


@dataclass(frozen=True)
class Split:
    """Images uint8 [n, H, W, C], labels int32 [n] and ids [n], the source's names of the images."""

    images: Images
    labels: np.ndarray
    ids: np.ndarray

    def take(self, positions: np.ndarray) -> "Split":
        """Returns the examples at these positions; all of them in order are not copied."""
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
    in use, unless the settings have others. The images of all splits are arrays or, if `placement`
    is streamed, StoredImages.
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
        """Returns the existing splits by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}


def load(options: Data, *, free_bytes: int, seed: int) -> Dataset:
    """Loads a data set, holds out a validation split and takes a part of the rest for training.

    The validation images depend only on `validation_fraction` and `seed`; training images at a
    smaller `train_fraction` are among those at a larger one. If a test split has to be held out,
    its images depend only on the data: they are the same in every run.

    Args:
      options: the section `data` of the settings, with valid ranges.
      free_bytes: the free memory of the devices, for the placement `auto`.
      seed: chooses the validation and the training images.

    Raises:
      CommandError: a name or value does not fit the data.
      JaxcmpError: the data is missing, damaged, or cannot be written to the cache.
    """
    source = open_source(options.name, data_dir=options.dir, manual_dir=options.manual_dir)
    check_classes(options.classes, source.class_names)
    train, test, placement = _load_splits(source, options, free_bytes)
    class_names = source.class_names
    if options.classes:
        class_names = tuple(class_names[index] for index in options.classes)
        what = f"training image of {source.name}"
        train = _keep_classes(train, options.classes, class_names, what)
        test = _keep_classes(test, options.classes, class_names, f"test image of {source.name}")
    kept, held = held_out(stream("validation", seed), train.labels, options.validation_fraction)
    rng = stream("subset", seed)
    chosen = kept[stratified_fraction(rng, train.labels[kept], options.train_fraction)]
    used = train.take(chosen)
    mean, std = _statistics(used.images, options)
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=class_names,
        train=used,
        validation=train.take(held) if options.validation_fraction else None,
        test=test,
        mean=mean,
        std=std,
        placement=placement,
    )


def load_test(options: Data, *, free_bytes: int) -> Split:
    """Loads the test images alone, the same as those of `load`; raises as it does."""
    source = open_source(options.name, data_dir=options.dir, manual_dir=options.manual_dir)
    check_classes(options.classes, source.class_names)
    _, test, _ = _load_splits(source, options, free_bytes)
    if not options.classes:
        return test
    class_names = tuple(source.class_names[index] for index in options.classes)
    return _keep_classes(test, options.classes, class_names, f"test image of {source.name}")


def count_classes(options: Data) -> int:
    """Returns the number of classes in use, without preparing the data set.

    Raises CommandError if there is no such data set, or no such class in it.
    """
    class_names = describe(options.name, data_dir=options.dir).class_names
    check_classes(options.classes, class_names)
    return len(options.classes or class_names)


def _load_splits(source: Source, options: Data, free_bytes: int) -> tuple[Split, Split, Placement]:
    """Loads the training and the test images, which have one shape, and chooses their placement."""
    train_name, test_name = choose_splits(source, test_fraction=options.test_fraction)
    # Chosen before anything is decoded, which may take minutes.
    placement = _place(source, train_name, test_name, options, free_bytes)
    train = _load_split(source, train_name, options.image_size, placement)
    if test_name:
        test = _load_split(source, test_name, options.image_size, placement)
    else:
        rng = stream(f"test split of {source.name}", 0)
        kept, held = held_out(rng, train.labels, options.test_fraction, "data.test_fraction")
        train, test = train.take(kept), train.take(held)
    if train.images.shape[1:] != test.images.shape[1:]:
        raise CommandError(
            f"training images of {source.name} have the shape {train.images.shape[1:]}, test "
            f"images {test.images.shape[1:]}: set data.image_size"
        )
    return train, test, placement


def _place(
    source: Source, train_name: str, test_name: str | None, options: Data, free_bytes: int
) -> Placement:
    num_train = len(source.ids(train_name))
    if test_name:
        num_test = len(source.ids(test_name))
    else:
        num_test = round(num_train * options.test_fraction)
        num_train -= num_test
    first, _ = SplitReader(source, train_name, image_size=options.image_size).read([0])
    share = len(options.classes or source.class_names) / len(source.class_names)
    part = options.validation_fraction + options.train_fraction * (1 - options.validation_fraction)
    num_bytes = round((num_train * part + num_test) * share * first.nbytes)
    return choose(options.placement, num_bytes=num_bytes, free_bytes=free_bytes)


def _load_split(source: Source, name: str, image_size: int, placement: Placement) -> Split:
    reader = SplitReader(source, name, image_size=image_size)
    images, labels = (open_stored if placement.is_streamed else read_decoded)(reader)
    num_classes = len(source.class_names)
    if labels.min() < 0:
        raise JaxcmpError(f"split {name} of {source.name} holds images without a label")
    if labels.max() >= num_classes:
        raise JaxcmpError(
            f"split {name} of {source.name} holds the label {labels.max()}, and the data set "
            f"has {num_classes} classes, numbered from 0"
        )
    return Split(images, labels, source.ids(name))


def _keep_classes(
    split: Split, classes: Sequence[int], class_names: Sequence[str], what: str
) -> Split:
    """Keeps the images of some classes; raises CommandError if there are none."""
    positions, labels = select_classes(split.labels, classes)
    if len(labels) == 0:
        raise CommandError(
            f"no {what} is of one of the classes {', '.join(class_names)}: name others in "
            "data.classes"
        )
    return replace(split.take(positions), labels=labels)


def _statistics(images: Images, options: Data) -> tuple[np.ndarray, np.ndarray]:
    if options.mean or options.std:
        return given_statistics(options.mean, options.std, num_channels=images.shape[-1])
    return channel_statistics(images)
