"""The layers of a model that is trained: the results of plain ones, with gradients of their own.

JAX asks a function with a gradient of its own for nothing but that gradient, so that neither
`jax.jvp` nor `jax.hessian` goes through it. That is why a model has them only where it is trained
(`has_kernels`), and why a restored one is plain Flax.

Each kernel has a CPU's form, from `cpu_kernels`, and the plain one. `platform_dependent` chooses
when the program is lowered: a GPU's program has nothing of a CPU's form.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxcmp.models import cpu_kernels, layers
from jaxcmp.models.cpu_kernels import Padding, Pair


def dot_general(x: Array, kernel: Array, dimensions: Any, precision: Any = None) -> Array:
    """Multiplies as `flax.linen.Dense` does: x [..., K] by a kernel [K, N], in the type of x."""
    assert dimensions == (((x.ndim - 1,), (0,)), ((), ())) and precision is None
    y = _product(x.reshape(-1, x.shape[-1]), kernel)
    return y.reshape(*x.shape[:-1], kernel.shape[1])


@jax.custom_vjp
def _product(x: Array, kernel: Array) -> Array:
    def cpu(x: Array, kernel: Array) -> Array:
        return cpu_kernels.multiply(x, kernel).astype(x.dtype)

    return lax.platform_dependent(x, kernel, cpu=cpu, default=jnp.matmul)


def _product_gradients(residuals: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
    def plain(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array]:
        return dy @ kernel.T, x.T @ dy

    cpu = cpu_kernels.dense_gradients
    return lax.platform_dependent(*residuals, dy, cpu=cpu, default=plain)


_product.defvjp(lambda x, kernel: (_product(x, kernel), (x, kernel)), _product_gradients)


def conv_general_dilated(
    images: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Any,
    *,
    has_onednn: bool = False,
    **options: Any,
) -> Array:
    """Convolves as `flax.linen.Conv` does: images NHWC, kernels HWIO, no dilation, no groups."""
    assert set(options["lhs_dilation"]) == set(options["rhs_dilation"]) == {1}
    assert options["feature_group_count"] == 1
    (vertical, horizontal), (top, left) = strides, padding
    windows = ((vertical, horizontal), (tuple(top), tuple(left)))
    return conv(images, kernel, *windows, has_onednn)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def conv(
    x: Array, kernel: Array, strides: Pair, padding: Padding, has_onednn: bool = False
) -> Array:
    """[N, H, W, C] with a kernel [h, w, C, D] to [N, H', W', D], in the type of x.

    With `has_onednn` a CPU's form is the one for programs with `onednn.compiler_options`.
    """
    own = cpu_kernels.xla_conv if has_onednn else cpu_kernels.conv
    forms = (own, cpu_kernels.xla_conv)
    cpu, plain = (partial(form, strides=strides, padding=padding) for form in forms)
    return lax.platform_dependent(x, kernel, cpu=cpu, default=plain)


def _conv_gradients(
    strides: Pair,
    padding: Padding,
    has_onednn: bool,
    residuals: tuple[Array, Array],
    dy: Array,
) -> tuple[Array, Array]:
    options = {"strides": strides, "padding": padding}

    def plain(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array]:
        _, gradients = jax.vjp(partial(cpu_kernels.xla_conv, **options), x, kernel)
        return gradients(dy)

    own = cpu_kernels.onednn_conv_gradients if has_onednn else cpu_kernels.conv_gradients
    cpu = partial(own, **options)
    return lax.platform_dependent(*residuals, dy, cpu=cpu, default=plain)


conv.defvjp(lambda x, kernel, *static: (conv(x, kernel, *static), (x, kernel)), _conv_gradients)


def batch_norm(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """Normalises x [..., channels] as `flax.linen.BatchNorm`; returns the batch's statistics too.

    The result has the type of x, mean and variance [channels] are float32, and no gradient flows
    through these two. A CPU has JAX's own gradient: in bfloat16, `normalise_in_training` takes
    longer there. Source: Ioffe and Szegedy 2015.
    """
    forms = (_normalise, normalise_in_training)
    cpu, plain = (partial(form, epsilon=epsilon) for form in forms)
    y, mean, variance = lax.platform_dependent(x, scale, bias, cpu=cpu, default=plain)
    return y, lax.stop_gradient(mean).ravel(), lax.stop_gradient(variance).ravel()


def _normalise(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[Array, Array, Array]:
    axes = tuple(range(x.ndim - 1))
    wide = x.astype(jnp.float32)
    # In Flax's order, by which its gradients add up to the same bit in float32.
    squares = lax.square(wide)
    mean = jnp.mean(wide, axes, keepdims=True)
    variance = jnp.maximum(0, jnp.mean(squares, axes, keepdims=True) - lax.square(mean))
    slope = lax.rsqrt(variance + epsilon) * jnp.expand_dims(scale, axes)
    y = (wide - mean) * slope + jnp.expand_dims(bias, axes)
    return y.astype(x.dtype), mean, variance


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalise_in_training(
    x: Array, scale: Array, bias: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """Computes `batch_norm`, and both sums of its gradient in one pass.

    By JAX's own rules the second sum waits for the first.
    """
    return _normalise(x, scale, bias, epsilon)


def _normalise_forward(
    x: Array, scale: Array, bias: Array, epsilon: float
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    result = _normalise(x, scale, bias, epsilon)
    return result, (x, scale, *result[1:])


def _normalise_gradient(
    epsilon: float, residuals: tuple[Array, ...], changes: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    x, scale, mean, variance = residuals
    dy = changes[0].astype(jnp.float32)
    axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    inverse = lax.rsqrt(variance + epsilon)
    normal = (x.astype(jnp.float32) - mean) * inverse
    d_bias = jnp.sum(dy, axes, keepdims=True)
    d_scale = jnp.sum(dy * normal, axes, keepdims=True)
    slope = inverse * jnp.expand_dims(scale, axes)
    dx = slope * (dy - (d_bias + normal * d_scale) / count)
    return dx.astype(x.dtype), d_scale.ravel(), d_bias.ravel()


normalise_in_training.defvjp(_normalise_forward, _normalise_gradient)


def attend(qkv: Array, num_heads: int) -> Array:
    """Computes `layers.attend`."""
    forms = (_cpu_attend, plain_attend)
    cpu, plain = (partial(form, num_heads=num_heads) for form in forms)
    return lax.platform_dependent(qkv, cpu=cpu, default=plain)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def plain_attend(qkv: Array, num_heads: int) -> Array:
    """Computes `layers.attend`, and keeps of the scores the weights alone.

    JAX's own rules keep the scores for the gradient as well, bring operands of 16 bits to float32
    before they multiply them, and return gradients that are transposed afterwards.
    """
    return layers.attend(qkv, num_heads)


def _plain_attend_forward(qkv: Array, num_heads: int) -> tuple[Array, tuple[Array, ...]]:
    query, key, value = layers.split_heads(qkv, num_heads)
    # Without the barrier XLA computes the weights again from scores that it keeps in float32.
    weights = lax.optimization_barrier(layers.weigh(query, key))
    mixed = layers.as_tokens(jnp.matmul(weights, value))
    return mixed, (query, key, value, weights)


def _plain_attend_gradient(num_heads: int, residuals: tuple[Array, ...], dy: Array) -> tuple[Array]:
    query, key, value, weights = residuals
    d_mixed = layers.as_heads(dy, num_heads)
    wide = weights.astype(jnp.float32)
    change = wide * _product_of_heads(d_mixed, value, 3, 3).astype(jnp.float32)
    d_scores = change - wide * jnp.sum(change, axis=-1, keepdims=True)
    d_scores = d_scores.astype(query.dtype)
    parts = (
        _product_of_heads(d_scores, key, 3, 2) * query.shape[-1] ** -0.5,
        _product_of_heads(d_scores, query, 2, 2),
        _product_of_heads(weights, d_mixed, 2, 2),
    )
    return (jnp.concatenate([layers.as_tokens(part) for part in parts], axis=-1),)


def _product_of_heads(a: Array, b: Array, a_axis: int, b_axis: int) -> Array:
    """Multiplies each head's matrices, summed over these axes: the other axis of `a` comes first.

    An einsum may leave a transposition behind the product.
    """
    each_head = (0, 1)
    return lax.dot_general(a, b, (((a_axis,), (b_axis,)), (each_head, each_head)))


plain_attend.defvjp(_plain_attend_forward, _plain_attend_gradient)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _cpu_attend(qkv: Array, num_heads: int) -> Array:
    return cpu_kernels.attend(qkv, num_heads)[0]


def _cpu_attend_forward(qkv: Array, num_heads: int) -> tuple[Array, tuple[Array, Array]]:
    mixed, weights = cpu_kernels.attend(qkv, num_heads)
    return mixed, (qkv, weights)


def _cpu_attend_gradient(num_heads: int, residuals: tuple[Array, Array], dy: Array) -> tuple[Array]:
    qkv, weights = residuals
    return (cpu_kernels.attend_gradient(qkv, weights, dy),)


_cpu_attend.defvjp(_cpu_attend_forward, _cpu_attend_gradient)


@jax.custom_vjp
def gelu(x: Array) -> Array:
    """Computes `layers.gelu`, and keeps x alone.

    JAX's own form, through erfc, takes twice the time on a CPU.
    """
    wide = x.astype(jnp.float32)
    return (wide * _normal_cdf(wide)).astype(x.dtype)


def _gelu_gradient(x: Array, dy: Array) -> tuple[Array]:
    wide = x.astype(jnp.float32)
    density = jnp.exp(-0.5 * wide * wide) * (2 * math.pi) ** -0.5
    return ((dy * (_normal_cdf(wide) + wide * density)).astype(dy.dtype),)


def _normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + lax.erf(x * 0.5**0.5))


gelu.defvjp(lambda x: (gelu(x), x), _gelu_gradient)
