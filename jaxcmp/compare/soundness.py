"""Checks that a finished run has what the comparison needs, and that its files agree."""

import math
from collections.abc import Mapping
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
# The same predictions give the same scores but for the order of a sum.
EQUAL = 1e-6


def check_run(run: Run) -> None:
    """Raises JaxcmpError naming a file that lacks something, or that contradicts another one."""
    result = run.result or {}
    _need(run, runs.CONFIG, run.config, CONFIG)
    _check_model(run)
    if not run.environment:
        raise files.damaged(run.folder / runs.ENVIRONMENT, "it is missing or empty")
    _need(run, runs.ENVIRONMENT, run.environment, ("data.name", "data.version"))
    data = run.environment["data"]
    if len(data.get("mean", [])) != len(data.get("std", [])):
        reason = "data.mean and data.std are not as many"
        raise files.damaged(run.folder / runs.ENVIRONMENT, reason)
    for session in run.sessions:
        _need(run, runs.ENVIRONMENT, session, SESSION)
    _need(run, runs.RESULT, result, RESULT)
    if result["train_seconds"] is None:
        raise files.damaged(run.folder / runs.RESULT, "train_seconds is not known")
    if result["epochs"] != run.config["num_epochs"]:
        reason = f"{result['epochs']} epochs, and num_epochs={run.config['num_epochs']}"
        raise files.damaged(run.folder / runs.RESULT, reason)
    if run.init:
        _need(run, runs.INIT, run.init, INIT)
    if run.cost:
        _check_cost(run, result)
    _check_epochs(run, result)


def check_scores(outcome: Outcome) -> None:
    """Raises JaxcmpError where the result does not follow from the predictions."""
    run, result = outcome.run, outcome.run.result or {}
    splits = {"test": outcome.predictions, "validation": run.load_validation_predictions()}
    for split, predictions in splits.items():
        if predictions is None:
            continue
        if not np.isfinite(predictions.logits).all():
            raise files.damaged(run.folder / runs.PREDICTIONS, "a logit is not finite")
        for name, value in (("accuracy", predictions.accuracy), ("loss", predictions.loss)):
            key = f"{split}_{name}"
            if key in result and not math.isclose(result[key], value, rel_tol=EQUAL, abs_tol=EQUAL):
                reason = f"{key} is {result[key]:.6g}, and {value:.6g} by {runs.PREDICTIONS}"
                raise files.damaged(run.folder / runs.RESULT, reason)
    names = run.environment["data"].get("class_names", list(outcome.predictions.class_names))
    if names != list(outcome.predictions.class_names):
        reason = f"its class_names are others than those of {runs.PREDICTIONS}"
        raise files.damaged(run.folder / runs.ENVIRONMENT, reason)
    pictures = run.load_pictures()
    if pictures is not None and not np.isin(pictures.ids, outcome.predictions.ids).all():
        reason = "a picture is none of the test images"
        raise files.damaged(run.folder / runs.PREDICTIONS, reason)


def _need(run: Run, name: str, value: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    if key := lacking(value, keys):
        raise files.damaged(run.folder / name, f"it has no {key}")


def _check_model(run: Run) -> None:
    model = run.config["model"]
    _need(run, runs.CONFIG, model, MODELS.get(model["name"], ()))
    reason = None
    if model["name"] == "vit" and model["patch_size"] > model["image_size"]:
        reason = "model.patch_size is larger than model.image_size"
    if model["name"] == "resnet" and len(model["stage_widths"]) != len(model["stage_depths"]):
        reason = "model.stage_widths and model.stage_depths are not as many"
    if reason:
        raise files.damaged(run.folder / runs.CONFIG, reason)


def _check_cost(run: Run, result: Mapping[str, Any]) -> None:
    _need(run, runs.COST, run.cost, COST)
    for name in ("parameters", "multiply_adds"):
        total, components = run.cost[name]["total"], run.cost[name]["components"]
        if sum(components.values()) != total:
            reason = f"the components of {name} do not add up to their total"
            raise files.damaged(run.folder / runs.COST, reason)
        if total != result[name]:
            reason = f"{total:,} {name}, and {result[name]:,} in {runs.RESULT}"
            raise files.damaged(run.folder / runs.COST, reason)
    for name in ("train_seconds", "images_per_second"):
        if run.cost.get(name) != result.get(name):
            reason = f"its {name} is another than that of {runs.RESULT}"
            raise files.damaged(run.folder / runs.COST, reason)


def _check_epochs(run: Run, result: Mapping[str, Any]) -> None:
    """Checks recorded epochs: in order, whole, finite and up to the last."""
    path, last = run.folder / runs.METRICS, 0
    epochs = [record for record in run.metrics if record["kind"] == "epoch"]
    for record in epochs:
        if key := lacking(record, EPOCH):
            raise files.damaged(path, f"the record of an epoch has no {key}")
        if record["epoch"] <= last:
            raise files.damaged(path, f"epoch {record['epoch']} comes after epoch {last}")
        last = record["epoch"]
        for name in (*EPOCH, *OPTIONAL & record.keys()):
            if not math.isfinite(record[name]):
                raise files.damaged(path, f"{name} of epoch {last} is not finite")
    every = run.config.get("eval_every_epochs", 1)
    # Another session may have evaluated at other epochs.
    if epochs and len(run.sessions) == 1 and len(epochs) != math.ceil(result["epochs"] / every):
        raise files.damaged(path, f"it has {len(epochs)} epochs of {result['epochs']}")
    if epochs and (last, epochs[-1]["step"]) != (result["epochs"], result["steps"]):
        raise files.damaged(path, f"it ends with epoch {last} of {result['epochs']}")
