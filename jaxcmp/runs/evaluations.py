"""Evaluations of a finished run on other images, as folders evaluations/<name> in its own."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxcmp import files
from jaxcmp.errors import JaxcmpError
from jaxcmp.runs import PREDICTIONS, RESULT, schemas
from jaxcmp.runs.predictions import Predictions, read_predictions, write_predictions

EVALUATIONS = "evaluations"


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
        num = len(self.present)
        if num < len(self.predictions.class_names):
            parts.append("1 class" if num == 1 else f"{num} classes")
        if which == "best":
            parts.append("best checkpoint")
        elif which != "newest":
            parts.append(f"step {self.result['checkpoint']['step']:,}")
        return ", ".join(parts)

    @property
    def present(self) -> np.ndarray:
        """Returns the classes of the data set, as ascending indices of the model's outputs."""
        names = self.result["data"]["class_names"]
        if self.result["matched_by"] == "position":
            return np.arange(len(names))
        return outputs_of(names, self.predictions.class_names)

    @property
    def is_repetition(self) -> bool:
        """Returns whether the run's own training made the same evaluation."""
        return "repetition" in self.result


def outputs_of(names: Sequence[str], class_names: Sequence[str]) -> np.ndarray:
    """Returns the model's outputs for classes by their names, ascending."""
    return np.sort([class_names.index(name) for name in names])


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


def read_evaluation(run: Path, name: str) -> Evaluation:
    """Reads an evaluation; raises JaxcmpError that names what is missing, damaged or at odds."""
    folder = folder_of(run, name)
    if not files.exists(folder / RESULT):
        raise JaxcmpError(f"{folder} is not finished: the command that began it goes on")
    result = files.read_object(folder / RESULT, schemas.EvaluationResult)
    predictions = read_predictions(folder / PREDICTIONS).test.by_id()
    for fault in _faults(name, result, predictions):
        raise files.damaged(folder / RESULT, fault)
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


def _faults(name: str, result: Mapping[str, Any], predictions: Predictions) -> Iterator[str]:
    if result["name"] != name:
        yield f"it is of the evaluation {result['name']!r}"
    if fault := predictions.contradiction(result, "num_images"):
        yield fault
    names = result["data"]["class_names"]
    by_name = result["matched_by"] == "name"
    if by_name and not set(names) <= set(predictions.class_names):
        yield "it names a class that the model does not know"
    if not by_name and len(names) > len(predictions.class_names):
        yield "it has more classes than the model"
