"""The files of an inspection, inspect.json and inspect.npz: written into a run folder, and read."""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxcmp import files
from jaxcmp.runs import schemas
from jaxcmp.runs.predictions import bytes_of

INSPECTION = "inspect.json"
ARRAYS = "inspect.npz"
# Measures that count answers to changed images.
COUNTED = ("shifts", "places", "arrangement", "corruptions")
STATES: tuple[Literal["trained"], Literal["initial"]] = ("trained", "initial")


def digest_of(ids: np.ndarray) -> str:
    """Identifies a choice of test images by their ids, in order."""
    return hashlib.sha256(bytes_of(ids)).hexdigest()[:16]


def write_inspection(folder: Path, inspection: Mapping[str, Any]) -> None:
    """Writes inspect.json atomically; raises JaxcmpError if it cannot."""
    files.replace_file(folder / INSPECTION, files.to_json(inspection).encode() + b"\n")


def read_inspection(folder: Path) -> dict[str, Any] | None:
    """Reads inspect.json; None where there is none.

    Raises JaxcmpError that names the file where it does not fit its schema, or its counts do not
    fit the images.
    """
    path = folder / INSPECTION
    if not files.exists(path):
        return None
    inspection = files.read_object(path, schemas.Inspection)
    sizes = inspection["images"]["class_sizes"]
    for state in STATES:
        _check_counts(path, inspection["unchanged"][state], sizes, 1)
    for measure in COUNTED:
        for entry in inspection.get(measure, []):
            for counts in (c for state in STATES for c in entry[state].values()):
                _check_counts(path, counts, sizes, entry["variants"])
    return inspection


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Writes inspect.npz atomically; returns what inspect.json says of it.

    Raises JaxcmpError if it cannot.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    files.replace_file(folder / ARRAYS, content)
    return {"sha256": hashlib.sha256(content).hexdigest()}


def read_arrays(folder: Path, inspection: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Reads inspect.npz; raises JaxcmpError where it is missing or not what inspect.json names."""
    path = folder / ARRAYS
    with files.reading(path) as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != inspection["arrays"]["sha256"]:
        raise files.damaged(path, f"it is not the file that {INSPECTION} was written with")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)


def _check_counts(path: Path, counts: Sequence[int], sizes: Sequence[int], variants: int) -> None:
    if len(counts) != len(sizes):
        raise files.damaged(path, f"it has {len(counts)} counts for {len(sizes)} classes")
    if any(not 0 <= count <= size * variants for count, size in zip(counts, sizes, strict=True)):
        raise files.damaged(path, "more answers are counted than there are images")
    if not math.fsum(sizes):
        raise files.damaged(path, "it was made without images")
