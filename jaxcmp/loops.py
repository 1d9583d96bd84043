"""Loops in compiled programs: unrolled on a CPU, and a batch worked through in parts."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def scan(body: Callable, carry: Any, rows: Any) -> Any:
    """Is `jax.lax.scan`, unrolled on a CPU, where XLA's convolutions crawl inside a loop."""
    loop = partial(jax.lax.scan, body)
    unrolled = partial(jax.lax.scan, body, unroll=True)
    return jax.lax.platform_dependent(carry, rows, cpu=unrolled, default=loop)


def in_parts(grad_fn: Callable, num_parts: int) -> Callable:
    """Averages loss, accuracy and gradients over equal parts of the batch, in turn.

    `grad_fn` maps (params, batch_stats, images, targets, key, *others) to ((loss, (batch_stats,
    accuracy)), gradients), as does the result; `others` are the same for every part.
    """
    if num_parts == 1:
        return grad_fn

    def cut(x: Array) -> Array:
        # Every n-th example: a part then needs nothing that lies on another device.
        return x.reshape(-1, num_parts, *x.shape[1:]).swapaxes(0, 1)

    def accumulated(params, batch_stats, images, targets, key, *others):
        def body(carry, part):
            batch_stats, totals = carry
            part_images, part_targets, part_key = part
            (loss, (batch_stats, accuracy)), grads = grad_fn(
                params, batch_stats, part_images, part_targets, part_key, *others
            )
            return (batch_stats, jax.tree.map(jnp.add, totals, (loss, accuracy, grads))), None

        parts = (cut(images), cut(targets), jax.random.split(key, num_parts))
        zero = jnp.zeros((), jnp.float32)
        empty = (batch_stats, (zero, zero, jax.tree.map(jnp.zeros_like, params)))
        (batch_stats, totals), _ = scan(body, empty, parts)
        loss, accuracy, grads = jax.tree.map(lambda x: x / num_parts, totals)
        return (loss, (batch_stats, accuracy)), grads

    return accumulated
