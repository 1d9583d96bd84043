"""The distance and spread of attention, and the similarity of position embeddings."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import stats

from jaxcmp.augment import unaugmented
from jaxcmp.inspect.networks import attention_weights, position_embeddings
from jaxcmp.inspect.subject import MAX_BATCH, Subject
from jaxcmp.models import ViT
from jaxcmp.runs.inspections import STATES

# Of more patches, every second, third, ... is kept of a map, in both directions.
MAX_MAP = 8


def measure_attention(subject: Subject, model: ViT) -> dict[str, Any]:
    """Measures attention by block and head, mean over images and patches, in both states.

    "uniform" and "window" are what attention to all patches alike, and to the 3x3 patches around
    each, would have.
    """
    trained, distances = subject.trained, patch_distances(model)
    uniform = np.ones((1, *distances.shape))
    window = (distances < 1.5 * model.patch_size).astype(np.float64)[None]
    found: dict[str, Any] = {"patch_size": model.patch_size}
    for name, weights in (("uniform", uniform), ("window", window)):
        # As if there were a class token, which is dropped again.
        padded = np.pad(weights, ((0, 0), (1, 0), (1, 0)))
        distance, entropy = attention_statistics(jnp.asarray(padded), jnp.asarray(distances))
        found[name] = {"distance": float(distance[0]), "entropy": min(float(entropy[0]), 1.0)}
    for state in STATES:
        variables, given = subject.variables[state], (trained.mean, trained.std, distances)
        parts = [
            _image_statistics(model, variables, images[start : start + MAX_BATCH], *given)
            for images, _ in subject.batches
            for start in range(0, len(images), MAX_BATCH)
        ]
        distance, entropy = (
            np.concatenate([np.asarray(part[i]) for part in parts])[: len(subject.labels)]
            for i in (0, 1)
        )
        found[state] = {
            "distance": distance.mean(axis=0, dtype=np.float64).tolist(),
            "entropy": np.clip(entropy.mean(axis=0, dtype=np.float64), 0, 1).tolist(),
        }
    return found


@jax.jit(static_argnums=0)
def _image_statistics(
    model: ViT,
    variables: Any,
    images: Array,
    mean: np.ndarray,
    std: np.ndarray,
    distances: np.ndarray,
) -> tuple[Array, Array]:
    """Returns distance and entropy of each image, [batch, blocks, heads]."""
    images = unaugmented(images, mean, std, image_size=model.image_size)
    return attention_statistics(attention_weights(model, variables, images), distances)


def attention_statistics(weights: Array, distances: Array | np.ndarray) -> tuple[Array, Array]:
    """Returns the mean distance in pixels and the mean entropy of attention, each [...].

    `weights` are [..., tokens, tokens], with the class token first; it is dropped, and the other
    weights are scaled to add up to 1. `distances` [patches, patches] are between the patches. The
    distance is the mean over queries of that to the keys, weighted (Dosovitskiy et al. 2021). The
    entropy is in [0, 1]: that of each query's weights over the logarithm of the number of patches.
    """
    weights = weights[..., 1:, 1:]
    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    num_patches = weights.shape[-1]
    products = jnp.einsum("...qk,qk->...q", weights, jnp.asarray(distances, weights.dtype))
    distance = jnp.mean(products, axis=-1)
    logarithms = jnp.log(jnp.where(weights > 0, weights, 1))
    entropy = -jnp.sum(weights * logarithms, axis=-1) / np.log(num_patches)
    return distance, jnp.mean(entropy, axis=-1)


def patch_distances(model: ViT) -> np.ndarray:
    """Returns the Euclidean distances between patch centres, [patches, patches], in pixels."""
    side = model.image_size // model.patch_size
    places = model.patch_size * np.stack(np.divmod(np.arange(side**2), side), axis=-1)
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


def measure_positions(subject: Subject, model: ViT) -> dict[str, Any]:
    """Measures how alike the position embeddings are, by cosine, in both states.

    "correlation" is Spearman's, between the cosines of all pairs of patches and their distances.
    "cosines" [patches, patches] are those of a grid of at most 8 x 8 patches, `side` on a side.
    """
    side, distances = model.image_size // model.patch_size, patch_distances(model)
    step = -(-side // MAX_MAP)
    kept = np.arange(side**2).reshape(side, side)[::step, ::step].ravel()
    pairs = np.triu_indices(side**2, k=1)
    found: dict[str, Any] = {"side": round(len(kept) ** 0.5)}
    for state in STATES:
        vectors = np.asarray(position_embeddings(subject.variables[state]), np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.where(lengths > 0, lengths, 1)
        cosines = vectors @ vectors.T
        ranks, _ = tuple(stats.spearmanr(cosines[pairs], distances[pairs]))
        found[state] = {
            "correlation": float(np.asarray(ranks)),
            "cosines": np.round(cosines[np.ix_(kept, kept)], 3).tolist(),
        }
    return found
