"""What both arms share: data, length of training, logs, checkpoints, the choice of a variant."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxcmp.errors import CommandError

# A ConfigDict, whose keys type checkers do not know.
Config = Any
Variant = Callable[[Config], None]


# Weights to begin with; the README says which files there are.
RANDOM_WEIGHTS = {
    # A .npz, a .safetensors or a run folder; empty for random weights.
    "path": "",
    # Of a run folder: newest, best or a step.
    "checkpoint": "newest",
    # Patterns of our arrays that may stay new, with commas between them: "stem/*".
    "allow_missing": "",
    # And of the file's arrays that may stay unused.
    "allow_unused": "",
    # What a file's weights have seen, in words for the report: "ImageNet-21k".
    "seen": "",
}


def base() -> Config:
    """The study's setting: CIFAR-10, 100 epochs, batches of 128, the last epoch on the test set.

    A tuple takes as many values as are given: --config.data.classes=0,1,4, or '(0, 1, 4)' quoted.
    """
    return ConfigDict(
        {
            "seed": 0,
            "num_epochs": 100,
            "batch_size": 128,
            "eval_batch_size": 1000,
            # Epochs from one record in metrics.jsonl, with an evaluation, to the next.
            "eval_every_epochs": 1,
            # Parts that a batch is worked through in, one after the other, to save memory.
            "accumulation": 1,
            # Steps in one program, no more than between two logs: small models on a GPU else wait
            # for the host. Results are the same but for rounding.
            "steps_per_dispatch": 1,
            # float32, bfloat16 or float16 (whose loss is scaled, for GPUs without bfloat16);
            # parameters and reductions are float32 in every case.
            "compute_dtype": "float32",
            "label_smoothing": 0.0,
            # The decay per step of the weights' moving average that is evaluated; 0 for none.
            "average_decay": 0.0,
            # Trains the head alone, on what the rest of the model gives in evaluation.
            "frozen_trunk": False,
            "data": {
                "name": "cifar10",
                # Where TFDS keeps prepared data sets; empty for its own default.
                "dir": "",
                # Where an archive lies that was downloaded by hand.
                "manual_dir": "",
                # Images are brought to this size once, when they are decoded; 0 leaves them.
                "image_size": 0,
                # Indices of the classes kept, numbered anew in this order; () for all.
                "classes": (),
                # Of each channel, for pixels in [0, 1]; () for those of the training images in use.
                "mean": (),
                "std": (),
                "train_fraction": 1.0,
                "validation_fraction": 0.0,
                # device: all images live there; stream: they are read for each batch; auto: what
                # takes more than half of the free memory is streamed. Batches are the same.
                "placement": "auto",
            },
            "init": RANDOM_WEIGHTS,
            "log": {"every_steps": 50, "tensorboard": False},
            # Kept: the newest two, the best on a validation split, every n-th epoch's (0: none).
            "checkpoint": {"every_epochs": 1, "keep_every_epochs": 0},
        }
    )


def use_digits(config: Config) -> None:
    """1,797 real 8x8 images that come with scikit-learn: a demonstration on any machine."""
    config.data.name = "digits"
    config.num_epochs = 40
    config.batch_size = 32
    config.model.image_size = 8
    # On 8x8 pixels a shift is a large one, and a mirrored digit is another sign, or none.
    config.augment.crop_padding = 0
    config.augment.flip = False
    config.checkpoint.every_epochs = 10


def use_cpu(config: Config) -> None:
    """The recipe shrunk for a CPU: ten epochs of a small model."""
    config.num_epochs = 10


def apply_variant(config: Config, name: str, variants: dict[str, Variant]) -> Config:
    """Raises CommandError with the names there are where `name` is none of them."""
    if name:
        if name not in variants:
            raise CommandError(f"variant {name!r} is unknown; there are {', '.join(variants)}")
        variants[name](config)
    return config
