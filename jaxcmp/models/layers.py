"""Dense layers and convolutions whose gradients a CPU computes well; elsewhere XLA's own.

A CPU's forms stand in the functions named `_cpu_...`, chosen by `platform_dependent` when the
program is lowered: a GPU's program has nothing of them. What comments say of times was measured at
batch 128 on two cores with AVX-512 and AMX, with jax 0.10.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


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
        return (_cpu_product(x, kernel) + bias[None]).astype(x.dtype)

    return lax.platform_dependent(x, kernel, bias, cpu=cpu, default=plain)


def _affine_gradients(residuals: tuple[Array, Array], dy: Array) -> tuple[Array, Array, Array]:
    def plain(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array, Array]:
        return dy @ kernel.T, x.T @ dy, jnp.sum(dy, axis=0, dtype=jnp.float32)

    def cpu(x: Array, kernel: Array, dy: Array) -> tuple[Array, Array, Array]:
        dx = _cpu_product(dy, kernel, rhs_axis=1).astype(x.dtype)
        # The narrower of the two is transposed: it is the smaller copy.
        if x.shape[1] <= dy.shape[1]:
            d_kernel = _cpu_product(_cpu_transpose(x), dy)
        else:
            d_kernel = _cpu_transpose(_cpu_product(_cpu_transpose(dy), x))
        return dx, d_kernel.astype(kernel.dtype), _cpu_column_sums(dy)

    return lax.platform_dependent(*residuals, dy, cpu=cpu, default=plain)


affine.defvjp(lambda x, kernel, bias: (affine(x, kernel, bias), (x, kernel)), _affine_gradients)


def conv_general_dilated(
    images: Array, kernel: Array, strides: Sequence[int], padding: Any, **options: Any
) -> Array:
    """What `flax.linen.Conv` convolves with: images NHWC, kernels HWIO, no dilation, no groups."""
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
    if is_same and x.dtype == jnp.bfloat16:
        # XLA converts both sides to float32 and convolves those. A product over each pixel and
        # its neighbours left and right, for the three rows of the kernel at once, takes a third.
        rows, height = _cpu_neighbours(x), x.shape[1]
        wide = kernel.transpose(1, 2, 0, 3).reshape(3 * channels, 3 * features)
        product = _cpu_product(rows.reshape(-1, 3 * channels), wide)
        product = product.reshape(*rows.shape[:3], 3, features)
        top, middle, bottom = (product[:, i : i + height, :, i] for i in range(3))
        return (top + middle + bottom).astype(x.dtype)
    if is_same and channels > 3:
        return _plain_conv(x, kernel, strides=strides, padding=padding)
    # Few channels, or few pixels: making the windows costs little.
    windows = _cpu_windows(x, kernel.shape[:2], strides, padding)
    product = _cpu_product(windows.reshape(-1, windows.shape[-1]), kernel.reshape(-1, features))
    return product.astype(x.dtype).reshape(*windows.shape[:3], features)


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
        return _cpu_transpose(product).reshape(*shape)
    rows = _cpu_neighbours(x).reshape(-1, 3 * channels)
    # Row r of the framed image met row r - i of the gradient under row i of the kernel.
    if x.dtype == jnp.bfloat16:
        gradient = _cpu_transpose(dy.reshape(-1, features)).reshape(features, *dy.shape[:3])
        stacked = _cpu_in_words(partial(_cpu_lowered, axis=2, stack_axis=0), gradient)
        product = _cpu_product(stacked.reshape(3 * features, -1), rows)
    else:
        beside = _cpu_lowered(dy, axis=1, stack_axis=3)
        product = _cpu_transposed_product(beside.reshape(-1, 3 * features), rows)
    return product.reshape(3, features, 3, channels).transpose(0, 2, 3, 1)


def _is_same_3x3(shape: Sequence[int], strides: Pair, padding: Padding) -> bool:
    return (*shape[:2], *strides) == (3, 3, 1, 1) and padding == ((1, 1), (1, 1))


def _cpu_product(a: Array, b: Array, *, rhs_axis: int = 0) -> Array:
    """[M, K] by [K, N], or by [N, K] for `rhs_axis` 1, to float32 [M, N]."""
    # Without a float32 result, XLA converts bfloat16 operands to float32 before it multiplies.
    dimensions = (((1,), (rhs_axis,)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=jnp.float32)


def _cpu_transposed_product(a: Array, b: Array) -> Array:
    """[K, M] by [K, N] to float32 [M, N]."""
    if a.dtype == jnp.bfloat16:
        return _cpu_product(_cpu_transpose(a), b)
    return lax.dot_general(a, b, (((0,), (0,)), ((), ())))


def _cpu_transpose(x: Array) -> Array:
    """x.T, in a form that XLA does not fold into a product, where bfloat16 is 3 times as slow."""
    parts = math.gcd(x.shape[0], 64)
    return x.reshape(parts, -1, x.shape[1]).transpose(2, 0, 1).reshape(x.shape[1], -1)


def _cpu_column_sums(x: Array) -> Array:
    """Sums over rows, float32: as a product, since XLA adds up bfloat16 columns one by one."""
    if x.dtype == jnp.float32:
        return jnp.sum(x, axis=0)
    return _cpu_product(jnp.ones((8, x.shape[0]), x.dtype), x)[0]


def _cpu_windows(x: Array, size: Sequence[int], strides: Pair, padding: Padding) -> Array:
    """What each output pixel sees: [N, H', W', h * w * C]."""
    framed = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    ends = [length - extent + 1 for length, extent in zip(framed.shape[1:3], size, strict=True)]
    shifted = [
        framed[:, i : i + ends[0] : strides[0], j : j + ends[1] : strides[1]]
        for i in range(size[0])
        for j in range(size[1])
    ]
    return jnp.concatenate(shifted, axis=-1)


def _cpu_neighbours(x: Array) -> Array:
    """Each pixel with those left and right of it, in a black frame: [N, H + 2, W, 3 C]."""

    def neighbours(x: Array) -> Array:
        width = x.shape[2]
        framed = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return jnp.concatenate([framed[:, :, j : j + width] for j in range(3)], axis=-1)

    return _cpu_in_words(neighbours, x)


def _cpu_lowered(x: Array, *, axis: int, stack_axis: int) -> Array:
    """The image with two rows of zeros below it, one on each side, and two above it."""
    frames = [[(0, 0)] * axis + [(i, 2 - i)] + [(0, 0)] * (3 - axis) for i in range(3)]
    return jnp.concatenate([jnp.pad(x, frame) for frame in frames], axis=stack_axis)


def _cpu_in_words(move: Callable[[Array], Array], x: Array) -> Array:
    """Moves bfloat16 numbers as pairs along the last axis: XLA copies those faster."""
    if x.dtype != jnp.bfloat16 or x.shape[-1] % 2:
        return move(x)
    words = lax.bitcast_convert_type(x.reshape(*x.shape[:-1], -1, 2), jnp.uint32)
    moved = lax.bitcast_convert_type(move(words), jnp.bfloat16)
    return moved.reshape(*moved.shape[:-2], -1)
