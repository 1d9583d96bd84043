"""Choices of examples: some classes, a stratified training subset, a held-out validation split."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.errors import CommandError

# How many examples to take of each class, from the sizes of the classes.
Count = Callable[[np.ndarray], np.ndarray]


def check_classes(classes: Sequence[int], class_names: Sequence[str]) -> None:
    """Raises CommandError where these are no two or more classes, by index, each named once."""
    last = len(class_names) - 1
    for index in classes:
        if type(index) is not int or not 0 <= index <= last:
            raise CommandError(
                f"data.classes has {index!r}: it takes whole numbers from 0 to {last}"
            )
    if twice := [index for index in classes if classes.count(index) > 1]:
        raise CommandError(f"data.classes has {twice[0]} twice")
    if len(classes) == 1:
        raise CommandError(
            f"data.classes has {classes[0]} alone: name at least two classes, or none for all"
        )


def of_classes(labels: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Chooses the examples of some classes, which are numbered anew in the order given.

    Args:
      labels: the class of each example, int32 [n].
      classes: indices, each once.

    Returns:
      The positions chosen, int64 and ascending, and their new labels, int32.
    """
    renumbered = np.full(max(labels.max(), *classes) + 1, -1, np.int32)
    renumbered[list(classes)] = np.arange(len(classes))
    found = renumbered[labels]
    positions = np.flatnonzero(found >= 0)
    return positions, found[positions]


def stratified_fraction(
    rng: np.random.Generator, labels: np.ndarray, fraction: float
) -> np.ndarray:
    """Chooses a fraction of each class; a smaller fraction is a subset of a larger one.

    From the state of `rng` and the labels follows an order within each class, and a fraction takes
    its head. Each class gets its share rounded to the nearest number, and at least one example.

    Args:
      labels: the class of each example, [n].
      fraction: in (0, 1].

    Returns:
      The positions chosen, int64, ascending.

    Raises:
      CommandError: the fraction is outside its range.
    """
    if not 0 < fraction <= 1:
        raise CommandError(f"train_fraction must lie in (0, 1], not {fraction}")
    return _heads(rng, labels, lambda sizes: np.maximum(_share(sizes, fraction), 1))


def held_out(
    rng: np.random.Generator, labels: np.ndarray, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Parts the examples into those kept and a fraction of each class that is held out.

    Each class gives its share rounded to the nearest number, but never its last example.

    Args:
      labels: the class of each example, [n].
      fraction: in [0, 1).

    Returns:
      The positions kept and the positions held out, both int64 and ascending.

    Raises:
      CommandError: the fraction is outside its range, or so small that no example is held out.
    """
    if not 0 <= fraction < 1:
        raise CommandError(f"validation_fraction must lie in [0, 1), not {fraction}")
    chosen = _heads(rng, labels, lambda sizes: np.minimum(_share(sizes, fraction), sizes - 1))
    if fraction > 0 and chosen.size == 0:
        raise CommandError(
            f"validation_fraction {fraction} of {len(labels)} images rounds to none in every "
            "class: choose a larger one, or 0 for no validation split"
        )
    return np.setdiff1d(np.arange(len(labels)), chosen, assume_unique=True), chosen


def _share(sizes: np.ndarray, fraction: float) -> np.ndarray:
    return np.floor(sizes * fraction + 0.5).astype(np.int64)


def _heads(rng: np.random.Generator, labels: np.ndarray, count: Count) -> np.ndarray:
    """Takes the first `count(sizes)` examples of each class in random order."""
    classes, labels = np.unique(labels, return_inverse=True)
    sizes = np.bincount(labels, minlength=len(classes))
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(labels)) - np.repeat(starts, sizes)
    return np.sort(by_class[rank < np.repeat(count(sizes), sizes)])
