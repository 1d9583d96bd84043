"""The choice of examples: some classes, a stratified training subset, a held-out split."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcmp.errors import CommandError

# Maps the sizes of the classes to the numbers of examples to take.
Count = Callable[[np.ndarray], np.ndarray]


def check_classes(classes: Sequence[int], class_names: Sequence[str]) -> None:
    """Raises CommandError unless there are two or more different indices, or none for all."""
    last = len(class_names) - 1
    for index in classes:
        if not 0 <= index <= last:
            raise CommandError(f"data.classes has {index}: it takes whole numbers from 0 to {last}")
    if twice := [index for index in classes if classes.count(index) > 1]:
        raise CommandError(f"data.classes has {twice[0]} twice")
    if len(classes) == 1:
        raise CommandError(
            f"data.classes has {classes[0]} alone: name at least two classes, or none for all"
        )


def select_classes(labels: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Selects the examples of some classes, which are renumbered in the given order.

    Args:
      labels: the class of each example, int32 [n].
      classes: indices, each once.

    Returns:
      The positions selected, int64 and ascending, and their new labels, int32.
    """
    renumbered = np.full(labels.max(initial=max(classes)) + 1, -1, np.int32)
    renumbered[list(classes)] = np.arange(len(classes))
    new_labels = renumbered[labels]
    positions = np.flatnonzero(new_labels >= 0)
    return positions, new_labels[positions]


def stratified_fraction(
    rng: np.random.Generator, labels: np.ndarray, fraction: float
) -> np.ndarray:
    """Selects a fraction of each class; a smaller fraction is a subset of a larger one.

    The state of `rng` and the labels determine an order within each class. A fraction takes the
    first examples: its share rounded to the nearest number, and at least one.

    Args:
      labels: the class of each example, [n].
      fraction: in (0, 1].

    Returns:
      The positions selected, int64, ascending.
    """
    return _heads(rng, labels, lambda sizes: np.maximum(_share(sizes, fraction), 1))


def held_out(
    rng: np.random.Generator,
    labels: np.ndarray,
    fraction: float,
    key: str = "data.validation_fraction",
) -> tuple[np.ndarray, np.ndarray]:
    """Holds out a fraction of each class.

    Each class gives its share rounded to the nearest number, but never its last example.

    Args:
      labels: the class of each example, [n].
      fraction: in [0, 1).
      key: the fraction's name in errors.

    Returns:
      The positions kept and the positions held out, both int64 and ascending.

    Raises:
      CommandError: the fraction is above 0 and so small that no example is held out.
    """
    chosen = _heads(rng, labels, lambda sizes: np.minimum(_share(sizes, fraction), sizes - 1))
    if fraction > 0 and chosen.size == 0:
        raise CommandError(
            f"{key}={fraction} of {len(labels)} images rounds to none in every class: choose a "
            "larger one, or 0 to hold none out"
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
