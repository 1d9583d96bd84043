"""Sample arms with accuracies and little else."""

import dataclasses
from pathlib import Path

import numpy as np
from sample_files import session

from jaxcmp.compare.arms import Arm, Outcome
from jaxcmp.runs import Run
from jaxcmp.runs.predictions import Predictions
from jaxcmp.settings.configuration import NOTHING_GIVEN


def make_arm(name: str, accuracies: list[float], *, device: str = "cpu") -> Arm:
    config = {"model": {"name": name}}
    run = Run(Path(f"runs/{name}"), config, NOTHING_GIVEN, session(), {}, [], {})
    predictions = Predictions.of(np.eye(2), np.arange(2), np.arange(2), ("cat", "dog"))
    outcome = Outcome(
        run=run,
        predictions=predictions,
        name=name,
        seed=0,
        recipe=(),
        data=(),
        train_fraction=1.0,
        num_train=50_000,
        test_accuracy=0.0,
        parameters=11_173_962,
        multiply_adds=555_422_720,
        train_seconds=0.0,
        device=device,
    )
    outcomes = (
        dataclasses.replace(
            outcome, seed=seed, test_accuracy=accuracy, train_seconds=1500.0 + 60 * seed
        )
        for seed, accuracy in enumerate(accuracies)
    )
    return Arm(name, tuple(outcomes))
