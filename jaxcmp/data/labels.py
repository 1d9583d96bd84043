"""Labels as a file has them, whole numbers or words, numbered from 0."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxcmp.data.listing import class_order
from jaxcmp.errors import CommandError

Numbered = tuple[tuple[str, ...], dict[str, np.ndarray]]


def number_labels(
    given: Mapping[str, np.ndarray], names: Sequence[str] | None, *, place: str, for_tests: bool
) -> Numbered:
    """Returns the names of the classes, and each split's labels int32 [n], -1 where unknown.

    Classes are the different labels of the training split, numbers by value and words by alphabet,
    unless `names` has their names in order: labels are then numbers from 0, or these names. A
    negative number or an empty word is no label. Raises CommandError for labels of another kind,
    without at least two classes, for a class that the training split lacks, and for one that
    `names` lacks. `for_tests` takes the classes of all splits, and one is enough.
    """
    given = {split: _flat(split, labels, place) for split, labels in given.items()}
    is_named = names is not None
    if names is None:
        known = list(given.values()) if for_tests else [given.get("train", np.zeros(0, int))]
        found = {_word(label) for labels in known for label in np.unique(labels)}
        names = sorted(found - {""}, key=class_order)
    if len(names) < (1 if for_tests else 2):
        raise CommandError(
            f"{place} has {len(names)} class{'' if len(names) == 1 else 'es'} in its training "
            "split: it takes two or more"
        )
    by_name = {name: number for number, name in enumerate(names)}
    by_place = {str(number): number for number in range(len(names))}
    what, lack = "class", "the training split has not: add it there, or leave those images out"
    if is_named:
        what, lack = "label", f"its class names are of {len(names)} classes, numbered from 0"
    numbered = {}
    for split, labels in given.items():
        numbers = by_place if is_named else by_name
        if is_named and labels.dtype.kind == "U":
            numbers = by_place | by_name
        distinct, inverse = np.unique(labels, return_inverse=True)
        for word in filter(None, map(_word, distinct)):
            if word not in numbers:
                raise CommandError(f"split {split} of {place} has the {what} {word}, and {lack}")
        found = [numbers[_word(label)] if _word(label) else -1 for label in distinct]
        numbered[split] = np.array(found, np.int32)[inverse.reshape(-1)]
    return tuple(names), numbered


def _flat(split: str, labels: np.ndarray, place: str) -> np.ndarray:
    """Returns labels [n] of [n] or [n, 1]."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise CommandError(
            f"the labels of split {split} in {place} are {labels.dtype.name} of shape "
            f"{labels.shape}: it takes one whole number or one word for each image"
        )
    return labels


def _word(label: np.generic) -> str:
    """Returns a label as text; empty for one that stands for no class."""
    word = str(label)
    return "" if word.startswith("-") and word[1:].isdigit() else word
