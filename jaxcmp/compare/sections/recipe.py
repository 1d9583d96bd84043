"""A configuration in words: optimizer, schedule, augmentation."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]


def _told(*parts: tuple[Any, str]) -> str:
    """Lists the parts that are in use; "none" without any."""
    return ", ".join(text for is_used, text in parts if is_used) or "none"


def optimizer(config: Config) -> str:
    settings = config["optimizer"]
    name = {"adamw": "AdamW", "sgd": "SGD"}.get(settings["name"], str(settings["name"]))
    if settings.get("momentum"):
        name += f" with Nesterov momentum {settings['momentum']:g}"
    # Runs from before the last two settings do not say them.
    decay = settings.get("layer_decay", 1)
    return _told(
        (True, f"{name}, weight decay {settings['weight_decay']:g}"),
        (settings["clip_norm"], f"gradients clipped to norm {settings['clip_norm']:g}"),
        (decay != 1, f"each layer at {decay:g} times the rate of that above it"),
        (config.get("frozen_trunk"), "for the head alone"),
    )


def schedule(config: Config) -> str:
    settings, start = config["schedule"], "learning rate "
    if epochs := settings["warmup_epochs"]:
        start = f"{epochs:g} epoch{'' if epochs == 1 else 's'} of linear warm-up to learning rate "
    peak = f"{settings['peak_learning_rate']:g}"
    return f"{start}{peak}, cosine to 0 at epoch {config['num_epochs']}"


def augmentation(config: Config) -> str:
    # A setting that is newer than some runs is read by `get`.
    settings = config["augment"]
    return _told(
        (settings["crop_padding"], f"random crop (padding {settings['crop_padding']})"),
        (settings["flip"], "horizontal flip"),
        (settings["trivial_augment"], "TrivialAugment"),
        (settings["erase_rate"], f"RandomErasing (rate {settings['erase_rate']:g})"),
        (is_mixed(config), _mixing(settings)),
    )


def regularisation(config: Config) -> str:
    """Describes the regularisation beside augmentation."""
    model = config["model"]
    dropout, drop_path = model.get("dropout_rate", 0), model.get("drop_path_rate", 0)
    return _told(
        (config["label_smoothing"], f"label smoothing {config['label_smoothing']:g}"),
        (dropout, f"dropout {dropout:g}"),
        (drop_path, f"stochastic depth {drop_path:g}"),
        (config["average_decay"], f"averaged weights {config['average_decay']:g}"),
    )


def is_mixed(config: Config) -> bool:
    """Returns whether training images and their labels are mixed with one another."""
    return bool(config["augment"]["mix_rate"])


def _mixing(settings: Config) -> str:
    """A batch is mixed in one of the ways or not at all, so that what follows holds for both."""
    mixup = f"MixUp (alpha {settings['mixup_alpha']:g})"
    cutmix = f"CutMix (alpha {settings['cutmix_alpha']:g})"
    share = settings["cutmix_rate"]
    text = mixup if share == 0 else cutmix if share == 1 else f"{mixup} or {cutmix}"
    if share not in (0, 0.5, 1):
        text += f", {100 * share:g} % of them CutMix,"
    if settings["mix_rate"] < 1:
        text += f" on {100 * settings['mix_rate']:g} % of batches"
    if settings["mixing_epochs"]:
        text += f" until epoch {settings['mixing_epochs']}"
    return text.removesuffix(",")
