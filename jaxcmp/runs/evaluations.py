"""Evaluations of a finished run on other images, as folders evaluations/<name> in its own."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxcmp import files
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs import PREDICTIONS, RESULT, schemas
from jaxcmp.runs.predictions import Predictions, read_predictions, write_predictions

EVALUATIONS = "evaluations"
# The same predictions give the same scores but for the order of a sum.
EQUAL = 1e-6


@dataclass(frozen=True)
class Evaluation:
    """The result and the predictions of an evaluation, in the order of ids.

    The predictions have all classes of the model, in its order.
    """

    result: dict[str, Any]
    predictions: Predictions

    @property
    def name(self) -> str:
        return self.result["name"]

    @property
    def title(self) -> str:
        """Names the images, and what else is unusual: another split, another checkpoint."""
        data, which = self.result["data"], self.result["checkpoint"]["which"]
        parts = [data["name"]]
        if data["split"] != "test":
            parts.append(f"split {data['split']}")
        if len(self.present) < len(self.predictions.class_names):
            parts.append(f"{len(self.present)} classes")
        if which == "best":
            parts.append("best checkpoint")
        elif which != "newest":
            parts.append(f"step {self.result['checkpoint']['step']:,}")
        return ", ".join(parts)

    @property
    def present(self) -> np.ndarray:
        """Returns the classes of the data set, as ascending indices of the model's outputs."""
        if self.result["matched_by"] == "position":
            return np.arange(len(self.result["data"]["class_names"]))
        names = self.result["data"]["class_names"]
        return np.sort([self.predictions.class_names.index(name) for name in names])

    @property
    def is_repetition(self) -> bool:
        """Returns whether the run's own training made the same evaluation."""
        return "repetition" in self.result


def folder_of(run: Path, name: str) -> Path:
    return run / EVALUATIONS / name


def write_evaluation(
    run: Path, name: str, predictions: Predictions, result: Mapping[str, Any]
) -> None:
    """Writes both files atomically, result.json last: its presence means that both are whole.

    Raises JaxcmpError if they cannot be written.
    """
    folder = folder_of(run, name)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with files.one_at_a_time(folder):
        with files.writing(folder / RESULT):
            (folder / RESULT).unlink(missing_ok=True)
        write_predictions(folder / PREDICTIONS, predictions)
        content = files.to_json(result, indent=2).encode() + b"\n"
        files.replace_file(folder / RESULT, content)


def names_of(run: Path) -> list[str]:
    """Lists the evaluations of a run, finished or not, by name; raises JaxcmpError."""
    folder = run / EVALUATIONS
    if not files.exists(folder):
        return []
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError as error:
        raise files.damaged(folder, error.strerror) from error


def read_result(run: Path, name: str) -> dict[str, Any] | None:
    """Reads result.json of an evaluation; None where it is not finished. Raises JaxcmpError."""
    path = folder_of(run, name) / RESULT
    return files.read_object(path, schemas.EvaluationResult) if files.exists(path) else None


def read_evaluation(run: Path, name: str) -> Evaluation:
    """Reads an evaluation; raises JaxcmpError that names what is missing, damaged or at odds."""
    folder = folder_of(run, name)
    result = read_result(run, name)
    if result is None:
        raise JaxcmpError(f"{folder} is not finished: the command that began it goes on")
    stored = read_predictions(folder / PREDICTIONS)
    order = np.argsort(stored.ids, kind="stable")
    predictions = Predictions(
        stored.logits[order], stored.labels[order], stored.ids[order], stored.class_names
    )
    _check(folder, result, predictions)
    return Evaluation(result, predictions)


def read_evaluations(run: Path) -> tuple[list[Evaluation], list[str]]:
    """Reads the evaluations of a run that are whole, and says what is wrong with the others."""
    found, faults = [], []
    try:
        names = names_of(run)
    except JaxcmpError as error:
        return [], [str(error)]
    for name in names:
        try:
            found.append(read_evaluation(run, name))
        except JaxcmpError as error:
            faults.append(str(error))
    return found, faults


def _check(folder: Path, result: Mapping[str, Any], predictions: Predictions) -> None:
    if result["name"] != folder.name:
        raise files.damaged(folder / RESULT, f"it is of the evaluation {result['name']!r}")
    if len(predictions.ids) != result["num_images"]:
        reason = f"{result['num_images']} images, and {len(predictions.ids)} in {PREDICTIONS}"
        raise files.damaged(folder / RESULT, reason)
    if not np.isfinite(predictions.logits).all():
        raise files.damaged(folder / PREDICTIONS, "a logit is not finite")
    for key in ("accuracy", "loss"):
        found = getattr(predictions, key)
        if not math.isclose(result[key], found, rel_tol=EQUAL, abs_tol=EQUAL):
            reason = f"{key} is {result[key]:.6g}, and {found:.6g} by {PREDICTIONS}"
            raise files.damaged(folder / RESULT, reason)
    names = result["data"]["class_names"]
    by_name = result["matched_by"] == "name"
    if by_name and not set(names) <= set(predictions.class_names):
        raise files.damaged(folder / RESULT, "it names a class that the model does not know")
    if not by_name and len(names) > len(predictions.class_names):
        raise files.damaged(folder / RESULT, "it has more classes than the model")
