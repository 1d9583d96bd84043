"""Evaluations as the command writes them, with answers drawn around a given accuracy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sample_files import MACHINE
from sample_runs import make_predictions

from jaxcmp.runs import read_run
from jaxcmp.runs.evaluations import write_evaluation
from jaxcmp.runs.predictions import Predictions


def make_evaluation(
    name: str,
    predictions: Predictions,
    *,
    step: int = 10,
    which: str = "newest",
    split: str = "test",
    class_names: Sequence[str] = (),
    digest: str = "0123",
    data_name: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Makes the result of an evaluation; its name begins with that of the data set."""
    data = {
        "name": data_name or name.partition("-")[0],
        "version": "1.0.0",
        "split": split,
        "class_names": list(class_names or predictions.class_names),
        "image_size": [32, 32],
        "digest": digest,
    }
    return {
        "schema": 1,
        "name": name,
        "request": {},
        "words": [f"--config.data.name={data['name']}"],
        "data": data,
        "checkpoint": {"which": which, "step": step, "digest": "4567"},
        "matched_by": "name",
        "num_images": len(predictions.ids),
        "accuracy": predictions.accuracy,
        "loss": predictions.loss,
        "environment": MACHINE,
        **more,
    }


def evaluate_sample(
    folder: Path, name: str, share: float, *, classes: Sequence[int] = (), **changes: Any
) -> Predictions:
    """Writes an evaluation into a sample run's folder, with answers of its own seed.

    They are of 300 images of `classes`, by default all, and right with probability `share`.
    """
    run = read_run(folder)
    names = run.load_predictions().test.class_names
    rng = np.random.default_rng([run.config["seed"], len(run.config["arm"]), len(name)])
    labels = np.resize(np.array(classes or range(len(names))), 300)
    predictions = make_predictions(rng, share, labels, names)
    present = [names[index] for index in classes][::-1]
    changes = {"step": run.result["steps"], "class_names": present} | changes
    write_evaluation(folder, name, predictions, make_evaluation(name, predictions, **changes))
    return predictions
