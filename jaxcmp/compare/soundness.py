"""Checks that a finished run has what the comparison needs, and that its files agree."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxcmp import files, runs
from jaxcmp.compare.arms import Outcome
from jaxcmp.runs import Run
from jaxcmp.runs.schemas import lacking

MODELS = {
    "vit": ("image_size", "patch_size", "width", "depth", "mlp_width", "num_classes"),
    "resnet": ("image_size", "stage_widths", "stage_depths", "num_classes"),
}
CONFIG = (
    *("arm", "seed", "num_epochs", "batch_size", "label_smoothing", "average_decay"),
    *("data.name", "data.train_fraction"),
    *("model.name", "model.dropout_rate", "model.drop_path_rate"),
    *("optimizer.name", "optimizer.weight_decay", "optimizer.clip_norm"),
    *("schedule.peak_learning_rate", "schedule.warmup_epochs"),
    *("augment.crop_padding", "augment.flip", "augment.trivial_augment", "augment.erase_rate"),
    *("augment.mixup_alpha", "augment.cutmix_alpha", "augment.mix_rate", "augment.cutmix_rate"),
    "augment.mixing_epochs",
)
SESSION = ("device", "device_count")
RESULT = (
    *("test_accuracy", "test_loss", "num_train", "num_test", "epochs", "steps", "parameters"),
    *("multiply_adds", "train_seconds"),
)
COST = (
    *("parameters.total", "parameters.components", "multiply_adds.total"),
    *("multiply_adds.components", "training_flops", "step_seconds.median"),
)
INIT = ("kind", "layout", "path", "sha256", "seen.name", "rows")
# What the report takes from the record of an epoch.
EPOCH = (
    *("step", "epoch", "train_loss", "train_accuracy_mixed", "test_loss", "test_accuracy"),
    *("learning_rate", "seconds"),
)
OPTIONAL = {"train_accuracy"}


def check_run(run: Run) -> None:
    """Raises JaxcmpError naming a file that lacks something, or that contradicts another one."""
    for file, fault in _faults(run):
        raise files.damaged(run.folder / file, fault)


def check_scores(outcome: Outcome) -> None:
    """Raises JaxcmpError where the result does not follow from the predictions."""
    for file, fault in _faults_of_scores(outcome):
        raise files.damaged(outcome.run.folder / file, fault)


def _faults(run: Run) -> Iterator[tuple[str, str]]:
    """Yields files and what is wrong with them; each check relies on those before it."""
    config, environment, result = run.config, run.environment, run.result or {}
    yield from _lacking(runs.CONFIG, config, CONFIG)
    model = config["model"]
    yield from _lacking(runs.CONFIG, model, MODELS.get(model["name"], ()))
    if model["name"] == "vit" and model["patch_size"] > model["image_size"]:
        yield runs.CONFIG, "model.patch_size is larger than model.image_size"
    if model["name"] == "resnet" and len(model["stage_widths"]) != len(model["stage_depths"]):
        yield runs.CONFIG, "model.stage_widths and model.stage_depths are not as many"
    if not environment:
        yield runs.ENVIRONMENT, "it is missing or empty"
    yield from _lacking(runs.ENVIRONMENT, environment, ("data.name", "data.version"))
    if len(environment["data"].get("mean", [])) != len(environment["data"].get("std", [])):
        yield runs.ENVIRONMENT, "data.mean and data.std are not as many"
    for session in run.sessions:
        yield from _lacking(runs.ENVIRONMENT, session, SESSION)
    yield from _lacking(runs.RESULT, result, RESULT)
    if result["train_seconds"] is None:
        yield runs.RESULT, "train_seconds is not known"
    if result["epochs"] != config["num_epochs"]:
        yield runs.RESULT, f"{result['epochs']} epochs, and num_epochs={config['num_epochs']}"
    if run.init:
        yield from _lacking(runs.INIT, run.init, INIT)
    if run.cost:
        yield from ((runs.COST, fault) for fault in _faults_of_costs(run.cost, result))
    yield from ((runs.METRICS, fault) for fault in _faults_of_epochs(run, result))


def _faults_of_scores(outcome: Outcome) -> Iterator[tuple[str, str]]:
    run, result = outcome.run, outcome.run.result or {}
    splits = {"test": outcome.predictions, "validation": run.load_validation_predictions()}
    for split, predictions in splits.items():
        if predictions is None:
            continue
        if not np.isfinite(predictions.logits).all():
            yield runs.PREDICTIONS, "a logit is not finite"
        if fault := predictions.contradiction(result, f"{split}_"):
            yield runs.RESULT, fault
    names = list(outcome.predictions.class_names)
    if run.environment["data"].get("class_names", names) != names:
        yield runs.ENVIRONMENT, f"its class_names are others than those of {runs.PREDICTIONS}"
    pictures = run.load_pictures()
    if pictures is not None and not np.isin(pictures.ids, outcome.predictions.ids).all():
        yield runs.PREDICTIONS, "a picture is none of the test images"


def _lacking(
    file: str, value: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if key := lacking(value, keys):
        yield file, f"it has no {key}"


def _faults_of_costs(cost: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    if key := lacking(cost, COST):
        yield f"it has no {key}"
    for name in ("parameters", "multiply_adds"):
        total, components = cost[name]["total"], cost[name]["components"]
        if sum(components.values()) != total:
            yield f"the components of {name} do not add up to their total"
        if total != result[name]:
            yield f"{total:,} {name}, and {result[name]:,} in {runs.RESULT}"
    for name in ("train_seconds", "images_per_second"):
        if cost.get(name) != result.get(name):
            yield f"its {name} is another than that of {runs.RESULT}"


def _faults_of_epochs(run: Run, result: Mapping[str, Any]) -> Iterator[str]:
    """Checks recorded epochs: in order, whole, finite and up to the last."""
    last, epochs = 0, [record for record in run.metrics if record["kind"] == "epoch"]
    for record in epochs:
        if key := lacking(record, EPOCH):
            yield f"the record of an epoch has no {key}"
        if record["epoch"] <= last:
            yield f"epoch {record['epoch']} comes after epoch {last}"
        last = record["epoch"]
        for name in (*EPOCH, *OPTIONAL & record.keys()):
            if not math.isfinite(record[name]):
                yield f"{name} of epoch {last} is not finite"
    every = run.config.get("eval_every_epochs", 1)
    # Another session may have evaluated at other epochs.
    if epochs and len(run.sessions) == 1 and len(epochs) != math.ceil(result["epochs"] / every):
        yield f"it has {len(epochs)} epochs of {result['epochs']}"
    if epochs and (last, epochs[-1]["step"]) != (result["epochs"], result["steps"]):
        yield f"it ends with epoch {last} of {result['epochs']}"
