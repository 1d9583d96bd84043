"""The tables of a model card: model, data and training, each a name with its words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcmp.compare.arms import devices_of
from jaxcmp.compare.cells import duration
from jaxcmp.compare.origin import origin_of
from jaxcmp.compare.sections import recipe
from jaxcmp.costs import sizes
from jaxcmp.models import ResNet, ViT
from jaxcmp.predict import Trained
from jaxcmp.runs import Run

NOT_THERE = "not known"


def model_rows(trained: Trained) -> dict[str, str]:
    """What the model is, what it weighs, and what it takes in."""
    model, channels = trained.model, len(trained.mean)
    counted = sizes(model, trained.variables["params"], num_channels=channels)
    (height, width), size = trained.image_size, model.image_size
    colours = "1 channel" if channels == 1 else f"{channels} channels"
    resized = "" if (height, width) == (size, size) else f", resized to {size}x{size} (bicubic)"
    return {
        "architecture": _architecture(model),
        "parameters": f"{counted['parameters']['total']:,}",
        "multiply-adds of an image, forward": f"{counted['multiply_adds']['total']:,}",
        "input": f"{height}x{width} pixels of {colours}, levels 0 to 255",
        "normalisation": (
            f"/ 255, minus {_row(trained.mean)}, divided by {_row(trained.std)}{resized}"
        ),
    }


def _architecture(model: ViT | ResNet) -> str:
    if isinstance(model, ViT):
        patch = f"{model.patch_size}x{model.patch_size}"
        return (
            f"ViT: {patch} patches, {model.num_tokens - 1} tokens and CLS, {model.depth} pre-norm "
            f"blocks of width {model.width} with {model.num_heads} heads, MLP {model.mlp_width}"
        )
    stem = "3x3 stem without pooling" if model.stem == "cifar" else "7x7 stem, pooled"
    widths, depths = ("-".join(map(str, each)) for each in (model.stage_widths, model.stage_depths))
    return f"ResNet: {stem}, stages of {depths} basic blocks of width {widths}"


def data_rows(run: Run) -> dict[str, str]:
    """The images that it was trained and tested on."""
    data, share = run.environment["data"], run.config["data"].get("train_fraction", 1.0)
    of_all = "" if share == 1 else f", {100 * share:g} % of the training set"
    chosen = ", chosen from those of the data set" if run.config["data"].get("classes") else ""
    rows = {
        "data set": f"{data['name']} {data['version']}",
        "training images": f"{data['num_train']:,}{of_all}",
        "held-out images": f"{data['num_validation']:,}",
        "test images": f"{data['num_test']:,}",
        "classes": f"{len(data['class_names']):,}{chosen}",
    }
    return rows if data["num_validation"] else {k: v for k, v in rows.items() if "held" not in k}


def training_rows(run: Run) -> dict[str, str]:
    """The recipe, what the run began from, and what it ran on."""
    config, now = run.config, run.environment
    result = run.result or {}
    seconds = result.get("train_seconds")
    versions = {"python": now.get("python"), **now.get("packages", {})}
    return {
        "began from": _beginning(run),
        "optimizer": recipe.optimizer(config),
        "schedule": recipe.schedule(config),
        "epochs": f"{config['num_epochs']}, batches of {config['batch_size']}",
        "augmentation": recipe.augmentation(config),
        "regularisation": recipe.regularisation(config),
        "computed in": config["compute_dtype"],
        "seed": str(config["seed"]),
        "device": devices_of(run),
        "training time": duration(seconds) if seconds is not None else NOT_THERE,
        "jaxcmp's commit": " and ".join(dict.fromkeys(map(_commit, run.sessions))),
        "versions": ", ".join(f"{name} {each}" for name, each in versions.items()),
    }


def _beginning(run: Run) -> str:
    """The weights that a run began from, what they had seen, and what became of each array."""
    origin = origin_of(run.init)
    if origin is None:
        # Runs from before there was the setting do not say it.
        if run.config.get("init", {}).get("path"):
            raise ValueError("its configuration names weights, and init.json is missing")
        return "random weights"
    seen = f"trained on {origin.words}" if origin.name else "of which nothing is said"
    arrays = ", ".join(f"{num} {what}" for what, num in origin.arrays.items())
    return f"{origin.file} (SHA-256 {origin.sha256}), {seen}; arrays: {arrays}"


def _commit(session: Mapping[str, Any]) -> str:
    commit = session.get("git_commit")
    if not commit:
        return NOT_THERE
    return f"{commit}, with changes of its own" if session.get("git_dirty") else str(commit)


def _row(values: np.ndarray) -> str:
    return ", ".join(f"{each:.4g}" for each in values)
