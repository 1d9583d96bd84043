"""The likeness of images to each other in every layer, from which any two layers are compared."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.augment import unaugmented
from jaxcmp.inspect.networks import layer_outputs
from jaxcmp.inspect.subject import Subject
from jaxcmp.models import Model
from jaxcmp.runs.inspections import STATES

# Images are compared within minibatches, so that a file stays small whatever the data set.
MINIBATCH, NUM_MINIBATCHES = 64, 8
# The unbiased estimator divides by n - 3.
MIN_MINIBATCH = 4


def measure_similarity(subject: Subject) -> dict[str, np.ndarray]:
    """Returns `layers`, and by state float16 [layers, minibatches * pairs], the likeness of pairs.

    The mean product of two rows is the linear CKA of two layers, by the unbiased HSIC of Song et
    al. (2012), averaged over minibatches (Nguyen et al. 2021); the rows may be of different models
    that saw the same images. There are no layers where there are fewer than four images.
    """
    images = subject.first_images(MINIBATCH * NUM_MINIBATCHES)
    size = min(MINIBATCH, len(images))
    if size < MIN_MINIBATCH:
        return {"layers": np.array([], np.str_)}
    starts = range(0, len(images) - size + 1, size)
    found: dict[str, np.ndarray] = {}
    for state in STATES:
        likeness = partial(_gram_matrices, subject.trained.model, subject.variables[state])
        parts = [
            likeness(images[start : start + size], subject.trained.mean, subject.trained.std)
            for start in starts
        ]
        found["layers"] = np.array(list(parts[0]))
        rows = [[pairs_apart(np.asarray(part[name])) for part in parts] for name in parts[0]]
        found[f"similarity_{state}"] = np.stack([_scaled(np.concatenate(row)) for row in rows])
    return found


def pairs_apart(gram: np.ndarray) -> np.ndarray:
    """Centres a Gram matrix [n, n] without its diagonal; returns its pairs, float64 [n(n-1)/2].

    The mean product of two such rows is, up to a factor that depends on n alone, the unbiased HSIC
    of the two matrices (U-centring, Székely and Rizzo 2014).
    """
    num = len(gram)
    gram = gram.astype(np.float64)
    np.fill_diagonal(gram, 0)
    sums = gram.sum(axis=0) / (num - 2)
    centred = gram - sums - sums[:, None] + sums.sum() / (num - 1)
    return centred[np.triu_indices(num, k=1)]


def _scaled(row: np.ndarray) -> np.ndarray:
    """Scales a row to a mean square of 1; one of zeros stays, as that layer tells nothing apart."""
    size = np.sqrt(np.mean(row**2))
    return (row / size if size > 0 else row).astype(np.float16)


@jax.jit(static_argnums=0)
def _gram_matrices(
    model: Model, variables: Any, images: Array, mean: np.ndarray, std: np.ndarray
) -> dict[str, Array]:
    """Returns the inner products of all pairs of images in each layer, float32 [batch, batch]."""
    images = unaugmented(images, mean, std, image_size=model.image_size)
    outputs = layer_outputs(model, variables, images)
    return {name: _inner_products(output) for name, output in outputs.items()}


def _inner_products(output: Array) -> Array:
    flat = output.reshape(len(output), -1).astype(jnp.float32)
    # Centring changes nothing but the rounding: a mean that all images share would swamp the rest.
    flat = flat - jnp.mean(flat, axis=0, keepdims=True)
    return jnp.matmul(flat, flat.T, precision="highest")
