"""Attention in one kernel of cuDNN's, which keeps no scores (Dao et al. 2022): for GPUs."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.runtime.cuda import AMPERE

TYPES = (jnp.bfloat16, jnp.float16)
# Elements of 16 bits that the kernel loads at once: tokens and the width of a head come in these.
MULTIPLE = 8
MAX_HEAD_WIDTH = 128


def is_possible(capability: tuple[int, int] | None, dtype: Any, head_width: int) -> bool:
    """Returns whether GPUs of this compute capability have the kernel; None is no GPU."""
    is_new = capability is not None and capability >= AMPERE
    fits = head_width % MULTIPLE == 0 and head_width <= MAX_HEAD_WIDTH
    return is_new and fits and jnp.dtype(dtype) in map(jnp.dtype, TYPES)


def attend(qkv: Array, num_heads: int, implementation: Literal["cudnn", "xla"] = "cudnn") -> Array:
    """Computes `layers.attend`, but for rounding; "xla" does it on any device.

    Tokens are padded to a multiple of 8, because the kernel's gradient takes no odd number of them.
    What is added is masked: neither the result nor a gradient depends on it.
    """
    batch, tokens, _ = qkv.shape
    padding = -tokens % MULTIPLE
    padded = jnp.pad(qkv, ((0, 0), (0, padding), (0, 0)))
    parts = padded.reshape(batch, tokens + padding, 3 * num_heads, -1)
    query, key, value = jnp.split(parts, 3, axis=2)
    lengths = jnp.full((batch,), tokens, np.int32) if padding else None
    mixed = jax.nn.dot_product_attention(
        query,
        key,
        value,
        query_seq_lengths=lengths,
        key_value_seq_lengths=lengths,
        implementation=implementation,
    )
    return mixed.reshape(batch, tokens + padding, -1)[:, :tokens]
