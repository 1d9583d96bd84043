"""Dense layers whose gradients a CPU computes well; elsewhere XLA's own.

A CPU's forms stand in the functions named `_cpu_...`, chosen by `platform_dependent` when the
program is lowered: a GPU's program has nothing of them. What comments say of times was measured at
batch 128 on two cores with AVX-512 and AMX, with jax 0.10.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax


class Dense(nn.Module):
    """`flax.linen.Dense`: its parameters, and its result [..., features] in `dtype`."""

    features: int
    kernel_init: Any
    bias_init: Any = nn.initializers.zeros
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        bias = self.param("bias", self.bias_init, (self.features,))
        rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)
        y = affine(rows, kernel.astype(self.dtype), bias)
        return y.reshape(*x.shape[:-1], self.features)


@jax.custom_vjp
def affine(x: Array, kernel: Array, bias: Array) -> Array:
    """[M, K] by [K, N], plus the float32 bias [N], to [M, N] in the type of x."""

    def plain(x: Array, kernel: Array, bias: Array) -> Array:
        return x @ kernel + bias.astype(x.dtype)[None]

    def cpu(x: Array, kernel: Array, bias: Array) -> Array:
        return (cpu_product(x, kernel) + bias[None]).astype(x.dtype)

    return lax.platform_dependent(x, kernel, bias, cpu=cpu, default=plain)


def _affine_gradients(residuals: tuple[Array, Array], dy: Array) -> tuple[Array, Array, Array]:
    def plain(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array, Array]:
        return dy @ kernel.T, x.T @ dy, jnp.sum(dy, axis=0, dtype=jnp.float32)

    def cpu(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array, Array]:
        dx = cpu_product(dy, kernel, rhs_axis=1).astype(x.dtype)
        # The narrower of the two is transposed: it is the smaller copy.
        if x.shape[1] <= dy.shape[1]:
            d_kernel = cpu_product(cpu_transpose(x), dy)
        else:
            d_kernel = cpu_transpose(cpu_product(cpu_transpose(dy), x))
        return dx, d_kernel.astype(kernel.dtype), _cpu_column_sums(dy)

    return lax.platform_dependent(*residuals, dy, cpu=cpu, default=plain)


affine.defvjp(lambda x, kernel, bias: (affine(x, kernel, bias), (x, kernel)), _affine_gradients)


def cpu_product(a: Array, b: Array, *, rhs_axis: int = 0) -> Array:
    """[..., K] by [K, ...], or by [N, K] for `rhs_axis` 1, to float32 [..., N]."""
    # Without a float32 result, XLA converts bfloat16 operands to float32 before it multiplies.
    dimensions = (((a.ndim - 1,), (rhs_axis,)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=jnp.float32)


def cpu_transpose(x: Array) -> Array:
    """x.T, in a form that XLA does not fold into a product, where bfloat16 is 3 times as slow."""
    parts = math.gcd(x.shape[0], 64)
    return x.reshape(parts, -1, x.shape[1]).transpose(2, 0, 1).reshape(x.shape[1], -1)


def _cpu_column_sums(x: Array) -> Array:
    """Sums over rows, float32: as a product, since XLA adds up bfloat16 columns one by one."""
    if x.dtype == jnp.float32:
        return jnp.sum(x, axis=0)
    return cpu_product(jnp.ones((8, x.shape[0]), x.dtype), x)[0]
