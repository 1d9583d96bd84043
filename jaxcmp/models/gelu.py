"""The GELU, whose gradient a CPU takes from its result; elsewhere from the error function."""

import math

import jax
import jax.numpy as jnp
from jax import Array, lax


@jax.custom_vjp
def gelu(x: Array) -> Array:
    """The exact GELU (Hendrycks and Gimpel 2016), computed in float32, in the type of x.

    Nothing is kept for the backward pass but x and the result, which the next layer keeps as well.
    JAX's own form, through erfc, takes twice the time on a CPU.
    """
    wide = x.astype(jnp.float32)
    return (wide * _normal_cdf(wide)).astype(x.dtype)


def _gelu_gradient(residuals: tuple[Array, Array], dy: Array) -> tuple[Array]:
    def gradient(x: Array, cdf: Array) -> Array:
        density = jnp.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        return (dy * (cdf + x * density)).astype(dy.dtype)

    def plain(x: Array, y: Array) -> Array:
        wide = x.astype(jnp.float32)
        return gradient(wide, _normal_cdf(wide))

    def cpu(x: Array, y: Array) -> Array:
        # XLA would keep the error function of the forward pass, float32, in place of a second one.
        wide = x.astype(jnp.float32)
        return gradient(wide, jnp.where(x == 0, 0.5, y / wide))

    return (lax.platform_dependent(*residuals, cpu=cpu, default=plain),)


def _normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + lax.erf(x * 0.5**0.5))


def _gelu_forward(x: Array) -> tuple[Array, tuple[Array, Array]]:
    y = gelu(x)
    return y, (x, y)


gelu.defvjp(_gelu_forward, _gelu_gradient)
