"""Kernels agree with plain layers, forward and backward, and a GPU gets the plain forms."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from gradients import TYPES, assert_close, lowered, normal, value_and_gradients
from jax import lax

from jaxcmp.models import kernels, layers
from jaxcmp.runtime import onednn

NUM_HEADS, WIDTH, TOKENS = 3, 12, 7
EPSILON = 1e-5
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
        return kernels.conv(x, kernel, strides, padding)

    def by_onednn(x, kernel):
        return kernels.conv(x, kernel, strides, padding, True)

    # Both sums are over the same rounded numbers; float32 has room for either order.
    exact = value_and_gradients(plain, x.astype(jnp.float32), kernel.astype(jnp.float32))
    exact = jax.tree.map(lambda leaf: leaf.astype(dtype), exact)
    assert_close(value_and_gradients(ours, x, kernel), exact, dtype)
    # Right without that library too. Where it cannot, nothing is asked of it: it may fail.
    for options in (None, onednn.compiler_options() if onednn.convolves(dtype) else None):
        found = value_and_gradients(by_onednn, x, kernel, compiler_options=options)
        assert_close(found, exact, dtype)


def test_flax_convolves_with_it():
    x = normal(0, 2, 6, 6, 4)
    options = {"padding": 1, "use_bias": False}
    plain = nn.Conv(8, (3, 3), **options)
    ours = nn.Conv(8, (3, 3), conv_general_dilated=kernels.conv_general_dilated, **options)
    variables = plain.init(jax.random.key(1), x)
    assert_close(ours.apply(variables, x), plain.apply(variables, x), jnp.float32)
    with pytest.raises(AssertionError):
        dilated = ours.clone(kernel_dilation=(2, 2))
        dilated.apply(variables, x)


@pytest.mark.parametrize("has_onednn", [False, True])
def test_a_gpu_gets_convolutions_without_copies(has_onednn):
    text = lowered(
        lambda x, k: kernels.conv(x, k, (1, 1), ((1, 1), (1, 1)), has_onednn),
        (8, 8, 8, 16),
        (3, 3, 16, 16),
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
        result = jnp.asarray(kernels.conv(x, kernel, (1, 1), ((1, 1), (1, 1))))
        return result[0, 0, 0].sum()

    gradient = jax.grad(corner)(jnp.ones((3, 3, 4, 4)))
    assert jnp.count_nonzero(gradient[1, 1]) == 16
    assert jnp.count_nonzero(gradient) == 16


@TYPES
@pytest.mark.parametrize(("rows", "width", "features"), [(128, 24, 96), (128, 96, 24), (5, 7, 3)])
def test_a_dense_layer_is_flaxs(dtype, rows, width, features):
    x = normal(0, 2, rows, width).astype(dtype)
    options: Any = {"bias_init": nn.initializers.ones, "dtype": dtype}
    ours = layers.Dense(features, dot_general=kernels.dot_general, **options)
    flax = nn.Dense(features, bias_init=nn.initializers.ones)
    variables = ours.init(jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(
        jnp.shape, flax.init(jax.random.key(1), x)
    )
    # Both start from the same rounded numbers; float32 shows what the rest should give.
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype).astype(jnp.float32), variables)
    exact = value_and_gradients(flax.apply, variables, x.astype(jnp.float32))
    for layer in (ours, ours.clone(dot_general=None)):
        found = value_and_gradients(layer.apply, variables, x)
        assert found[0].dtype == found[1][1].dtype == dtype
        assert_close(found, jax.tree.map(lambda one, e: e.astype(one.dtype), found, exact), dtype)


def test_the_gradient_of_a_bias_is_a_float32_sum():
    # In bfloat16, a sum of ones stays at 256.
    x = jnp.ones((10, 100, 4))
    layer = layers.Dense(3, dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x)
    gradient = jax.grad(lambda v: jnp.sum(jnp.asarray(layer.apply(v, x)).astype(jnp.float32)))
    np.testing.assert_array_equal(gradient(variables)["params"]["bias"], [1000, 1000, 1000])


def test_a_gpu_gets_products_without_copies():
    def product(x, kernel):
        return kernels.dot_general(x, kernel, (((1,), (0,)), ((), ())))

    text = lowered(product, (128, 16), (16, 32))
    # The result, and the gradients of both sides.
    assert text.count("stablehlo.dot_general") >= 3
    assert "bitcast_convert" not in text
    assert "concatenate" not in text


def attention_by_definition(qkv):
    """Computes attention one head after the other."""
    query, key, value = jnp.split(qkv, 3, axis=-1)
    heads = []
    for start in range(0, WIDTH, WIDTH // NUM_HEADS):
        part = slice(start, start + WIDTH // NUM_HEADS)
        scores = query[..., part] @ key[..., part].swapaxes(1, 2) / np.sqrt(WIDTH // NUM_HEADS)
        heads.append(jax.nn.softmax(scores, axis=-1) @ value[..., part])
    return jnp.concatenate(heads, axis=-1)


@TYPES
@pytest.mark.parametrize("attend", [kernels.attend, kernels.plain_attend, layers.attend])
def test_attention_is_its_definition(dtype, attend):
    qkv = normal(0, 2, TOKENS, 3 * WIDTH).astype(dtype)
    found = value_and_gradients(lambda x: attend(x, NUM_HEADS), qkv)
    exact = value_and_gradients(attention_by_definition, qkv.astype(jnp.float32))
    assert_close(found, jax.tree.map(lambda x: x.astype(dtype), exact), dtype)


@pytest.mark.parametrize("attend", [kernels.attend, kernels.plain_attend, layers.attend])
def test_large_scores_stay_finite(attend):
    qkv = 1e3 * normal(0, 2, TOKENS, 3 * WIDTH)
    result, (gradient,) = value_and_gradients(lambda x: attend(x, NUM_HEADS), qkv)
    assert np.isfinite(result).all()
    assert np.isfinite(gradient).all()


def test_a_gpu_keeps_of_the_scores_the_weights_alone():
    qkv = normal(0, 2, TOKENS, 3 * WIDTH).astype(jnp.bfloat16)
    _, pull = jax.vjp(lambda x: kernels.plain_attend(x, NUM_HEADS), qkv)
    kept = [x for x in jax.tree.leaves(pull) if x.shape == (2, NUM_HEADS, TOKENS, TOKENS)]
    assert [x.dtype for x in kept] == [jnp.bfloat16]


def lowered_attention(attend) -> str:
    return lowered(lambda x: attend(x, NUM_HEADS), (2, TOKENS, 3 * WIDTH))


def test_a_gpu_gets_the_plain_form_of_attention():
    found, plain = map(lowered_attention, (kernels.attend, kernels.plain_attend))
    for operation in ("dot_general", "transpose", "exponential", "reduce("):
        assert found.count(operation) == plain.count(operation) > 0


def test_a_gpu_multiplies_for_attention_in_the_compute_type():
    def multiplies_float32(attend) -> bool:
        lines = lowered_attention(attend).splitlines()
        products = [line for line in lines if "stablehlo.dot_general" in line]
        # Scores and values, and four gradients.
        assert len(products) >= 6
        return any("xf32" in line[line.index(" : (") : line.index("->")] for line in products)

    assert multiplies_float32(layers.attend)
    assert not multiplies_float32(kernels.attend)


# A CPU's form and a GPU's.
NORMS = pytest.mark.parametrize("norm", [kernels.batch_norm, kernels.normalise_in_training])


def flaxs_norm(x, scale, bias):
    start = {"mean": jnp.zeros(x.shape[-1]), "var": jnp.ones(x.shape[-1])}
    variables = {"params": {"scale": scale, "bias": bias}, "batch_stats": start}
    layer = nn.BatchNorm(False, epsilon=EPSILON, dtype=x.dtype)
    result: Any = layer.apply(variables, x, mutable=["batch_stats"])
    return result[0]


def normalised(norm):
    """Returns the first result of a form of `batch_norm` as a function of arrays alone."""
    return lambda x, scale, bias: norm(x, scale, bias, EPSILON)[0]


def inputs_of_norm(*shape):
    return 2 * normal(0, *shape) + 0.5, normal(1, shape[-1]), normal(2, shape[-1])


@TYPES
@NORMS
@pytest.mark.parametrize("shape", [(8, 6, 6, 16), (4, 1, 1, 5), (64, 3)])
def test_batch_normalisation_is_flaxs(dtype, norm, shape):
    x, scale, bias = inputs_of_norm(*shape)
    x = x.astype(dtype)
    y, (dx, *rest) = value_and_gradients(flaxs_norm, x.astype(jnp.float32), scale, bias)
    exact = (y.astype(dtype), (dx.astype(dtype), *rest))
    assert_close(value_and_gradients(normalised(norm), x, scale, bias), exact, dtype)


def test_on_a_cpu_batch_normalisation_in_float32_is_flaxs_to_the_bit():
    inputs = inputs_of_norm(8, 6, 6, 16)
    found = value_and_gradients(normalised(kernels.batch_norm), *inputs)
    jax.tree.map(np.testing.assert_array_equal, found, value_and_gradients(flaxs_norm, *inputs))


@NORMS
def test_a_channel_of_one_value_has_finite_gradients(norm):
    x = jnp.full((4, 2, 2, 3), 1000.0)
    y, (dx, *_) = value_and_gradients(normalised(norm), x, jnp.ones(3), jnp.ones(3))
    np.testing.assert_allclose(y, 1, atol=1e-3)
    assert np.isfinite(dx).all()


def test_a_gpu_takes_both_sums_of_a_norms_gradient_at_once():
    def num_sums(platform: str) -> int:
        def gradient(x, scale, bias, dy):
            _, pull = jax.vjp(normalised(kernels.batch_norm), x, scale, bias)
            return pull(dy)

        x, scale, bias = inputs_of_norm(8, 6, 6, 16)
        traced = jax.jit(gradient).trace(x, scale, bias, x)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        return text.count("stablehlo.reduce(")

    # Two of the batch, and two of the gradient.
    assert num_sums("cuda") == 4 < num_sums("cpu")


@TYPES
@pytest.mark.parametrize("gelu", [kernels.gelu, layers.gelu])
def test_gelu_is_the_exact_one(dtype, gelu):
    x = jnp.linspace(-8, 8, 4001).astype(dtype)
    found = value_and_gradients(gelu, x)
    assert_close(found, value_and_gradients(lambda x: nn.gelu(x, approximate=False), x), dtype)


def test_the_slope_of_gelu_is_finite_where_the_result_is_nothing_or_next_to_nothing():
    x = jnp.asarray([0.0, -0.0, 1e-38, 1e-30, -1e-30, -40.0, 40.0])
    slope = jax.jit(jax.vmap(jax.grad(kernels.gelu)))(x)
    np.testing.assert_allclose(slope, [0.5, 0.5, 0.5, 0.5, 0.5, 0, 1], atol=1e-6)


def test_a_gpu_divides_by_nothing_in_gelu():
    assert "stablehlo.divide" not in lowered(kernels.gelu, (8, 16))
