"""Settings of a run: what tells one recipe from another, and one set of images from another."""

import json
from collections.abc import Mapping
from typing import Any

from jaxcmp.runs import FREE_KEYS

Settings = tuple[tuple[str, str], ...]

# Parts of one training set of different size may share a figure, but never an average.
TRAIN_FRACTION = "data.train_fraction"
# Runs that differ in nothing else have the same recipe at another length.
LENGTH_KEYS = ("num_epochs", "schedule.warmup_epochs", "augment.mixing_epochs")
# How pixels are scaled for the network: the recipe's, while the images are the same.
SCALE_KEYS = ("data.mean", "data.std")
# What a run began from is told by what the weights had seen, not by where they lay.
ORIGIN = "init."
# With these values a setting does nothing, so that a run from before there was the setting has the
# same recipe.
NEUTRAL = {
    "data.classes": "[]",
    "data.mean": "[]",
    "data.std": "[]",
    "optimizer.layer_decay": "1.0",
    "frozen_trunk": "false",
    "model.stem": '"cifar"',
}


def recipe_of(config: Mapping[str, Any]) -> Settings:
    """All that a configuration says of what is trained, and how; raises KeyError without an arm."""
    # In the same place whether or not the run says it: two such runs may be one recipe.
    settings = {"recipe": json.dumps(config.get("recipe", config["arm"]))} | flatten(config)
    return tuple(
        (key, value)
        for key, value in settings.items()
        if not key.startswith(ORIGIN) and NEUTRAL.get(key) != value
    )


def images_of(recipe: Settings) -> Settings:
    """Which images it is about, whatever part of them is trained on."""
    apart = (TRAIN_FRACTION, *SCALE_KEYS)
    return tuple(each for each in recipe if each[0].startswith("data.") and each[0] not in apart)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The recipe as dotted keys and JSON values, without what does not belong to it."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name == "seed" or name in FREE_KEYS:
            continue
        flat |= flatten(value, f"{name}.") if isinstance(value, dict) else {name: json.dumps(value)}
    return flat


def untimed(recipe: Settings) -> Settings:
    """What a recipe has in common at all lengths, and on all parts of the images."""
    return tuple(each for each in recipe if each[0] not in (*LENGTH_KEYS, TRAIN_FRACTION))


def unsized(recipe: Settings) -> Settings:
    """What a recipe has in common on all parts of the images."""
    return tuple(each for each in recipe if each[0] != TRAIN_FRACTION)


def part_of(recipe: Settings) -> str | None:
    """The part of the training images, as JSON."""
    return dict(recipe).get(TRAIN_FRACTION)


def differing(one: Settings, other: Settings) -> list[str]:
    """The keys in which two recipes differ, but for names, and for what weights they began from."""
    first, second = dict(one), dict(other)
    return [
        key
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
        and key not in ("arm", "recipe")
        and not key.startswith(ORIGIN)
    ]
