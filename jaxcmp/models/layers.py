"""The layers that both models share with no library: dense with a float32 bias, attention, GELU.

They are plain JAX, to be differentiated in any way and as often as one likes. A model that is
trained computes the same with `models.kernels`.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Dense(nn.Dense):
    """`flax.linen.Dense`, with a float32 gradient of the bias whatever the compute type."""

    use_bias: bool = False

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        y = super().__call__(inputs.reshape(-1, inputs.shape[-1]))
        bias = self.param("bias", self.bias_init, (self.features,))
        # Broadcast first, and then brought to the compute type: the gradient is a sum over all
        # tokens, and of a bfloat16 bias it would be a bfloat16 sum.
        y = y + jnp.broadcast_to(bias, y.shape).astype(y.dtype)
        return y.reshape(*inputs.shape[:-1], self.features)


def drop_path_rate(last: float, index: int, num_blocks: int) -> float:
    """Returns a block's stochastic depth: it grows linearly from 0 to that of the last block.

    A single block is the last one. Source: Huang et al. 2016.
    """
    return last * index / (num_blocks - 1) if num_blocks > 1 else last


def attend(qkv: Array, num_heads: int) -> Array:
    """Multi-head attention (Vaswani et al. 2017) of each token to all tokens of its example.

    `qkv` is [batch, tokens, 3 * width]: queries, keys and values, each head's numbers side by side;
    the result is [batch, tokens, width] in its type.
    """
    query, key, value = split_heads(qkv, num_heads)
    return as_tokens(jnp.matmul(weigh(query, key), value))


def split_heads(qkv: Array, num_heads: int) -> tuple[Array, Array, Array]:
    """Returns the scaled queries, keys and values [batch, heads, tokens, width of a head]."""
    query, key, value = (as_heads(part, num_heads) for part in jnp.split(qkv, 3, axis=-1))
    return query * query.shape[-1] ** -0.5, key, value


def weigh(query: Array, key: Array) -> Array:
    """Returns the softmax weights of keys [batch, heads, queries, keys], in the type of `query`."""
    scores = jnp.einsum("bhqd,bhkd->bhqk", query, key, preferred_element_type=jnp.float32)
    # The softmax is a reduction: float32 whatever the compute type.
    return nn.softmax(scores, axis=-1).astype(query.dtype)


def as_heads(x: Array, num_heads: int) -> Array:
    """[batch, tokens, width] to [batch, heads, tokens, width of a head]."""
    return x.reshape(*x.shape[:2], num_heads, -1).swapaxes(1, 2)


def as_tokens(x: Array) -> Array:
    """[batch, heads, tokens, width of a head] to [batch, tokens, width]."""
    x = x.swapaxes(1, 2)
    return x.reshape(*x.shape[:2], -1)


def gelu(x: Array) -> Array:
    """The exact GELU (Hendrycks and Gimpel 2016), computed in float32, in the type of x."""
    return nn.gelu(x.astype(jnp.float32), approximate=False).astype(x.dtype)
