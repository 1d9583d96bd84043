"""The final evaluation as a file: what a model answered for each image, and what was right."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from jaxcmp import files


@dataclass(frozen=True)
class Predictions:
    """Logits float32 [n, classes], labels int32 [n] and ids int64 [n], of n different images.

    Raises ValueError if they do not fit together.
    """

    logits: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        num_examples, num_classes = len(self.ids), len(self.class_names)
        shapes = self.logits.shape, self.labels.shape, self.ids.shape
        if shapes != ((num_examples, num_classes), (num_examples,), (num_examples,)):
            raise ValueError(f"logits, labels and ids of {shapes} do not fit {num_classes} classes")
        if len(np.unique(self.ids)) < num_examples:
            raise ValueError("an id occurs twice")
        if num_examples and not 0 <= self.labels.min() <= self.labels.max() < num_classes:
            raise ValueError(f"a label is not one of {num_classes} classes")

    @classmethod
    def of(
        cls, logits: np.ndarray, labels: np.ndarray, ids: np.ndarray, class_names: Sequence[str]
    ) -> Self:
        """Converts each part to its type."""
        return cls(
            np.asarray(logits, np.float32),
            np.asarray(labels, np.int32),
            np.asarray(ids, np.int64),
            tuple(str(name) for name in class_names),
        )


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes an npz file, whole or not at all; raises JaxcmpError if it cannot."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **vars(predictions))
    files.replace_file(path, buffer.getbuffer())


def read_predictions(path: Path) -> Predictions:
    """Raises JaxcmpError if they are missing, damaged, or do not fit together."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = ("logits", "labels", "ids", "class_names")
            return Predictions.of(*(stored[name] for name in names))
    except Exception as error:  # A damaged archive raises nearly anything.
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise files.damaged(path, reason or "it is cut off") from error
