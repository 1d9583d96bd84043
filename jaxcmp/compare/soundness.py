"""Checks that the files of a finished run agree; `runs.schemas` has checked each by itself."""

import math
from collections.abc import Iterator

import numpy as np

from jaxcmp import files, runs
from jaxcmp.runs import Run
from jaxcmp.runs.predictions import Stored


def check_run(run: Run, stored: Stored) -> None:
    """Raises JaxcmpError naming a file that is missing, or that contradicts another one."""
    for file, fault in _faults(run, stored):
        raise files.damaged(run.folder / file, fault)


def _faults(run: Run, stored: Stored) -> Iterator[tuple[str, str]]:
    """Yields files and what is wrong with them; each check relies on those before it."""
    config, result, data = run.config, run.result, run.data
    if not run.cost:
        yield runs.COST, "it is missing"
    if not run.epochs:
        yield runs.METRICS, "it has no record of an epoch"
    if config.get("init", {}).get("path") and not run.init:
        yield runs.INIT, f"it is missing, and {runs.CONFIG} names weights"
    model = config["model"]
    if model["name"] == "vit" and model["patch_size"] > model.get("image_size", 0):
        yield runs.CONFIG, "model.patch_size is larger than model.image_size"
    if model["name"] == "resnet" and len(model["stage_widths"]) != len(model["stage_depths"]):
        yield runs.CONFIG, "model.stage_widths and model.stage_depths are not as many"
    if len(data["mean"]) != len(data["std"]):
        yield runs.ENVIRONMENT, "data.mean and data.std are not as many"
    if result["train_seconds"] is None:
        yield runs.RESULT, "train_seconds is not known"
    if result["epochs"] != config["num_epochs"]:
        yield runs.RESULT, f"{result['epochs']} epochs, and num_epochs={config['num_epochs']}"
    yield from ((runs.COST, fault) for fault in _faults_of_costs(run))
    yield from ((runs.METRICS, fault) for fault in _faults_of_epochs(run))
    yield from _faults_of_predictions(run, stored)


def _faults_of_costs(run: Run) -> Iterator[str]:
    cost, result = run.cost, run.result
    for name in ("parameters", "multiply_adds"):
        total, components = cost[name]["total"], cost[name]["components"]
        if sum(components.values()) != total:
            yield f"the components of {name} do not add up to their total"
        if total != result[name]:
            yield f"{total:,} {name}, and {result[name]:,} in {runs.RESULT}"
    for name in ("train_seconds", "images_per_second"):
        if cost[name] != result[name]:
            yield f"its {name} is another than that of {runs.RESULT}"


def _faults_of_epochs(run: Run) -> Iterator[str]:
    """Checks recorded epochs: in order, whole, finite and up to the last."""
    last, epochs, result = 0, run.epochs, run.result
    for record in epochs:
        if record["epoch"] <= last:
            yield f"epoch {record['epoch']} comes after epoch {last}"
        last = record["epoch"]
        if not math.isfinite(record["train_loss"]):
            yield f"train_loss of epoch {last} is not finite"
    num_evaluated = math.ceil(result["epochs"] / run.config["eval_every_epochs"])
    # Another session may have evaluated at other epochs.
    if len(run.sessions) == 1 and len(epochs) != num_evaluated:
        yield f"it has {len(epochs)} epochs of {num_evaluated}"
    if last != result["epochs"]:
        yield f"it ends with epoch {last} of {result['epochs']}"
    if epochs[-1]["step"] != result["steps"]:
        yield f"it ends with step {epochs[-1]['step']:,} of {result['steps']:,}"


def _faults_of_predictions(run: Run, stored: Stored) -> Iterator[tuple[str, str]]:
    for split, predictions in {"test": stored.test, "validation": stored.validation}.items():
        if predictions is None:
            continue
        if fault := predictions.contradiction(run.result, f"num_{split}", f"{split}_"):
            yield runs.RESULT, fault
    if run.data["class_names"] != list(stored.test.class_names):
        yield runs.ENVIRONMENT, f"its class_names are others than those of {runs.PREDICTIONS}"
    if stored.pictures and not np.isin(stored.pictures.ids, stored.test.ids).all():
        yield runs.PREDICTIONS, "a picture is none of the test images"
