"""Configurations small enough that a benchmark of them takes seconds."""

import importlib
from typing import Any

from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import settings_of

SMALL = {
    "vit": {"model.width": 16, "model.depth": 1, "model.num_heads": 2, "model.mlp_width": 16},
    "resnet": {"model.stage_widths": (4, 8), "model.stage_depths": (1, 2)},
}


def config_of(arm: str, **overrides: Any) -> Any:
    config = importlib.import_module(f"configs.{arm}").get_config("digits")
    sizes = {"batch_size": 16, "eval_batch_size": 16, "model.num_classes": 10}
    config.update_from_flattened_dict({**SMALL[arm], **sizes, **overrides})
    return config


def small(arm: str, **overrides: Any) -> Settings:
    return settings_of(config_of(arm, **overrides))


# The same ViT on a command line.
TINY = (
    "--config=configs/vit.py:digits",
    "--config.batch_size=16",
    "--config.eval_batch_size=16",
    *(f"--config.{name}={value}" for name, value in SMALL["vit"].items()),
)
