"""The end of a run: its predictions, what it cost and its result."""

from collections.abc import Mapping

import numpy as np

from jaxcmp import costs, runs
from jaxcmp.experiment import Experiment
from jaxcmp.metrics import accuracy, cross_entropy
from jaxcmp.predictions import Predictions, pictures_of_mistakes
from jaxcmp.program import Program
from jaxcmp.runs import RunWriter
from jaxcmp.step import TrainState


def score(experiment: Experiment, logits: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Loss and accuracy by split, named as they stand in the run folder."""
    scores = {}
    for name, split in experiment.evaluated_splits():
        scores[f"{name}_loss"] = cross_entropy(logits[name], split.labels)
        scores[f"{name}_accuracy"] = accuracy(logits[name], split.labels)
    return scores


def write_outcome(
    run: RunWriter,
    experiment: Experiment,
    program: Program,
    state: TrainState,
    logits: Mapping[str, np.ndarray],
    *,
    batch_size: int,
) -> None:
    """Writes what the comparison reads; result.json comes last and means: finished."""
    dataset, clock = experiment.dataset, experiment.clock
    predictions = {
        name: Predictions.of(logits[name], split.labels, split.ids, dataset.class_names)
        for name, split in experiment.evaluated_splits()
    }
    test, pictures = predictions["test"], dataset.test.images
    run.write_predictions(test, predictions.get("validation"), pictures_of_mistakes(test, pictures))
    metrics = runs.read_run(run.folder).metrics
    num_images = int(state.step) * batch_size
    speed = costs.speed(metrics, batch_size=batch_size)
    sizes = costs.sizes(experiment.model, state.params, num_channels=dataset.train.images.shape[-1])
    multiply_adds = sizes["multiply_adds"]["total"]
    measured = {
        "training_flops": experiment.training_flops(num_images),
        "compile_seconds": program.compile_seconds,
        "peak_memory": costs.peak_memory(),
        "step_temporary_bytes": program.temporary_bytes,
    }
    run.write_json(runs.COST, {**sizes, **measured, **speed})
    result = {
        "schema": 1,
        **score(experiment, logits),
        "num_train": len(dataset.train.labels),
        "num_test": len(dataset.test.labels),
        "epochs": clock.num_epochs,
        "steps": int(state.step),
        "parameters": sizes["parameters"]["total"],
        "multiply_adds": multiply_adds,
    }
    totals = {name: speed[name] for name in ("train_seconds", "images_per_second")}
    run.finish({**result, **totals})
