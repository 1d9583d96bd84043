"""The inside of a model: the only file of this folder that knows how models are built."""

from collections.abc import Callable
from typing import Any, assert_never

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcmp.models import Model, ResNet, ViT


def layer_outputs(model: Model, variables: Any, images: Array) -> dict[str, Array]:
    """Returns the output of each block, in order, [batch, ...].

    A ViT's are called "1", "2" and so on, a ResNet's "1.1", by stage and block. `images` are as
    the model takes them.
    """
    kept = _outputs(model, variables, images, lambda name: name.startswith("block_"))
    if isinstance(model, ViT):
        return {f"{i + 1}": kept[f"block_{i}"]["__call__"][0] for i in range(model.depth)}
    if not isinstance(model, ResNet):
        assert_never(model)
    return {
        f"{i + 1}.{j + 1}": kept[f"stage_{i + 1}"][f"block_{j}"]["__call__"][0]
        for i, depth in enumerate(model.stage_depths)
        for j in range(depth)
    }


def last_maps(model: ResNet, variables: Any, images: Array) -> tuple[Array, Array]:
    """Returns what the last block gives, [batch, rows, columns, width], and the head's kernel."""
    *_, last = layer_outputs(model, variables, images).values()
    return last, variables["params"]["head"]["kernel"]


def attention_weights(model: ViT, variables: Any, images: Array) -> Array:
    """Returns the softmax weights, float32 [batch, blocks, heads, tokens, tokens].

    Queries come before keys, and the class token is the first. `images` are as the model takes
    them.
    """
    kept = _outputs(model, variables, images, lambda name: name == "qkv")
    blocks = [kept[f"block_{i}"]["attention"]["qkv"] for i in range(model.depth)]
    # A layer's last result has its bias; the first is that of `nn.Dense`, without.
    weights = [_softmax_weights(each["__call__"][-1], model.num_heads) for each in blocks]
    return jnp.stack(weights, axis=1)


def _outputs(model: Model, variables: Any, images: Array, is_kept: Callable[[str], bool]) -> Any:
    """Returns the outputs of the modules whose names are kept, nested as the modules are."""
    kept: Any
    _, kept = model.apply(
        variables,
        images,
        is_training=False,
        capture_intermediates=lambda module, _: is_kept(module.name or ""),
        mutable=["intermediates"],
    )
    return kept["intermediates"]


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
