"""The interface of a source of labelled images, which every kind of data set implements."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from jaxcmp.errors import CommandError

# The names of test splits, in order of preference.
TEST_SPLITS = ("test", "validation")
# Follows an error about one image.
SKIP_HINT = "delete it, or leave such images out with --config.data.skip_bad=True"

# Height and width.
Size = tuple[int, int]


class Example(NamedTuple):
    """An image, uint8 [H, W, 1 or 3] or an encoded file, and its class; -1 without a label."""

    image: np.ndarray | bytes
    label: int


class Source(Protocol):
    """Labelled images in splits, as they are stored: of any size, and possibly encoded.

    A new kind of data set is a class with these members and a line in `catalog`; classes, subsets,
    splits, cache and streaming then work. `name` and `version` name its folder in the cache, and
    `version` differs where images differ; `place` says in errors where the images are. `validation`
    is the split to validate on, beside a test split; None if part of the training images has to
    serve. `notes` are lines for the user, about files left out for example.
    """

    name: str
    version: str
    place: str
    class_names: tuple[str, ...]
    num_channels: int
    validation: str | None
    notes: tuple[str, ...]

    def splits(self) -> Sequence[str]:
        """Returns the names of the splits that have examples."""
        ...

    def ids(self, split: str) -> np.ndarray:
        """Returns an id for each example, [n]: its position, int64, or text."""
        ...

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        """Reads examples, from several threads at once; raises JaxcmpError on failure."""
        ...

    def fingerprint(self, split: str) -> str:
        """Returns text that changes with the examples; empty if they need no cache."""
        ...

    def stored_size(self) -> Size | None:
        """Returns height and width of all images, or None if only decoding tells.

        Raises CommandError, with a size to set, if they are known to differ.
        """
        ...

    def contents(self, split: str) -> np.ndarray | None:
        """Returns a number for each example, [n]: equal numbers are equal images; None: unknown."""
        ...


def choose_test(source: Source, *, test_fraction: float) -> str | None:
    """Returns the name of the first test split that has labels, beside the split train.

    None if there is none, and a part of the training images is to be held out. Raises CommandError
    if there is no training split, if there is no test split and `test_fraction` is 0, or if there
    is one and `test_fraction` is not 0.
    """
    splits = source.splits()
    if "train" not in splits:
        raise CommandError(
            f"data set {source.name} has the splits {', '.join(splits) or 'none'}: train is needed"
        )
    labelled = _labelled_test(source, test_fraction)
    if labelled or test_fraction:
        return labelled
    tests = [name for name in TEST_SPLITS if name in splits]
    lack = f"a split {tests[-1]} that has no labels" if tests else "the split train alone"
    raise CommandError(
        f"data set {source.name} has {lack}, and nothing to test on: "
        "--config.data.test_fraction=0.2 holds a fifth of its training images out"
    )


def choose_split(source: Source, wanted: str, *, test_fraction: float) -> tuple[str, bool]:
    """Returns the name of one split, and whether a part of it is to be held out as the test split.

    "test" is the first test split that has labels, as in `choose_test`, or all images of a data
    set that has only the split train; a training split need not exist. Any other split is meant by
    its own name. Raises CommandError if there is no such split.
    """
    splits = list(source.splits())
    if wanted == "test":
        if labelled := _labelled_test(source, test_fraction):
            return labelled, False
        if test_fraction and "train" in splits:
            return "train", True
        if splits == ["train"]:
            return "train", False
    if wanted in splits:
        return wanted, False
    near = difflib.get_close_matches(wanted, splits, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(splits) or 'none'}"
    raise CommandError(f"--split={wanted}: data set {source.name} has no such split; {hint}")


def _labelled_test(source: Source, test_fraction: float) -> str | None:
    """Returns the first test split with labels; raises CommandError beside a test fraction."""
    tests = [name for name in TEST_SPLITS if name in source.splits()]
    labelled = next((test for test in tests if source.read(test, [0])[0].label >= 0), None)
    if labelled and test_fraction:
        raise CommandError(
            f"data.test_fraction={test_fraction} is for data sets without a test split, and "
            f"{source.name} has one, {labelled}: set it to 0"
        )
    return labelled
