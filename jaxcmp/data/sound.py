"""A source without the images that cannot be read, which are counted."""

from collections.abc import Sequence

import numpy as np

from jaxcmp.data import cache, images
from jaxcmp.data.source import Example, Size, Source
from jaxcmp.errors import CommandError, JaxcmpError

_UNREADABLE, _DAMAGED, _SOUND = 0, 1, 2


class Sound:
    """The images of another source that can be decoded.

    Every image is decoded once to find out, and the answer is kept in the cache. Raises
    CommandError if no training image of a class is left.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.version, self.place = source.name, source.version, source.place
        self.class_names, self.num_channels = source.class_names, source.num_channels
        self.validation = source.validation
        self._kept: dict[str, np.ndarray] = {}
        notes = list(source.notes)
        for split in source.splits():
            found = cache.remember(
                f"{source.name}/sound",
                f"{split}\n{source.fingerprint(split)}",
                lambda split=split: _find(source, split),
                is_lasting=lambda arrays: not (arrays["states"] == _UNREADABLE).any(),
            )
            labels, is_sound = found["labels"], found["states"] == _SOUND
            self._kept[split] = np.flatnonzero(is_sound)
            bad = np.flatnonzero(~is_sound)
            if bad.size:
                first = source.ids(split)[bad[0]]
                notes.append(
                    f"skipped {bad.size:,} of {len(labels):,} images in split {split} of "
                    f"{source.place} that cannot be read, the first: {first}"
                )
                if split == "train":
                    self._check_classes(labels[is_sound])
        self.notes = tuple(notes)

    def splits(self) -> Sequence[str]:
        return [split for split, kept in self._kept.items() if kept.size]

    def ids(self, split: str) -> np.ndarray:
        return self._source.ids(split)[self._kept[split]]

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        return self._source.read(split, self._kept[split][list(positions)].tolist())

    def fingerprint(self, split: str) -> str:
        left_out = len(self._source.ids(split)) - len(self._kept[split])
        without = f"without {left_out} images\n" if left_out else ""
        return f"{without}{self._source.fingerprint(split)}"

    def stored_size(self) -> Size | None:
        return self._source.stored_size()

    def contents(self, split: str) -> np.ndarray | None:
        numbers = self._source.contents(split)
        return None if numbers is None else numbers[self._kept[split]]

    def _check_classes(self, labels: np.ndarray) -> None:
        for label in np.setdiff1d(np.arange(len(self.class_names)), labels):
            raise CommandError(
                f"no training image of class {self.class_names[label]} in {self.place} can be "
                "read: add some, or delete the class"
            )


def _find(source: Source, split: str) -> dict[str, np.ndarray]:
    """Returns the `labels` of all images of a split, -1 where unknown, and their `states`."""
    # Imported here, because it takes a second.
    from jaxcmp.data.streaming import in_order

    num = len(source.ids(split))
    rows = list(in_order(lambda position: _label(source, split, position), num, num_ahead=0))
    return dict(zip(("labels", "states"), np.array(rows, np.int32).T, strict=True))


def _label(source: Source, split: str, position: int) -> tuple[int, int]:
    """Returns the label of an image, and its state."""
    try:
        (example,) = source.read(split, [position])
    except JaxcmpError:
        return -1, _UNREADABLE
    if isinstance(example.image, np.ndarray):
        return example.label, _SOUND
    try:
        images.decode(example.image, num_channels=source.num_channels, image_size=0)
    except JaxcmpError:
        return example.label, _DAMAGED
    return example.label, _SOUND
