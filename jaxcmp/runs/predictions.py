"""The file of the final evaluation: the logits and the label of each image."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from jaxcmp import files
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs.metrics import accuracy, cross_entropy

# Enough for a gallery, and small beside a run's checkpoints.
PICTURE_BYTES = 2 << 20
MIN_PICTURES, MAX_PICTURES = 24, 512
# The same predictions give the same scores but for the order of a sum.
EQUAL = 1e-6
# NumPy's letters for kinds of types, in words.
KINDS = {
    "f": "real numbers",
    "iu": "whole numbers",
    "iuU": "whole numbers or text",
    "u": "uint8",
    "U": "text",
}


@dataclass(frozen=True)
class Predictions:
    """Logits float32 [n, classes], labels int32 [n] and ids int64 or text [n], of n different
    images.

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

    @property
    def accuracy(self) -> float:
        return accuracy(self.logits, self.labels)

    @property
    def loss(self) -> float:
        """Returns the mean cross-entropy, in nats."""
        return cross_entropy(self.logits, self.labels)

    def by_id(self) -> Self:
        """Returns the same in the order of their ids."""
        order = np.argsort(self.ids, kind="stable")
        return type(self)(self.logits[order], self.labels[order], self.ids[order], self.class_names)

    def contradiction(self, result: Mapping[str, Any], count: str, prefix: str = "") -> str | None:
        """Returns what in a result does not follow from these; None where all does.

        `count` is its key for the number of images, `prefix` the beginning of those for scores.
        """
        if result.get(count, len(self.ids)) != len(self.ids):
            return f"{count} is {result[count]:,}, and {len(self.ids):,} by predictions.npz"
        for key in ("accuracy", "loss"):
            said, found = result.get(f"{prefix}{key}"), getattr(self, key)
            if said is not None and not math.isclose(said, found, rel_tol=EQUAL, abs_tol=EQUAL):
                return f"{prefix}{key} is {said:.6g}, and {found:.6g} by predictions.npz"
        return None

    @classmethod
    def of(
        cls, logits: np.ndarray, labels: np.ndarray, ids: np.ndarray, class_names: Sequence[str]
    ) -> Self:
        return cls(
            np.asarray(logits, np.float32),
            np.asarray(labels, np.int32),
            as_ids(ids),
            tuple(str(name) for name in class_names),
        )


@dataclass(frozen=True)
class Pictures:
    """Some of the images, uint8 [k, height, width, channels], with their ids [k]."""

    ids: np.ndarray
    images: np.ndarray

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.ids.shape != self.images.shape[:1]:
            raise ValueError(f"images of {self.images.shape} do not fit ids of {self.ids.shape}")
        height, width, channels = self.images.shape[1:]
        if not (height and width and 1 <= channels <= 4):
            raise ValueError(f"images of {self.images.shape[1:]} are no pictures")


@dataclass(frozen=True)
class Stored:
    """The content of predictions.npz: of the test and the validation split, and pictures.

    The last two are None where there are none.
    """

    test: Predictions
    validation: Predictions | None = None
    pictures: Pictures | None = None


def as_ids(ids: Any) -> np.ndarray:
    """Returns ids as int64, or as text of the least width."""
    ids = np.asarray(ids)
    return np.array(ids.tolist(), np.str_) if ids.dtype.kind == "U" else ids.astype(np.int64)


def bytes_of(ids: np.ndarray) -> bytes:
    """Returns bytes that differ where ids differ, to be hashed."""
    ids = as_ids(ids)
    return "\0".join(ids.tolist()).encode() if ids.dtype.kind == "U" else ids.tobytes()


def pictures_of_mistakes(predictions: Predictions, images: Any) -> Pictures:
    """Collects the images of the most confident mistakes, so that the run folder can show them.

    `images` uint8 [n, height, width, channels] are those of the predictions, in the same order; any
    object that returns an array for an array of positions will do.
    """
    image_bytes = math.prod(images.shape[1:])
    num = min(max(PICTURE_BYTES // max(image_bytes, 1), MIN_PICTURES), MAX_PICTURES)
    # Imported here, as in `runs.metrics`.
    from scipy.special import softmax

    logits = predictions.logits
    confidence = softmax(logits.astype(np.float64), axis=1).max(axis=1, initial=0)
    order = np.argsort(-confidence, kind="stable")
    chosen = order[logits[order].argmax(axis=1) != predictions.labels[order]][:num]
    return Pictures(predictions.ids[chosen], np.asarray(images[chosen]))


def write_predictions(
    path: Path,
    test: Predictions,
    validation: Predictions | None = None,
    pictures: Pictures | None = None,
) -> None:
    """Writes an npz file atomically; raises JaxcmpError if it cannot."""
    files.replace_file(path, encode_predictions(test, validation, pictures))


def encode_predictions(
    test: Predictions, validation: Predictions | None, pictures: Pictures | None
) -> memoryview:
    arrays = dict(vars(test))
    if validation is not None:
        held_out = {name: vars(validation)[name] for name in ("logits", "labels", "ids")}
        arrays |= {f"validation_{name}": array for name, array in held_out.items()}
    if pictures is not None:
        arrays |= {"picture_ids": pictures.ids, "pictures": pictures.images}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getbuffer()


def read_predictions(path: Path) -> Stored:
    """Reads what was written; raises JaxcmpError if it is missing, damaged or inconsistent."""
    try:
        with files.reading(path) as file, np.load(file, allow_pickle=False) as arrays:
            return Stored(
                _predictions(arrays),
                _predictions(arrays, "validation_") if "validation_logits" in arrays else None,
                _pictures(arrays) if "pictures" in arrays else None,
            )
    except JaxcmpError:
        raise
    except Exception as error:  # A damaged archive raises nearly anything.
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise files.damaged(path, reason or "it is cut off") from error


def _pictures(stored: Mapping[str, np.ndarray]) -> Pictures:
    images = _part(stored, "pictures", "u")
    if images.dtype != np.uint8:
        raise ValueError(f"pictures are of type {images.dtype} and not uint8")
    return Pictures(as_ids(_part(stored, "picture_ids", "iuU")), images)


def _predictions(stored: Mapping[str, np.ndarray], prefix: str = "") -> Predictions:
    logits = _part(stored, f"{prefix}logits", "f")
    labels, ids = _part(stored, f"{prefix}labels", "iu"), _part(stored, f"{prefix}ids", "iuU")
    names = _part(stored, "class_names", "U")
    if names.ndim != 1:
        raise ValueError(f"class_names are of shape {names.shape} and not in a row")
    for name in [*names, *(ids if ids.dtype.kind == "U" else ())]:
        str(name).encode()
    # Values too large for float32 become infinite, and are refused below.
    with np.errstate(over="ignore"):
        predictions = Predictions.of(logits, labels, ids, tuple(names))
    if (predictions.labels != labels).any() or (predictions.ids != ids).any():
        raise ValueError("a label or an id is too large")
    if not len(ids):
        raise ValueError("a split of it has no images")
    if not np.isfinite(predictions.logits).all():
        raise ValueError("a logit is not finite")
    return predictions


def _part(stored: Mapping[str, np.ndarray], name: str, kinds: str) -> np.ndarray:
    """Returns an array whose type is one of `kinds`, NumPy's letters; converts nothing."""
    if name not in stored:
        raise ValueError(f"it has no {name}")
    array = stored[name]
    if array.dtype.kind not in kinds:
        raise ValueError(f"{name} are of type {array.dtype} and not {KINDS[kinds]}")
    return array
