"""Configurations small enough that a benchmark of them takes seconds."""

from typing import Any

import small_configs

from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import settings_of

SIZES = {
    "vit": {},
    "resnet": {"model.stage_widths": (4, 8), "model.stage_depths": (1, 2)},
}
BATCHES = {"batch_size": 16, "eval_batch_size": 16}


def config_of(arm: str, **overrides: Any) -> Any:
    own = {**SIZES[arm], **BATCHES, "model.num_classes": 10}
    return small_configs.config_of(arm, **own | overrides)


def small(arm: str, **overrides: Any) -> Settings:
    return settings_of(config_of(arm, **overrides))


# The same ViT on a command line.
TINY = (
    "--config=configs/vit.py:digits",
    *(f"--config.{name}={x}" for name, x in (BATCHES | small_configs.SMALL["vit"]).items()),
)
