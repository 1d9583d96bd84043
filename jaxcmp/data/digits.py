"""The digits of scikit-learn: real images that need no download."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcmp.data.random_streams import stream
from jaxcmp.data.source import Example, Size
from jaxcmp.data.splits import held_out

TEST_FRACTION = 0.2
SIZE = (8, 8)


# Of one digit, in scikit-learn's file: the pixels, 0..16, and then the label.
FILE = "datasets/data/digits.csv.gz"


class Digits:
    """The 1,797 handwritten digits (Alpaydin and Kaynak, 1998): 8 x 8 grey levels in 0..255.

    There is no official test split; it is a stratified fifth, always the same one. Ids are
    positions among all digits.
    """

    name = "digits"
    # scikit-learn has never changed the images.
    version = "1.0.0"
    place = "scikit-learn"
    class_names = tuple(str(digit) for digit in range(10))
    num_channels = 1
    validation: str | None = None
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        pixels, labels = _read()
        self._images = np.rint(pixels.reshape(-1, *SIZE, 1) * (255 / 16)).astype(np.uint8)
        self._labels = labels.astype(np.int32)
        kept, held = held_out(stream("digits test split", 0), self._labels, TEST_FRACTION)
        self._ids = {"train": kept, "test": held}

    def splits(self) -> Sequence[str]:
        return tuple(self._ids)

    def ids(self, split: str) -> np.ndarray:
        return self._ids[split]

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        ids = self._ids[split][list(positions)]
        return [Example(self._images[i], int(self._labels[i])) for i in ids]

    def fingerprint(self, split: str) -> str:
        return ""

    def stored_size(self) -> Size:
        return SIZE

    def contents(self, split: str) -> None:
        return None


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Reads pixels [n, 64] and labels [n], without scikit-learn, which takes a second to import."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None and package.origin is not None, "scikit-learn is a dependency"
    rows = np.loadtxt(Path(package.origin).parent / FILE, delimiter=",", dtype=np.uint8)
    return rows[:, :-1], rows[:, -1]
