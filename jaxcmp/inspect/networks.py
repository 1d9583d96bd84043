"""The inside of a model: the only file of this folder that knows how models are built."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcmp.models import ViT


def attention_weights(model: ViT, variables: Any, images: Array) -> Array:
    """Returns the softmax weights, float32 [batch, blocks, heads, tokens, tokens].

    Queries come before keys, and the class token is the first. `images` are as the model takes
    them.
    """
    kept: Any
    _, kept = model.apply(
        variables,
        images,
        is_training=False,
        capture_intermediates=lambda module, _: module.name == "qkv",
        mutable=["intermediates"],
    )
    blocks = [kept["intermediates"][f"block_{i}"]["attention"]["qkv"] for i in range(model.depth)]
    weights = [_softmax_weights(each["__call__"][0], model.num_heads) for each in blocks]
    return jnp.stack(weights, axis=1)


def _softmax_weights(qkv: Array, num_heads: int) -> Array:
    """[batch, tokens, 3 * width] to [batch, heads, queries, keys] (Vaswani et al. 2017)."""
    query, key, _ = (
        part.reshape(*part.shape[:2], num_heads, -1).astype(jnp.float32)
        for part in jnp.split(qkv, 3, axis=-1)
    )
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * query.shape[-1] ** -0.5
    return nn.softmax(scores, axis=-1)


def position_embeddings(variables: Any) -> Array:
    """Returns a ViT's position embeddings without the class token's, [patches, width]."""
    return variables["params"]["positions"][0, 1:]
