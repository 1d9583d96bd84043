"""Convolutions that a CPU computes as products, forward and backward; elsewhere XLA's own.

A CPU's forms stand in the functions named `_cpu_...`, chosen by `platform_dependent` when the
program is lowered: a GPU's program has nothing of them. What comments say of times was measured at
batch 128 on two cores with AVX-512 and AMX, with jax 0.10.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxcmp.models.layers import cpu_product, cpu_transpose

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def conv_general_dilated(
    images: Array, kernel: Array, strides: Sequence[int], padding: Any, **options: Any
) -> Array:
    """Convolves as `flax.linen.Conv` does: images NHWC, kernels HWIO, no dilation, no groups."""
    assert set(options["lhs_dilation"]) == set(options["rhs_dilation"]) == {1}
    assert options["feature_group_count"] == 1
    (vertical, horizontal), (top, left) = strides, padding
    return conv(images, kernel, (vertical, horizontal), (tuple(top), tuple(left)))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv(x: Array, kernel: Array, strides: Pair, padding: Padding) -> Array:
    """[N, H, W, C] with a kernel [h, w, C, D] to [N, H', W', D], in the type of x."""
    cpu, plain = (partial(f, strides=strides, padding=padding) for f in (_cpu_conv, _plain_conv))
    return lax.platform_dependent(x, kernel, cpu=cpu, default=plain)


def _conv_gradients(
    strides: Pair, padding: Padding, residuals: tuple[Array, Array], dy: Array
) -> tuple[Array, Array]:
    def plain(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array]:
        _, gradients = jax.vjp(partial(_plain_conv, strides=strides, padding=padding), x, kernel)
        return gradients(dy)

    def cpu(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array]:
        if _is_same_3x3(kernel.shape, strides, padding):
            mirrored = kernel[::-1, ::-1].swapaxes(2, 3)
            dx = _cpu_conv(dy, mirrored, strides=strides, padding=padding)
        elif _is_halving(x, dy, kernel.shape, strides, padding):
            dx = _cpu_halving_input_gradient(dy, kernel)
        else:
            same = partial(_plain_conv, kernel=kernel, strides=strides, padding=padding)
            (dx,) = jax.vjp(same, x)[1](dy)
        return dx, _cpu_kernel_gradient(x, dy, kernel.shape, strides, padding).astype(kernel.dtype)

    return lax.platform_dependent(*residuals, dy, cpu=cpu, default=plain)


conv.defvjp(lambda x, kernel, *static: (conv(x, kernel, *static), (x, kernel)), _conv_gradients)


def _plain_conv(x: Array, kernel: Array, *, strides: Pair, padding: Padding) -> Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=layout)


def _cpu_conv(x: Array, kernel: Array, *, strides: Pair, padding: Padding) -> Array:
    channels, features = kernel.shape[2:]
    is_same = _is_same_3x3(kernel.shape, strides, padding)
    if is_same and channels > 3 and x.dtype == jnp.bfloat16:
        # XLA converts both sides to float32 and convolves those. A product over each pixel and
        # its neighbours left and right, for the three rows of the kernel at once, takes a third.
        wide = kernel.transpose(1, 2, 0, 3).reshape(3 * channels, 3 * features)
        product = cpu_product(_cpu_neighbours(x), wide)
        above, here, below = jnp.split(product, 3, axis=-1)
        top, bottom = (((i, 1 - i), (0, 0), (0, 0), (0, 0)) for i in (1, 0))
        rows = jnp.pad(above[:-1], top) + here + jnp.pad(below[1:], bottom)
        return rows.swapaxes(0, 1).astype(x.dtype)
    # On 2x2 pixels and 512 channels XLA's own takes a hundred times as long as the product below.
    if is_same and channels > 3 and min(x.shape[1:3]) > 2:
        return _plain_conv(x, kernel, strides=strides, padding=padding)
    # Few channels, or few pixels: making the windows costs little.
    windows = _cpu_windows(x, kernel.shape[:2], strides, padding)
    product = cpu_product(windows.reshape(-1, windows.shape[-1]), kernel.reshape(-1, features))
    return product.astype(x.dtype).reshape(*windows.shape[:3], features)


def _cpu_halving_input_gradient(dy: Array, kernel: Array) -> Array:
    """[N, 2 H', 2 W', C], where a kernel of 1x1, or of 3x3 and framed, halves the image."""
    channels, features = kernel.shape[2:]
    if kernel.shape[:2] == (1, 1):
        product = cpu_product(dy, kernel[0, 0], rhs_axis=1).astype(dy.dtype)
        # Every second pixel was not looked at.
        gaps = ((0, 0, 0), (0, 1, 1), (0, 1, 1), (0, 0, 0))
        return lax.pad(product, jnp.zeros((), dy.dtype), gaps)
    # Two by two pixels see the gradient where they are, below, to the right and beyond: of the
    # kernel, which XLA would lead over a gradient with gaps, each meets one row and column or two.
    windows = _cpu_windows(dy, (2, 2), (1, 1), ((0, 1), (0, 1)))
    taps = jnp.pad(kernel, ((1, 0), (1, 0), (0, 0), (0, 0)))
    taps = taps.reshape(2, 2, 2, 2, channels, features)[::-1, :, ::-1]
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(4 * features, 4 * channels)
    product = cpu_product(windows.reshape(-1, 4 * features), taps).astype(dy.dtype)
    num, height, width = dy.shape[:3]
    pixels = product.reshape(num, height, width, 2, 2, channels).swapaxes(2, 3)
    return pixels.reshape(num, 2 * height, 2 * width, channels)


def _cpu_kernel_gradient(
    x: Array, dy: Array, shape: Sequence[int], strides: Pair, padding: Padding
) -> Array:
    """The kernel's gradient [h, w, C, D], float32: a product over all pixels of all images.

    XLA convolves images with gradients as large as they are: at 64 channels, twice as long.
    """
    channels, features = shape[2:]
    if not _is_same_3x3(shape, strides, padding) or channels <= 3:
        windows = _cpu_windows(x, shape[:2], strides, padding)
        windows = windows.reshape(-1, windows.shape[-1])
        product = _cpu_transposed_product(dy.reshape(-1, features), windows)
        return cpu_transpose(product).reshape(*shape)
    if x.dtype == jnp.bfloat16:
        # Row r of the image met row r - i + 1 of the gradient under row i of the kernel.
        rows = _cpu_neighbours(x)
        gradient = _cpu_pixels_last(dy.swapaxes(0, 1))
        # As integers: XLA would convert the parts to float32, join those, and convert again.
        gradient = lax.bitcast_convert_type(gradient, jnp.uint16)
        black = jnp.zeros_like(gradient[:, :1])
        beside = (gradient[:, 1:], black, gradient, black, gradient[:, :-1])
        stacked = lax.bitcast_convert_type(jnp.concatenate(beside, axis=1), jnp.bfloat16)
        stacked = stacked.reshape(3 * features, -1)
        product = cpu_product(stacked, rows.reshape(-1, 3 * channels))
        product = cpu_transpose(product.reshape(features, -1))
        return product.reshape(shape)
    # In float32, images first and framed: there, moving the rows first costs more than it saves.
    width = x.shape[2]
    framed = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = jnp.concatenate([framed[:, :, j : j + width] for j in range(3)], axis=-1)
    lowered = [jnp.pad(dy, ((0, 0), (i, 2 - i), (0, 0), (0, 0))) for i in range(3)]
    beside = jnp.concatenate(lowered, axis=-1).reshape(-1, 3 * features)
    product = _cpu_transposed_product(beside, rows.reshape(-1, 3 * channels))
    return product.reshape(3, features, 3, channels).transpose(0, 2, 3, 1)


def _is_same_3x3(shape: Sequence[int], strides: Pair, padding: Padding) -> bool:
    return (*shape[:2], *strides) == (3, 3, 1, 1) and padding == ((1, 1), (1, 1))


def _is_halving(x: Array, dy: Array, shape: Sequence[int], strides: Pair, padding: Padding) -> bool:
    """Returns whether the halving gradient holds, and gains: in float32, from few pixels only."""
    is_half = strides == (2, 2) and x.shape[1:3] == (2 * dy.shape[1], 2 * dy.shape[2])
    is_gain = x.dtype == jnp.bfloat16 or min(dy.shape[1:3]) <= 2
    margin = shape[0] // 2
    is_known = shape[0] == shape[1] in (1, 3) and padding == ((margin, margin),) * 2
    return is_half and is_gain and is_known


def _cpu_transposed_product(a: Array, b: Array) -> Array:
    """[K, M] by [K, N] to float32 [M, N]."""
    if a.dtype == jnp.bfloat16:
        return cpu_product(_cpu_pixels_last(a), b)
    return lax.dot_general(a, b, (((0,), (0,)), ((), ())))


def _cpu_pixels_last(x: Array) -> Array:
    """[..., C] to [C, ...] as a product with the identity, which XLA merges with no other copy.

    Transposed together with the conversions around it, the numbers are gathered one by one.
    """
    identity = jnp.eye(x.shape[-1], dtype=x.dtype)
    return cpu_product(identity, x, rhs_axis=x.ndim - 1).astype(x.dtype)


def _cpu_windows(x: Array, size: Sequence[int], strides: Pair, padding: Padding) -> Array:
    """Returns the window of each output pixel: [N, H', W', h * w * C]."""
    if x.dtype == jnp.bfloat16:
        # As integers: XLA would convert bfloat16 to float32, move that, and convert it again.
        bits = lax.bitcast_convert_type(x, jnp.uint16)
        windows = _cpu_windows(bits, size, strides, padding)
        return lax.bitcast_convert_type(windows, jnp.bfloat16)
    framed = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    ends = [length - extent + 1 for length, extent in zip(framed.shape[1:3], size, strict=True)]
    shifted = [
        framed[:, i : i + ends[0] : strides[0], j : j + ends[1] : strides[1]]
        for i in range(size[0])
        for j in range(size[1])
    ]
    return jnp.concatenate(shifted, axis=-1)


def _cpu_neighbours(x: Array) -> Array:
    """Joins each pixel with both neighbours in its row, rows first: [H, N, W, 3 C]."""

    def neighbours(x: Array) -> Array:
        width = x.shape[2]
        framed = jnp.pad(x.swapaxes(0, 1), ((0, 0), (0, 0), (1, 1), (0, 0)))
        return jnp.concatenate([framed[:, :, j : j + width] for j in range(3)], axis=-1)

    return _cpu_in_words(neighbours, x)


def _cpu_in_words(move: Callable[[Array], Array], x: Array) -> Array:
    """Moves bfloat16 numbers as pairs along the last axis: XLA copies those faster."""
    # A program exported for any number of images cannot have pairs: XLA then fails to tell their
    # shape.
    is_known = all(isinstance(size, int) for size in x.shape)
    if x.dtype != jnp.bfloat16 or x.shape[-1] % 2 or not is_known:
        return move(x)
    words = lax.bitcast_convert_type(x.reshape(*x.shape[:-1], -1, 2), jnp.uint32)
    moved = lax.bitcast_convert_type(move(words), jnp.bfloat16)
    return moved.reshape(*moved.shape[:-2], -1)
