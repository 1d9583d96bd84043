"""Small models with random variables, as if trained."""

import math
from typing import Any

import jax
import numpy as np

from jaxcmp import models
from jaxcmp.predict import Trained

FIELDS = {
    "vit": {
        **{"image_size": 8, "patch_size": 2, "width": 12, "depth": 2},
        **{"num_heads": 3, "mlp_width": 20},
    },
    "resnet": {"image_size": 8, "stage_widths": (4, 8), "stage_depths": (1, 2)},
}
CLASS_NAMES = ("airplane", "cat | dog", "été")


def make_trained(
    name: str,
    *,
    channels: int = 3,
    step: int = 42,
    images: tuple[int, int] | None = None,
    **fields: Any,
) -> Trained:
    """Makes a model, the same for the same arguments, without any variable at its initial value.

    `images` is the height and width of the training images, if not the model's size.
    """
    model = models.build(name, **FIELDS[name] | {"num_classes": len(CLASS_NAMES)} | fields)
    size = (model.image_size, model.image_size)
    shapes = jax.eval_shape(
        model.init, jax.random.key(0), np.zeros((1, *size, channels), np.float32)
    )
    rng = np.random.default_rng(0)

    def draw(path: Any, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        # Signals keep their size, whatever the width of a layer.
        scale = min(0.5, math.prod(leaf.shape[:-1]) ** -0.5)
        numbers = rng.normal(scale=scale, size=leaf.shape).astype(np.float32)
        # A running variance is positive.
        return jax.numpy.asarray(np.abs(numbers) + 0.5 if path[-1].key == "var" else numbers)

    variables = {"params": {}, "batch_stats": {}}
    variables |= jax.tree_util.tree_map_with_path(draw, dict(shapes))
    mean, std = (np.array([x] * channels, np.float32) for x in (0.47, 0.23))
    return Trained(model, variables, CLASS_NAMES, mean, std, images or size, step)


def draw_images(trained: Trained, num: int) -> np.ndarray:
    """Draws noise uint8 [num, height, width, channels] of the training images' size."""
    shape = (num, *trained.image_size, len(trained.mean))
    return np.random.default_rng(1).integers(0, 256, size=shape, dtype=np.uint8)
