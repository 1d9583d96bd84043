"""Settings that both arms share: data, length of training, logs, checkpoints; variants."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxcmp.errors import CommandError

# A ConfigDict, whose keys a type checker cannot know.
Config = Any
Variant = Callable[[Config], None]


# Pretrained weights; the README says which files can be read.
RANDOM_WEIGHTS = {
    "path": "",
    "checkpoint": "newest",
    "allow_missing": "",
    "allow_unused": "",
    "seen": "",
}


def base() -> Config:
    """Returns the blog post's settings: CIFAR-10, 100 epochs, batches of 128, no validation split.

    A tuple takes as many values as are given: --config.data.classes=0,1,4, or '(0, 1, 4)' quoted.
    """
    return ConfigDict(
        {
            "seed": 0,
            "num_epochs": 100,
            "batch_size": 128,
            "eval_batch_size": 1000,
            "eval_every_epochs": 1,
            "accumulation": 1,
            "steps_per_dispatch": 0,
            "compute_dtype": "float32",
            "fused_attention": True,
            "label_smoothing": 0.0,
            "average_decay": 0.0,
            "frozen_trunk": False,
            "data": {
                "name": "cifar10",
                "dir": "",
                "manual_dir": "",
                "image_size": 0,
                "fit": "crop",
                "skip_bad": False,
                "classes": (),
                "mean": (),
                "std": (),
                "train_fraction": 1.0,
                "validation_fraction": 0.0,
                "test_fraction": 0.0,
                "placement": "auto",
            },
            "init": RANDOM_WEIGHTS,
            "log": {
                "every_steps": 50,
                "tensorboard": False,
                "wandb": False,
                "train_accuracy_images": 5000,
            },
            "checkpoint": {"every_epochs": 1, "keep_every_epochs": 0},
        }
    )


def use_digits(config: Config) -> None:
    """Switches to 1,797 real 8x8 images from scikit-learn: a demonstration for any machine."""
    config.data.name = "digits"
    config.num_epochs = 40
    config.batch_size = 32
    config.model.image_size = 8
    # On 8x8 pixels any shift is large, and a mirrored digit is no longer that digit.
    config.augment.crop_padding = 0
    config.augment.flip = False
    config.checkpoint.every_epochs = 10


def use_cpu(config: Config) -> None:
    """Shortens training to ten epochs, for a CPU."""
    config.num_epochs = 10


def apply_variant(config: Config, name: str, variants: dict[str, Variant]) -> Config:
    """Applies a variant, if one is named; raises CommandError for an unknown one."""
    if name:
        if name not in variants:
            raise CommandError(f"variant {name!r} is unknown; there are {', '.join(variants)}")
        variants[name](config)
    return config
