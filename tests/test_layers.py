"""Layers agree with Flax's and XLA's own, forward and backward, and a GPU gets those."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from gradients import TYPES, assert_close, lowered, normal, value_and_gradients
from jax import lax

from jaxcmp.models import layers


@TYPES
@pytest.mark.parametrize(("rows", "width", "features"), [(128, 24, 96), (128, 96, 24), (5, 7, 3)])
def test_a_dense_layer_is_flaxs(dtype, rows, width, features):
    x = normal(0, 2, rows, width).astype(dtype)
    ours = layers.Dense(features, nn.initializers.lecun_normal(), nn.initializers.ones, dtype)
    flax = nn.Dense(features, bias_init=nn.initializers.ones)
    variables = ours.init(jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(
        jnp.shape, flax.init(jax.random.key(1), x)
    )
    # Both start from the same rounded numbers; float32 shows what the rest should give.
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype).astype(jnp.float32), variables)
    exact = value_and_gradients(flax.apply, variables, x.astype(jnp.float32))
    found = value_and_gradients(ours.apply, variables, x)
    assert found[0].dtype == found[1][1].dtype == dtype
    assert_close(found, jax.tree.map(lambda one, e: e.astype(one.dtype), found, exact), dtype)


CONVOLUTIONS = {
    "3x3": ((8, 6, 6, 64), (3, 3, 64, 32), 1, 1),
    "3x3, odd sizes": ((3, 5, 7, 5), (3, 3, 5, 9), 1, 1),
    "the stem": ((4, 8, 8, 3), (3, 3, 3, 16), 1, 1),
    "one channel": ((4, 8, 8, 1), (3, 3, 1, 16), 1, 1),
    "half the resolution": ((4, 8, 8, 16), (3, 3, 16, 32), 2, 1),
    "half of an odd one": ((4, 7, 7, 16), (3, 3, 16, 32), 2, 1),
    "a projection": ((4, 8, 8, 16), (1, 1, 16, 32), 2, 0),
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
        return layers.conv(x, kernel, strides, padding)

    # Both sums are over the same rounded numbers; float32 has room for either order.
    exact = value_and_gradients(plain, x.astype(jnp.float32), kernel.astype(jnp.float32))
    exact = jax.tree.map(lambda leaf: leaf.astype(dtype), exact)
    assert_close(value_and_gradients(ours, x, kernel), exact, dtype)


def test_flax_convolves_with_it():
    x = normal(0, 2, 6, 6, 4)
    options = {"padding": 1, "use_bias": False}
    plain = nn.Conv(8, (3, 3), **options)
    ours = nn.Conv(8, (3, 3), conv_general_dilated=layers.conv_general_dilated, **options)
    variables = plain.init(jax.random.key(1), x)
    assert_close(ours.apply(variables, x), plain.apply(variables, x), jnp.float32)
    with pytest.raises(AssertionError):
        dilated = ours.clone(kernel_dilation=(2, 2))
        dilated.apply(variables, x)


def test_a_gpu_gets_convolutions_and_products_without_copies():
    convolution = lowered(
        lambda x, k: layers.conv(x, k, (1, 1), ((1, 1), (1, 1))), (8, 8, 8, 16), (3, 3, 16, 16)
    )
    # The result, and the gradients of the image and of the kernel.
    assert convolution.count("stablehlo.convolution(") >= 3
    dense = lowered(layers.affine, (128, 16), (16, 32), (32,))
    for text in (convolution, dense):
        assert "bitcast_convert" not in text
        assert "concatenate" not in text
    assert "stablehlo.dot_general" not in convolution


def test_zeros_around_an_image_stay_out_of_the_kernels_gradient():
    # One bright pixel in the corner: only the taps that reach it have a gradient.
    x = jnp.zeros((1, 4, 4, 4)).at[0, 0, 0].set(1.0)

    def corner(kernel):
        result = jnp.asarray(layers.conv(x, kernel, (1, 1), ((1, 1), (1, 1))))
        return result[0, 0, 0].sum()

    gradient = jax.grad(corner)(jnp.ones((3, 3, 4, 4)))
    assert jnp.count_nonzero(gradient[1, 1]) == 16
    assert jnp.count_nonzero(gradient) == 16
