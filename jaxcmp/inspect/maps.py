"""Maps of what a model looks at: attention rollout of a ViT, Grad-CAM of a ResNet."""

from typing import Any, assert_never

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.augment import unaugmented
from jaxcmp.data import images as image_ops
from jaxcmp.data.whole_split import padded_batches
from jaxcmp.inspect.networks import attention_weights, last_maps
from jaxcmp.inspect.subject import MAX_BATCH, Subject
from jaxcmp.models import Model, ResNet, ViT
from jaxcmp.runs.inspections import STATES

# Images that have maps, and mistakes that have pictures, at most: the file stays small.
MAX_MAPS, MAX_PICTURES = 1000, 100
# A longer shorter side is shrunk to this.
MAX_SIDE = 64


def measure_maps(subject: Subject) -> dict[str, np.ndarray]:
    """Returns `map_ids` [n], maps by state, uint8 [n, rows, columns], and pictures of mistakes.

    Maps have the size of the model's own grid, 0 where they are lowest and 255 where they are
    highest. `pictures` uint8 [k, height, width, channels] are the first images that the trained
    model gets wrong, with `picture_ids` [k]: an image that one model alone gets right is a mistake
    of the other.
    """
    images = subject.first_images(MAX_MAPS)
    num = len(images)
    found: dict[str, np.ndarray] = {"map_ids": subject.ids[:num]}
    answers = np.zeros(num, int)
    for state in STATES:
        maps, answers_of_state = _collect(subject, state, images)
        found[f"maps_{state}"] = maps
        if state == "trained":
            answers = answers_of_state
    wrong = np.flatnonzero(answers != subject.labels[:num])[:MAX_PICTURES]
    found["picture_ids"] = subject.ids[wrong]
    found["pictures"] = (
        np.stack([_small(image) for image in images[wrong]])
        if len(wrong)
        else (np.zeros((0, 1, 1, images.shape[-1]), np.uint8))
    )
    return found


def _collect(subject: Subject, state: str, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    trained, variables = subject.trained, subject.variables[state]
    parts = [
        _maps(trained.model, variables, images[rows], trained.mean, trained.std)
        for rows in padded_batches(len(images), min(MAX_BATCH, len(images)))
    ]
    maps, answers = (np.concatenate(part)[: len(images)] for part in zip(*parts, strict=True))
    return np.rint(255 * maps).astype(np.uint8), answers


@jax.jit(static_argnums=0)
def _maps(
    model: Model, variables: Any, images: Array, mean: np.ndarray, std: np.ndarray
) -> tuple[Array, Array]:
    """Returns maps [batch, rows, columns], each from 0 to 1, and the classes answered [batch]."""
    images = unaugmented(images, mean, std, image_size=model.image_size)
    classes = jnp.argmax(jnp.asarray(model.apply(variables, images, is_training=False)), axis=-1)
    if isinstance(model, ViT):
        maps = rollout(attention_weights(model, variables, images))
    elif isinstance(model, ResNet):
        maps = class_activation(*last_maps(model, variables, images), classes)
    else:
        assert_never(model)
    maps = maps - jnp.min(maps, axis=(1, 2), keepdims=True)
    highest = jnp.max(maps, axis=(1, 2), keepdims=True)
    return maps / jnp.where(highest > 0, highest, 1), classes


def rollout(weights: Array) -> Array:
    """Returns how much of each patch reaches the class token, [batch, rows, columns].

    `weights` [batch, blocks, heads, tokens, tokens] are those of square grids of patches, after the
    class token. Heads are averaged, the residual connection counts as much as attention does, and
    the blocks' matrices are multiplied (Abnar and Zuidema 2020).
    """
    batch, blocks, _, tokens, _ = weights.shape
    steps = (jnp.mean(weights, axis=2) + jnp.eye(tokens)[None, None]) / 2
    reached = steps[:, 0]
    for block in range(1, blocks):
        reached = jnp.matmul(steps[:, block], reached, precision="highest")
    side = round((tokens - 1) ** 0.5)
    return reached[:, 0, 1:].reshape(batch, side, side)


def class_activation(outputs: Array, kernel: Array, classes: Array) -> Array:
    """Returns where the last layer speaks for a class, [batch, rows, columns], at least 0.

    `outputs` [batch, rows, columns, width] are averaged over places and multiplied by `kernel`
    [width, classes], so that the gradient of a class is its column of the kernel at every place:
    Grad-CAM (Selvaraju et al. 2017) equals CAM (Zhou et al. 2016) there.
    """
    columns = jnp.take(kernel, classes, axis=1)
    return jax.nn.relu(jnp.einsum("bijw,wb->bij", outputs.astype(jnp.float32), columns))


def _small(image: np.ndarray) -> np.ndarray:
    """Shrinks an image uint8 [height, width, channels] until its shorter side is `MAX_SIDE`.

    It stays whole, as its map covers all of it. An image that is small already is unchanged.
    """
    height, width = image.shape[:2]
    scale = MAX_SIDE / min(height, width)
    if scale >= 1:
        return image
    return image_ops.resize(image, image_size=(round(height * scale), round(width * scale)))
