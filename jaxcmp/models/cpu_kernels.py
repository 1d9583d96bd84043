"""Forward passes and gradients that a CPU computes faster than by XLA's own, as plain functions.

`models.kernels` gives them to JAX as layers and their gradients. What comments say of times was
measured at batch 128 on two cores with AVX-512 and AMX, with jax 0.10.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxcmp.models.layers import as_heads, as_tokens

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def dense_gradients(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array]:
    """Returns the gradients of the product of x [M, K] and a kernel [K, N], for dy [M, N]."""
    dx = multiply(dy, kernel, rhs_axis=1).astype(x.dtype)
    # The narrower of the two is transposed: it is the smaller copy.
    if x.shape[1] <= dy.shape[1]:
        d_kernel = multiply(_transpose(x), dy)
    else:
        d_kernel = _transpose(multiply(_transpose(dy), x))
    return dx, d_kernel.astype(kernel.dtype)


def multiply(a: Array, b: Array, *, rhs_axis: int = 0) -> Array:
    """Multiplies [..., K] by [K, ...], or by [N, K] for `rhs_axis` 1, to float32 [..., N]."""
    # Without a float32 result, XLA converts bfloat16 operands to float32 before it multiplies.
    dimensions = (((a.ndim - 1,), (rhs_axis,)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=jnp.float32)


def _transpose(x: Array) -> Array:
    """x.T, in a form that XLA does not fold into a product, where bfloat16 is 3 times as slow."""
    parts = math.gcd(x.shape[0], 64)
    return x.reshape(parts, -1, x.shape[1]).transpose(2, 0, 1).reshape(x.shape[1], -1)


def attend(qkv: Array, num_heads: int) -> tuple[Array, Array]:
    """Returns what `layers.attend` does, and the softmax weights in the compute type.

    The weights and `qkv` are all that the backward pass keeps. JAX's own rules keep the weights in
    float32 as well, and pass over the scores more often.
    """
    query, key, value = _heads(qkv, num_heads)
    scores = _einsum("bhqd,bhkd->bhqk", query * query.shape[-1] ** -0.5, key)
    powers = jnp.exp(scores - jnp.max(scores, axis=-1, keepdims=True))
    weights = (powers / jnp.sum(powers, axis=-1, keepdims=True)).astype(qkv.dtype)
    mixed = _einsum("bhqk,bhkd->bhqd", weights, value).astype(qkv.dtype)
    return as_tokens(mixed), weights


def attend_gradient(qkv: Array, weights: Array, dy: Array) -> Array:
    """Returns the gradient of `attend` by qkv, from its softmax weights, for dy."""
    num_heads = weights.shape[1]
    query, key, value = _heads(qkv, num_heads)
    d_mixed = as_heads(dy, num_heads)
    change = weights * _einsum("bhqd,bhkd->bhqk", d_mixed, value)
    d_scores = change - weights * jnp.sum(change, axis=-1, keepdims=True)
    d_scores = (d_scores * query.shape[-1] ** -0.5).astype(qkv.dtype)
    parts = (
        _einsum("bhqk,bhkd->bhqd", d_scores, key),
        _sums_over_queries(d_scores, query),
        _sums_over_queries(weights, d_mixed),
    )
    return jnp.concatenate([as_tokens(x.astype(qkv.dtype)) for x in parts], axis=-1)


def _heads(qkv: Array, num_heads: int) -> tuple[Array, Array, Array]:
    """Query, key and value: one transposition of all three, then cut."""
    heads = as_heads(qkv, 3 * num_heads)
    return heads[:, :num_heads], heads[:, num_heads:-num_heads], heads[:, -num_heads:]


def _sums_over_queries(weights: Array, x: Array) -> Array:
    """[batch, heads, queries, keys] by [batch, heads, queries, width], to keys by width."""
    if x.dtype != jnp.bfloat16:
        return _einsum("bhqk,bhqd->bhkd", weights, x)
    # With a transposed side, XLA brings both to float32. Merging batch and heads in between keeps
    # it from folding this transposition back into the product.
    batch, heads, queries, keys = weights.shape
    transposed = weights.swapaxes(2, 3).reshape(-1, keys, queries)
    products = _einsum("gkq,gqd->gkd", transposed, x.reshape(-1, queries, x.shape[-1]))
    return products.reshape(batch, heads, keys, -1)


def _einsum(subscripts: str, a: Array, b: Array) -> Array:
    return jnp.einsum(subscripts, a, b, preferred_element_type=jnp.float32)


def xla_conv(x: Array, kernel: Array, strides: Pair, padding: Padding) -> Array:
    """Convolves [N, H, W, C] with a kernel [h, w, C, D] to [N, H', W', D], as XLA does."""
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=layout)


def conv(x: Array, kernel: Array, strides: Pair, padding: Padding) -> Array:
    """Convolves as `xla_conv` does: as a product, where that is faster."""
    channels, features = kernel.shape[2:]
    is_same = _is_same_3x3(kernel.shape, strides, padding)
    if is_same and channels > 3 and x.dtype == jnp.bfloat16:
        # XLA converts both sides to float32 and convolves those. A product over each pixel and
        # its neighbours left and right, for the three rows of the kernel at once, takes a third.
        wide = kernel.transpose(1, 2, 0, 3).reshape(3 * channels, 3 * features)
        product = multiply(_neighbours(x), wide)
        above, here, below = jnp.split(product, 3, axis=-1)
        top, bottom = (((i, 1 - i), (0, 0), (0, 0), (0, 0)) for i in (1, 0))
        rows = jnp.pad(above[:-1], top) + here + jnp.pad(below[1:], bottom)
        return rows.swapaxes(0, 1).astype(x.dtype)
    # On 2x2 pixels and 512 channels XLA's own takes a hundred times as long as the product below.
    if is_same and channels > 3 and min(x.shape[1:3]) > 2:
        return xla_conv(x, kernel, strides, padding)
    # Few channels, or few pixels: making the windows costs little.
    windows = _windows(x, kernel.shape[:2], strides, padding)
    product = multiply(windows.reshape(-1, windows.shape[-1]), kernel.reshape(-1, features))
    return product.astype(x.dtype).reshape(*windows.shape[:3], features)


def conv_gradients(
    x: Array, kernel: Array, dy: Array, strides: Pair, padding: Padding
) -> tuple[Array, Array]:
    """Returns the gradients of `conv` by images and kernel, for dy [N, H', W', D]."""
    if _is_same_3x3(kernel.shape, strides, padding):
        mirrored = kernel[::-1, ::-1].swapaxes(2, 3)
        dx = conv(dy, mirrored, strides, padding)
    else:
        _, gradient = jax.vjp(lambda x: xla_conv(x, kernel, strides, padding), x)
        (dx,) = gradient(dy)
    return dx, _kernel_gradient(x, dy, kernel.shape, strides, padding).astype(kernel.dtype)


def onednn_conv_gradients(
    x: Array, kernel: Array, dy: Array, strides: Pair, padding: Padding
) -> tuple[Array, Array]:
    """Computes `conv_gradients` in forms that XLA gives to oneDNN.

    These are convolutions of stride 1, and products whose result has the type of their sides.
    """
    # The gradient's pixels apart as they were taken from the image, and zeros around them.
    gaps = ((0, 0, 0), *((0, 0, stride - 1) for stride in strides), (0, 0, 0))
    spread = lax.pad(dy, jnp.zeros((), dy.dtype), gaps)
    (top, _), (left, _) = padding
    height, width = (x.shape[i] - spread.shape[i] for i in (1, 2))
    frame = ((kernel.shape[0] - 1 - top, height + top), (kernel.shape[1] - 1 - left, width + left))
    dx = xla_conv(spread, kernel[::-1, ::-1].swapaxes(2, 3), (1, 1), frame)
    if _is_same_3x3(kernel.shape, strides, padding):
        return dx, _same_kernel_gradient(x, dy)
    windows = _windows(x, kernel.shape[:2], strides, padding)
    d_kernel = _sum_over_pixels(windows, dy)
    return dx, d_kernel.reshape(kernel.shape)


def _kernel_gradient(
    x: Array, dy: Array, shape: Sequence[int], strides: Pair, padding: Padding
) -> Array:
    """The kernel's gradient [h, w, C, D], float32: a product over all pixels of all images.

    XLA convolves images with gradients as large as they are: at 64 channels, twice as long.
    """
    channels, features = shape[2:]
    if not _is_same_3x3(shape, strides, padding) or channels <= 3:
        windows = _windows(x, shape[:2], strides, padding)
        windows = windows.reshape(-1, windows.shape[-1])
        product = _multiply_transposed(dy.reshape(-1, features), windows)
        return _transpose(product).reshape(*shape)
    if x.dtype == jnp.bfloat16:
        # Row r of the image met row r - i + 1 of the gradient under row i of the kernel.
        rows = _neighbours(x)
        gradient = _pixels_last(dy.swapaxes(0, 1))
        # As integers: XLA would convert the parts to float32, join those, and convert again.
        gradient = lax.bitcast_convert_type(gradient, jnp.uint16)
        black = jnp.zeros_like(gradient[:, :1])
        beside = (gradient[:, 1:], black, gradient, black, gradient[:, :-1])
        stacked = lax.bitcast_convert_type(jnp.concatenate(beside, axis=1), jnp.bfloat16)
        stacked = stacked.reshape(3 * features, -1)
        product = multiply(stacked, rows.reshape(-1, 3 * channels))
        product = _transpose(product.reshape(features, -1))
        return product.reshape(shape)
    return _same_kernel_gradient(x, dy)


def _same_kernel_gradient(x: Array, dy: Array) -> Array:
    """The gradient [3, 3, C, D] of a 3x3 kernel of stride 1: one product over all pixels.

    Its sides are each pixel with both neighbours in its row, and each gradient with those in its
    column.
    """
    _, height, width, channels = x.shape
    framed = jnp.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    rows = jnp.concatenate([framed[:, :, j : j + width] for j in range(3)], axis=-1)
    framed = jnp.pad(dy, ((0, 0), (1, 1), (0, 0), (0, 0)))
    columns = [framed[:, 2 - i : 2 - i + height] for i in range(3)]
    product = _sum_over_pixels(rows, jnp.concatenate(columns, axis=-1))
    return product.reshape(3, channels, 3, -1).transpose(2, 0, 1, 3)


def _sum_over_pixels(a: Array, b: Array) -> Array:
    """[..., M] by [..., N] to [M, N], in their type."""
    a, b = (x.reshape(-1, x.shape[-1]) for x in (a, b))
    return lax.dot_general(a, b, (((0,), (0,)), ((), ())))


def _is_same_3x3(shape: Sequence[int], strides: Pair, padding: Padding) -> bool:
    return (*shape[:2], *strides) == (3, 3, 1, 1) and padding == ((1, 1), (1, 1))


def _multiply_transposed(a: Array, b: Array) -> Array:
    """[K, M] by [K, N] to float32 [M, N]."""
    is_narrow = a.dtype == jnp.bfloat16
    return multiply(_pixels_last(a), b) if is_narrow else _sum_over_pixels(a, b)


def _pixels_last(x: Array) -> Array:
    """[..., C] to [C, ...] as a product with the identity, which XLA merges with no other copy.

    Transposed together with the conversions around it, the numbers are gathered one by one.
    """
    identity = jnp.eye(x.shape[-1], dtype=x.dtype)
    return multiply(identity, x, rhs_axis=x.ndim - 1).astype(x.dtype)


def _windows(x: Array, size: Sequence[int], strides: Pair, padding: Padding) -> Array:
    """Returns the window of each output pixel: [N, H', W', h * w * C]."""
    if x.dtype == jnp.bfloat16:
        # As integers: XLA would convert bfloat16 to float32, move that, and convert it again.
        bits = lax.bitcast_convert_type(x, jnp.uint16)
        windows = _windows(bits, size, strides, padding)
        return lax.bitcast_convert_type(windows, jnp.bfloat16)
    framed = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    ends = [length - extent + 1 for length, extent in zip(framed.shape[1:3], size, strict=True)]
    shifted = [
        framed[:, i : i + ends[0] : strides[0], j : j + ends[1] : strides[1]]
        for i in range(size[0])
        for j in range(size[1])
    ]
    return jnp.concatenate(shifted, axis=-1)


def _neighbours(x: Array) -> Array:
    """Joins each pixel with both neighbours in its row, rows first: [H, N, W, 3 C]."""
    # XLA copies bfloat16 numbers faster as pairs along the last axis. A program exported for any
    # number of images cannot have pairs: XLA then fails to tell their shape.
    is_known = all(isinstance(size, int) for size in x.shape)
    if x.dtype == jnp.bfloat16 and x.shape[-1] % 2 == 0 and is_known:
        pairs = lax.bitcast_convert_type(x.reshape(*x.shape[:-1], -1, 2), jnp.uint32)
        joined = lax.bitcast_convert_type(_neighbours(pairs), jnp.bfloat16)
        return joined.reshape(*joined.shape[:-2], -1)
    width = x.shape[2]
    framed = jnp.pad(x.swapaxes(0, 1), ((0, 0), (0, 0), (1, 1), (0, 0)))
    return jnp.concatenate([framed[:, :, j : j + width] for j in range(3)], axis=-1)
