"""The final evaluation as a file: what a model answered for each image, and what was right."""

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import softmax

from jaxcmp import files

# Enough to choose a gallery from, and little beside a run's checkpoints.
PICTURE_BYTES = 2 << 20
MIN_PICTURES, MAX_PICTURES = 24, 512


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

    def most_confident_mistakes(self, num: int) -> np.ndarray:
        """Indices of up to `num` images answered wrong, those with the surest answers first."""
        confidence = softmax(self.logits.astype(np.float64), axis=1).max(axis=1, initial=0)
        order = np.argsort(-confidence, kind="stable")
        return order[self.logits[order].argmax(axis=1) != self.labels[order]][:num]

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


@dataclass(frozen=True)
class Pictures:
    """Some of the images, uint8 [k, height, width, channels], with their ids int64 [k]."""

    ids: np.ndarray
    images: np.ndarray

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.ids.shape != self.images.shape[:1]:
            raise ValueError(f"images of {self.images.shape} do not fit ids of {self.ids.shape}")


def pictures_of_mistakes(predictions: Predictions, images: Any) -> Pictures:
    """The images behind the most confident mistakes, for a reader who has the run folder alone.

    `images` uint8 [n, height, width, channels] are those of the predictions, in the same order; an
    array, or what gives one for an array of positions.
    """
    image_bytes = math.prod(images.shape[1:])
    num = min(max(PICTURE_BYTES // max(image_bytes, 1), MIN_PICTURES), MAX_PICTURES)
    chosen = predictions.most_confident_mistakes(num)
    return Pictures(predictions.ids[chosen], np.asarray(images[chosen]))


def write_predictions(
    path: Path,
    test: Predictions,
    validation: Predictions | None = None,
    pictures: Pictures | None = None,
) -> None:
    """Writes an npz file, whole or not at all; raises JaxcmpError if it cannot."""
    arrays = dict(vars(test))
    if validation is not None:
        held_out = {name: vars(validation)[name] for name in ("logits", "labels", "ids")}
        arrays |= {f"validation_{name}": array for name, array in held_out.items()}
    if pictures is not None:
        arrays |= {"picture_ids": pictures.ids, "pictures": pictures.images}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    files.replace_file(path, buffer.getbuffer())


def read_predictions(path: Path) -> Predictions:
    """Those of the test split; raises JaxcmpError if missing, damaged, or not fitting together."""
    with _stored(path) as stored:
        return _predictions(stored)


def read_validation_predictions(path: Path) -> Predictions | None:
    """Those of the held-out split, None where there is none; raises as `read_predictions` does."""
    with _stored(path) as stored:
        return _predictions(stored, "validation_") if "validation_logits" in stored else None


def read_pictures(path: Path) -> Pictures | None:
    """The stored images, None where there are none; raises as `read_predictions` does."""
    with _stored(path) as stored:
        if "pictures" not in stored:
            return None
        ids, images = np.asarray(stored["picture_ids"], np.int64), stored["pictures"]
        return Pictures(ids, np.asarray(images, np.uint8))


@contextlib.contextmanager
def _stored(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            yield stored
    except Exception as error:  # A damaged archive raises nearly anything.
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise files.damaged(path, reason or "it is cut off") from error


def _predictions(stored: Mapping[str, np.ndarray], prefix: str = "") -> Predictions:
    logits, labels, ids = (stored[f"{prefix}{name}"] for name in ("logits", "labels", "ids"))
    return Predictions.of(logits, labels, ids, tuple(stored["class_names"]))
