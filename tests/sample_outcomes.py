"""Outcomes of runs that say what the comparison groups by, and little else."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from sample_files import session

from jaxcmp.compare.arms import Arm, Outcome, outcome_of
from jaxcmp.runs import Run
from jaxcmp.runs.predictions import Predictions, Stored
from jaxcmp.settings.configuration import NOTHING_GIVEN

NUM_TEST = 20


def make_config(arm: str = "vit", seed: int = 0, **data: Any) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": seed,
        "num_epochs": 100,
        "eval_batch_size": 1000,
        "steps_per_dispatch": 1,
        "model": {"name": arm, "width": 192},
        "data": {"name": "cifar10", "dir": "", "manual_dir": "", "train_fraction": 1.0} | data,
        "log": {"every_steps": 50},
        "checkpoint": {"every_epochs": 1},
    }


def make_predictions(num_test: int = NUM_TEST, **changes: Any) -> Predictions:
    labels = np.arange(num_test) % 2
    parts = {"labels": labels, "ids": np.arange(num_test), "class_names": ("cat", "dog")} | changes
    return Predictions.of(np.eye(2)[labels], **parts)


def make_outcome(
    config: dict[str, Any],
    folder: str = "runs/a",
    predictions: Predictions | None = None,
    init: dict[str, Any] | None = None,
    **result: Any,
) -> Outcome:
    predictions = predictions or make_predictions()
    values = {
        "test_accuracy": 0.9,
        "num_train": 50_000,
        "num_test": len(predictions.ids),
        "parameters": 5_362_762,
        "multiply_adds": 365_107_584,
        "train_seconds": 60.0,
    }
    environment = session()
    told = {"schema": 1, **values, **result}
    run = Run(Path(folder), config, NOTHING_GIVEN, environment, {}, [], told, init or {})
    return outcome_of(run, Stored(predictions))


def make_seeds(accuracies: list[float], **kwargs: Any) -> list[Outcome]:
    return [
        make_outcome(make_config(seed=seed, **kwargs), f"runs/{seed}", test_accuracy=accuracy)
        for seed, accuracy in enumerate(accuracies)
    ]


def make_arm(name: str, accuracies: list[float], *, device: str = "cpu") -> Arm:
    """An arm with these accuracies, whose seeds take 25, 26, ... minutes."""
    outcomes = (
        dataclasses.replace(outcome, device=device, train_seconds=1500.0 + 60 * outcome.seed)
        for outcome in make_seeds(accuracies, arm=name)
    )
    return Arm(name, tuple(outcomes))
