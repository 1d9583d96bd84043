"""Settings of a run: what tells one recipe from another, and one set of images from another."""

import collections
import json
from collections.abc import Iterable, Mapping
from typing import Any

from jaxcmp import runs
from jaxcmp.settings import Role
from jaxcmp.settings.keys import NEUTRAL, with_role

Settings = tuple[tuple[str, str], ...]

(TRAIN_FRACTION,) = with_role(Role.SIZE)
LENGTH_KEYS = with_role(Role.LENGTH)
SCALE_KEYS = with_role(Role.SCALE)
# The seed, and what a run may go on with another value of, is no part of a recipe.
OTHER_KEYS = with_role(Role.SEED, Role.FREE)
# What a run began from is told by what the weights had seen, not by where they lay.
ORIGIN = "init."


def recipe_of(config: Mapping[str, Any]) -> Settings:
    """Returns the keys that say what is trained and how; raises KeyError without an arm."""
    # In the same place whether or not the run says it: two such runs may be one recipe.
    settings = {"recipe": json.dumps(config.get("recipe", config["arm"]))} | flatten(config)
    return tuple(
        (key, value)
        for key, value in settings.items()
        if key not in OTHER_KEYS
        and not key.startswith(ORIGIN)
        and value not in NEUTRAL.get(key, ())
    )


def images_of(recipe: Settings) -> Settings:
    """Returns the keys that say which images a run is about, whatever part of them it trains on."""
    apart = (TRAIN_FRACTION, *SCALE_KEYS)
    return tuple(each for each in recipe if each[0].startswith("data.") and each[0] not in apart)


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """The configuration as dotted keys and JSON values."""
    return {key: json.dumps(value) for key, value in runs.flatten(config).items()}


def untimed(recipe: Settings) -> Settings:
    """Returns the keys of a recipe that hold at all lengths and on all parts of the images."""
    return tuple(each for each in recipe if each[0] not in (*LENGTH_KEYS, TRAIN_FRACTION))


def unsized(recipe: Settings) -> Settings:
    """Returns the keys of a recipe that hold on all parts of the images."""
    return tuple(each for each in recipe if each[0] != TRAIN_FRACTION)


def short_names(settings: Iterable[Settings]) -> dict[str, str]:
    """Shortens each key to its last part, unless another key or one of other weights ends in it."""
    lasts = {key: key.rpartition(".")[2] for each in settings for key, _ in each}
    ends = collections.Counter(lasts.values())
    return {
        key: last if ends[last] == 1 and not key.startswith(ORIGIN) else key
        for key, last in lasts.items()
    }


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
