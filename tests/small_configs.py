"""Configurations with models so small that a test of them takes seconds."""

import importlib
from typing import Any

from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import settings_of

SMALL = {
    "vit": {"model.width": 16, "model.depth": 1, "model.num_heads": 2, "model.mlp_width": 16},
    "resnet": {"model.stage_widths": (4,), "model.stage_depths": (1,)},
}


def config_of(arm: str, variant: str = "digits", /, **overrides: Any) -> Any:
    config = importlib.import_module(f"configs.{arm}").get_config(variant)
    config.update_from_flattened_dict(SMALL[arm] | overrides)
    return config


def small(arm: str, variant: str = "digits", /, **overrides: Any) -> Settings:
    return settings_of(config_of(arm, variant, **overrides))
