"""A configuration in words: optimizer, schedule, augmentation."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]


def optimizer(config: Config) -> str:
    settings = config["optimizer"]
    names = {"adamw": "AdamW", "sgd": "SGD"}
    parts = [names.get(settings["name"], str(settings["name"]))]
    if settings.get("momentum"):
        parts[0] += f" with Nesterov momentum {settings['momentum']:g}"
    parts.append(f"weight decay {settings['weight_decay']:g}")
    if settings["clip_norm"]:
        parts.append(f"gradient norm up to {settings['clip_norm']:g}")
    # Runs from before these two settings do not say them.
    if settings.get("layer_decay", 1) != 1:
        parts.append(f"each layer at {settings['layer_decay']:g} times the rate of that above it")
    if config.get("frozen_trunk"):
        parts.append("for the head alone")
    return ", ".join(parts)


def schedule(config: Config) -> str:
    settings = config["schedule"]
    peak = f"{settings['peak_learning_rate']:g}"
    if settings["warmup_epochs"]:
        epochs = settings["warmup_epochs"]
        num = f"{epochs:g} epoch{'' if epochs == 1 else 's'}"
        start = f"{num} of linear warm-up to {peak}"
    else:
        start = f"from {peak}"
    return f"{start}, cosine to 0 at epoch {config['num_epochs']}"


def augmentation(config: Config) -> str:
    """Describes the augmentation of training images; "none" where there is none."""
    settings = config["augment"]
    parts = []
    if settings["crop_padding"]:
        parts.append(f"random crop (padding {settings['crop_padding']})")
    if settings["flip"]:
        parts.append("horizontal flip")
    if settings["trivial_augment"]:
        parts.append("TrivialAugment")
    if settings["erase_rate"]:
        parts.append(f"RandomErasing ({settings['erase_rate']:g})")
    parts += [_mixing(settings)] if is_mixed(config) else []
    return ", ".join(parts) or "none"


def regularisation(config: Config) -> str:
    """Describes the regularisation beside augmentation; "none" where there is none."""
    model, parts = config["model"], []
    if config["label_smoothing"]:
        parts.append(f"label smoothing {config['label_smoothing']:g}")
    if model["dropout_rate"]:
        parts.append(f"dropout {model['dropout_rate']:g}")
    if model["drop_path_rate"]:
        parts.append(f"stochastic depth {model['drop_path_rate']:g}")
    if config["average_decay"]:
        parts.append(f"averaged weights {config['average_decay']:g}")
    return ", ".join(parts) or "none"


def is_mixed(config: Config) -> bool:
    """Returns whether training images and their labels are mixed with one another."""
    return bool(config["augment"]["mix_rate"])


def _mixing(settings: Config) -> str:
    """A batch is mixed in one of the ways or not at all, so that what follows holds for both."""
    mixup, cutmix = f"MixUp ({settings['mixup_alpha']:g})", f"CutMix ({settings['cutmix_alpha']:g})"
    share = settings["cutmix_rate"]
    text = mixup if share == 0 else cutmix if share == 1 else f"{mixup} or {cutmix}"
    if share not in (0, 0.5, 1):
        text += f", {100 * share:g} % of them CutMix,"
    if settings["mix_rate"] < 1:
        text += f" on {100 * settings['mix_rate']:g} % of batches"
    if settings["mixing_epochs"]:
        text += f" until epoch {settings['mixing_epochs']}"
    return text.removesuffix(",")
