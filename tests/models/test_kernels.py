"""Convolutions agree with XLA's own, forward and backward, and a GPU gets those."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from gradients import TYPES, assert_close, lowered, normal, value_and_gradients
from jax import lax

from jaxcmp.models import convolution

CONVOLUTIONS = {
    "3x3": ((8, 6, 6, 64), (3, 3, 64, 32), 1, 1),
    "3x3, odd sizes": ((3, 5, 7, 5), (3, 3, 5, 9), 1, 1),
    "the stem": ((4, 8, 8, 3), (3, 3, 3, 16), 1, 1),
    "one channel": ((4, 8, 8, 1), (3, 3, 1, 16), 1, 1),
    "half the resolution": ((4, 8, 8, 16), (3, 3, 16, 32), 2, 1),
    "half of an odd one": ((4, 7, 7, 16), (3, 3, 16, 32), 2, 1),
    "half of few pixels": ((4, 4, 4, 16), (3, 3, 16, 32), 2, 1),
    "half, by a larger kernel": ((4, 8, 8, 16), (4, 4, 16, 32), 2, 1),
    "a projection": ((4, 8, 8, 16), (1, 1, 16, 32), 2, 0),
    "two pixels": ((4, 2, 2, 16), (3, 3, 16, 16), 1, 1),
    "one pixel": ((4, 1, 1, 16), (3, 3, 16, 16), 1, 1),
    "patches": ((4, 8, 8, 3), (4, 4, 3, 24), 4, 0),
}


@TYPES
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_is_xlas(dtype, name):
    image_shape, kernel_shape, stride, pad = CONVOLUTIONS[name]
    x = normal(0, *image_shape).astype(dtype)
    kernel = normal(1, *kernel_shape).astype(dtype)
    strides, padding = (stride, stride), ((pad, pad), (pad, pad))

    def plain(x, kernel):
        return lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def ours(x, kernel):
        return convolution.conv(x, kernel, strides, padding)

    # Both sums are over the same rounded numbers; float32 has room for either order.
    exact = value_and_gradients(plain, x.astype(jnp.float32), kernel.astype(jnp.float32))
    exact = jax.tree.map(lambda leaf: leaf.astype(dtype), exact)
    assert_close(value_and_gradients(ours, x, kernel), exact, dtype)


def test_flax_convolves_with_it():
    x = normal(0, 2, 6, 6, 4)
    options = {"padding": 1, "use_bias": False}
    plain = nn.Conv(8, (3, 3), **options)
    ours = nn.Conv(8, (3, 3), conv_general_dilated=convolution.conv_general_dilated, **options)
    variables = plain.init(jax.random.key(1), x)
    assert_close(ours.apply(variables, x), plain.apply(variables, x), jnp.float32)
    with pytest.raises(AssertionError):
        dilated = ours.clone(kernel_dilation=(2, 2))
        dilated.apply(variables, x)


def test_a_gpu_gets_convolutions_without_copies():
    text = lowered(
        lambda x, k: convolution.conv(x, k, (1, 1), ((1, 1), (1, 1))), (8, 8, 8, 16), (3, 3, 16, 16)
    )
    # The result, and the gradients of the image and of the kernel.
    assert text.count("stablehlo.convolution(") >= 3
    assert "bitcast_convert" not in text
    assert "concatenate" not in text
    assert "stablehlo.dot_general" not in text


def test_zeros_around_an_image_stay_out_of_the_kernels_gradient():
    # One bright pixel in the corner: only the taps that reach it have a gradient.
    x = jnp.zeros((1, 4, 4, 4)).at[0, 0, 0].set(1.0)

    def corner(kernel):
        result = jnp.asarray(convolution.conv(x, kernel, (1, 1), ((1, 1), (1, 1))))
        return result[0, 0, 0].sum()

    gradient = jax.grad(corner)(jnp.ones((3, 3, 4, 4)))
    assert jnp.count_nonzero(gradient[1, 1]) == 16
    assert jnp.count_nonzero(gradient) == 16
