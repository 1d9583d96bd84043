"""The images to train and test on: a user's own, any TFDS data set of images, or the digits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jaxcmp.data.catalog import open_source
from jaxcmp.data.decoded import SplitReader, open_stored, read_decoded
from jaxcmp.data.normalisation import channel_statistics
from jaxcmp.data.placement import GIVEN, Placement, choose
from jaxcmp.data.random_streams import stream
from jaxcmp.data.source import Source, choose_split, choose_test
from jaxcmp.data.splits import held_out, select_classes, stratified_fraction
from jaxcmp.data.streaming import Images, StoredImages
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.settings import Data
from jaxcmp.settings.keys import name_of_images


@dataclass(frozen=True)
class Split:
    """Images uint8 [n, H, W, C], labels int32 [n] and ids [n], the source's names of the images.

    Equal numbers in `contents` [n] are equal images; None where that is unknown.
    """

    images: Images
    labels: np.ndarray
    ids: np.ndarray
    contents: np.ndarray | None = None

    def take(self, positions: np.ndarray) -> "Split":
        """Returns the examples at these positions; all of them in order are not copied."""
        if np.array_equal(positions, np.arange(len(self.labels))):
            return self
        images = self.images
        is_stored = isinstance(images, StoredImages)
        images = images.subset(positions) if is_stored else images[positions]
        contents = None if self.contents is None else self.contents[positions]
        return Split(images, self.labels[positions], self.ids[positions], contents)


@dataclass(frozen=True)
class OneSplit:
    """One split of a data set, and what the data set says of it.

    `split_name` is "test" for images that were held out as the test split, and for all images of a
    data set that is not divided.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    split_name: str
    split: Split


@dataclass(frozen=True)
class Dataset:
    """A data set ready for training.

    Pixels in [0, 1] are normalised by `mean` and `std`, float32 [C]: those of the training images
    in use, unless the settings have others. The images of all splits are arrays or, if `placement`
    is streamed, StoredImages. `notes` are lines for the user: what was left out, and what looks
    wrong.
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
    notes: tuple[str, ...] = ()

    def splits(self) -> dict[str, Split]:
        """Returns the existing splits by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}


def load(options: Data, *, free_bytes: int, seed: int, num_devices: int = 1) -> Dataset:
    """Loads a data set, holds out a validation split and takes a part of the rest for training.

    The validation images depend only on `validation_fraction` and `seed`; training images at a
    smaller `train_fraction` are among those at a larger one. If a test split has to be held out,
    its images depend only on the data: they are the same in every run.

    Args:
      options: the section `data` of the settings, with valid ranges.
      free_bytes: the free memory of the devices, for the placement.
      seed: chooses the validation and the training images.
      num_devices: the devices that share the images, for the placement.

    Raises:
      CommandError: a name or value does not fit the data.
      JaxcmpError: the data is missing, damaged, or cannot be written to the cache.
    """
    source = open_source(options)
    splits, placement, notes = _load_splits(source, options, free_bytes, num_devices)
    notes = (*source.notes, *_find_leaks(splits), *notes)
    class_names = _names_in_use(source, options)
    for name, split in splits.items():
        what = f"{'training' if name == 'train' else name} image of {source.name}"
        splits[name] = _keep_classes(split, options, class_names, what)
    train = splits["train"]
    kept, held = held_out(stream("validation", seed), train.labels, options.validation_fraction)
    if options.validation_fraction:
        splits["validation"] = train.take(held)
    rng = stream("subset", seed)
    chosen = kept[stratified_fraction(rng, train.labels[kept], options.train_fraction)]
    used = train.take(chosen)
    mean, std = channel_statistics(used.images, options.mean, options.std)
    return Dataset(
        name=name_of_images(source.name, options.dir),
        version=source.version,
        class_names=class_names,
        train=used,
        validation=splits.get("validation"),
        test=splits["test"],
        mean=mean,
        std=std,
        placement=placement,
        notes=notes,
    )


def load_split(options: Data, wanted: str, *, free_bytes: int) -> OneSplit:
    """Loads one split and opens no other: a data set for tests alone needs no training images.

    `wanted` is "test" for the images that `load` tests on, or the name of any split. Raises as
    `load` does.
    """
    source = open_source(options, for_tests=True)
    name, is_held_out = choose_split(source, wanted, test_fraction=options.test_fraction)
    share = options.test_fraction if is_held_out else 1.0
    num_bytes = round(len(source.ids(name)) * share * _image_bytes(source, name, options))
    placement = choose(options.placement, num_bytes=num_bytes, free_bytes=free_bytes)
    split = _load_split(source, name, options, placement)
    if is_held_out:
        _, split = _hold_out_test(source, split, options)
    class_names = _names_in_use(source, options)
    split = _keep_classes(split, options, class_names, f"image of {source.name}, split {name},")
    # Of a data set without a test split, all images are tested on.
    split_name = "test" if is_held_out or (wanted, name) == ("test", "train") else name
    return OneSplit(source.name, source.version, class_names, split_name, split)


def _load_splits(
    source: Source, options: Data, free_bytes: int, num_devices: int
) -> tuple[dict[str, Split], Placement, tuple[str, ...]]:
    """Loads the images of all splits, which have one shape, and chooses their placement.

    Returns the splits as the source has them, by their use, where those are and lines for the user.
    """
    test_name = choose_test(source, test_fraction=options.test_fraction)
    validation_name = _choose_validation(source, test_name, options)
    if not options.image_size:
        # Raises where sizes are known to differ, before anything is decoded.
        source.stored_size()
    names = [name for name in ("train", validation_name, test_name) if name]
    # Chosen before anything is decoded, which may take minutes.
    num_bytes = _bytes_in_use(source, names, options)
    placement = choose(
        options.placement, num_bytes=num_bytes, free_bytes=free_bytes, num_devices=num_devices
    )
    loaded = {name: _load_split(source, name, options, placement) for name in names}
    train = loaded["train"]
    for name, split in loaded.items():
        if split.images.shape[1:] != train.images.shape[1:]:
            raise CommandError(
                f"training images of {source.name} have the shape {train.images.shape[1:]}, {name} "
                f"images {split.images.shape[1:]}: set data.image_size"
            )
    kept, held = (train, loaded[test_name]) if test_name else _hold_out_test(source, train, options)
    splits = {"train": kept, "test": held}
    if validation_name:
        splits["validation"] = loaded[validation_name]
    notes = ()
    if test_name == source.validation is not None:
        notes = (f"tested on the split {test_name}, because {source.place} has no test split",)
    return splits, placement, notes


def _choose_validation(source: Source, test_name: str | None, options: Data) -> str | None:
    """Returns the name of the source's validation split, unless it has to serve as test split."""
    if source.validation in (None, test_name):
        return None
    if options.validation_fraction:
        raise CommandError(
            f"--config.data.validation_fraction={options.validation_fraction} holds training "
            f"images out, and {source.place} has a validation split: set it to 0"
        )
    return source.validation


def _hold_out_test(source: Source, train: Split, options: Data) -> tuple[Split, Split]:
    """Divides the training images into those that stay, and the test images."""
    rng = stream(f"test split of {source.name}", 0)
    kept, held = held_out(rng, train.labels, options.test_fraction, "data.test_fraction")
    return train.take(kept), train.take(held)


def _image_bytes(source: Source, name: str, options: Data) -> int:
    """Returns the memory of one image as it is decoded; all have one size."""
    first, _ = _reader(source, name, options).read([0])
    return first.nbytes


def _names_in_use(source: Source, options: Data) -> tuple[str, ...]:
    return tuple(source.class_names[n] for n in options.classes) or source.class_names


def _find_leaks(splits: Mapping[str, Split]) -> list[str]:
    """Returns a line for each held-out split that has images of the training split."""
    lines, train = [], splits["train"].contents
    for name, split in splits.items():
        if name == "train" or split.contents is None or train is None:
            continue
        is_shared = np.isin(split.contents, train)
        if is_shared.any():
            lines.append(
                f"warning: {is_shared.sum():,} of {len(is_shared):,} {name} images are training "
                f"images too (the same content), as {split.ids[is_shared][0]}: they make accuracy "
                "look better than it is"
            )
    return lines


def _bytes_in_use(source: Source, names: Sequence[str], options: Data) -> int:
    """Returns the memory of the images in use of these splits, the first of which is training."""
    num_train, *num_held_out = (len(source.ids(name)) for name in names)
    if options.test_fraction:
        num_held_out.append(round(num_train * options.test_fraction))
        num_train -= num_held_out[-1]
    share = len(options.classes or source.class_names) / len(source.class_names)
    part = options.validation_fraction + options.train_fraction * (1 - options.validation_fraction)
    image_bytes = _image_bytes(source, names[0], options)
    return round((num_train * part + sum(num_held_out)) * share * image_bytes)


def _reader(source: Source, name: str, options: Data) -> SplitReader:
    return SplitReader(source, name, image_size=options.image_size, fit=options.fit)


def _load_split(source: Source, name: str, options: Data, placement: Placement) -> Split:
    reader = _reader(source, name, options)
    images, labels = (open_stored if placement.is_streamed else read_decoded)(reader)
    num_classes = len(source.class_names)
    if labels.min() < 0:
        raise JaxcmpError(f"split {name} of {source.name} holds images without a label")
    if labels.max() >= num_classes:
        raise JaxcmpError(
            f"split {name} of {source.name} holds the label {labels.max()}, and the data set "
            f"has {num_classes} classes, numbered from 0"
        )
    return Split(images, labels, source.ids(name), source.contents(name))


def _keep_classes(split: Split, options: Data, class_names: Sequence[str], what: str) -> Split:
    """Keeps the images of the classes in use; raises CommandError if there are none."""
    if not options.classes:
        return split
    positions, labels = select_classes(split.labels, options.classes)
    if len(labels) == 0:
        raise CommandError(
            f"no {what} is of one of the classes {', '.join(class_names)}: name others in "
            "data.classes"
        )
    return replace(split.take(positions), labels=labels)
