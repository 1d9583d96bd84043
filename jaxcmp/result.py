"""The end of a run: its predictions, its costs and its result."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcmp import files, runs
from jaxcmp.experiment import Experiment
from jaxcmp.models import costs
from jaxcmp.models.packing import unpack
from jaxcmp.runner import Runner
from jaxcmp.runs import RunWriter
from jaxcmp.runs.metrics import accuracy, cross_entropy
from jaxcmp.runs.predictions import (
    Pictures,
    Predictions,
    encode_predictions,
    pictures_of_mistakes,
    write_predictions,
)
from jaxcmp.step import TrainState


def score(experiment: Experiment, logits: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Computes loss and accuracy by split, named as in the run folder."""
    scores = {}
    for name, split in experiment.evaluated_splits():
        scores[f"{name}_loss"] = cross_entropy(logits[name], split.labels)
        scores[f"{name}_accuracy"] = accuracy(logits[name], split.labels)
    return scores


@dataclasses.dataclass(frozen=True)
class RunResult:
    """The final files of a run, before they are written."""

    test: Predictions
    validation: Predictions | None
    pictures: Pictures
    cost: dict[str, Any]
    result: dict[str, Any]

    def write(self, run: RunWriter) -> None:
        """Writes all files, result.json last, which marks the run finished. Raises JaxcmpError."""
        path = run.folder / runs.PREDICTIONS
        write_predictions(path, self.test, self.validation, self.pictures)
        run.write_json(runs.COST, self.cost)
        run.finish(self.result)


def measure(
    experiment: Experiment,
    runner: Runner,
    state: TrainState,
    logits: Mapping[str, np.ndarray],
    metrics: Sequence[Mapping[str, Any]],
) -> RunResult:
    """Computes the run's result from each split's logits and the records of metrics.jsonl."""
    dataset, clock = experiment.dataset, experiment.clock
    batch_size = experiment.settings.batch_size
    predictions = {
        name: Predictions.of(logits[name], split.labels, split.ids, dataset.class_names)
        for name, split in experiment.evaluated_splits()
    }
    test = predictions["test"]
    speed = costs.speed(metrics, batch_size=batch_size)
    num_channels = dataset.train.images.shape[-1]
    params = jax.eval_shape(unpack, state.params)
    sizes = costs.sizes(experiment.model, params, num_channels=num_channels)
    measured = {
        "training_flops": experiment.training_flops(int(state.step) * batch_size),
        "compile_seconds": runner.compile_seconds,
        "peak_memory": costs.peak_memory(),
        "step_temporary_bytes": runner.temporary_bytes,
    }
    result = {
        "schema": 1,
        **score(experiment, logits),
        "num_train": len(dataset.train.labels),
        "num_test": len(dataset.test.labels),
        "epochs": clock.num_epochs,
        "steps": int(state.step),
        "parameters": sizes["parameters"]["total"],
        "multiply_adds": sizes["multiply_adds"]["total"],
        "train_seconds": speed["train_seconds"],
        "images_per_second": speed["images_per_second"],
    }
    return RunResult(
        test=test,
        validation=predictions.get("validation"),
        pictures=pictures_of_mistakes(test, dataset.test.images),
        cost={**sizes, **measured, **speed},
        result=result,
    )


def rehearse(experiment: Experiment, runner: Runner, state: TrainState) -> None:
    """Computes and encodes the result of made-up predictions: errors appear before training.

    First all predictions are right, then all are the first class: runs with no mistake and with
    many mistakes take different paths. Nothing is written.
    """
    num_classes = experiment.model.num_classes
    labels = {name: split.labels for name, split in experiment.evaluated_splits()}
    right = {name: np.eye(num_classes, dtype=np.float32)[x] for name, x in labels.items()}
    for logits in (right, {name: np.zeros_like(x) for name, x in right.items()}):
        measured = measure(experiment, runner, state, logits, [])
        encode_predictions(measured.test, measured.validation, measured.pictures)
        files.to_json([measured.cost, measured.result])
