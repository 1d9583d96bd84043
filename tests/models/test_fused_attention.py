"""The padded form of attention agrees with the plain one, and is chosen where GPUs have it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gradients import TYPES, assert_close, normal, value_and_gradients

from jaxcmp import models
from jaxcmp.models import ResNet, ViT, fused_attention, layers

NUM_HEADS, WIDTH = 3, 24
# cuDNN runs on no CPU: XLA's own form takes the same padded arguments.
attend = partial(fused_attention.attend, num_heads=NUM_HEADS, implementation="xla")


@TYPES
@pytest.mark.parametrize("tokens", [1, 5, 8, 17])
def test_padded_attention_is_the_plain_one(dtype, tokens):
    qkv = normal(0, 2, tokens, 3 * WIDTH).astype(dtype)
    found = value_and_gradients(attend, qkv)
    exact = value_and_gradients(lambda x: layers.attend(x, NUM_HEADS), qkv.astype(jnp.float32))
    assert_close(found, jax.tree.map(lambda x: x.astype(dtype), exact), dtype)


def test_large_scores_do_not_reach_the_padding():
    # A padded key has the score 0, the largest of all here, and must have no weight.
    query, key = -1e2 * jnp.ones((1, 5, WIDTH)), jnp.ones((1, 5, WIDTH))
    value = normal(1, 1, 5, WIDTH)
    mixed = attend(jnp.concatenate([query, key, value], axis=-1))
    np.testing.assert_allclose(mixed, jnp.broadcast_to(value.mean(1), (1, 5, WIDTH)), atol=1e-6)


def test_tokens_in_multiples_of_eight_need_no_mask():
    def lowered(tokens):
        shape = jax.ShapeDtypeStruct((2, tokens, 3 * WIDTH), jnp.bfloat16)
        return jax.jit(attend).lower(shape).as_text()

    # The mask is a choice between a score and the smallest number.
    assert "stablehlo.select" in lowered(65) and "stablehlo.select" not in lowered(64)


@pytest.mark.parametrize(
    ("capability", "dtype", "head_width", "expected"),
    [
        ((9, 0), jnp.bfloat16, 64, True),
        ((8, 0), jnp.float16, 64, True),
        ((8, 0), jnp.bfloat16, 128, True),
        ((7, 5), jnp.float16, 64, False),
        (None, jnp.bfloat16, 64, False),
        ((9, 0), jnp.float32, 64, False),
        ((9, 0), jnp.bfloat16, 12, False),
        ((9, 0), jnp.bfloat16, 136, False),
    ],
)
def test_the_kernel_is_for_16_bits_and_gpus_from_ampere_on(capability, dtype, head_width, expected):
    assert fused_attention.is_possible(capability, dtype, head_width) is expected
    model = models.on_gpu(ViT(width=2 * head_width, num_heads=2, dtype=dtype), capability)
    assert isinstance(model, ViT) and model.has_fused_attention is expected


def test_a_resnet_has_no_attention():
    assert models.on_gpu(ResNet(dtype=jnp.bfloat16), (9, 0)) == ResNet(dtype=jnp.bfloat16)


def test_only_a_model_with_kernels_asks_for_it():
    # Else the plain form runs, on this CPU too: for maps of attention and gradients of any kind.
    model = ViT(image_size=8, width=16, depth=1, num_heads=2, mlp_width=8, dtype=jnp.bfloat16)
    fused = models.on_gpu(model, (9, 0))
    images = jnp.ones((2, 8, 8, 3))
    variables = jax.jit(fused.init)(jax.random.key(0), images)
    np.testing.assert_array_equal(
        jax.jit(fused.apply)(variables, images), jax.jit(model.apply)(variables, images)
    )
    with pytest.raises(RuntimeError, match="cuDNN"):
        jax.eval_shape(fused.clone(has_kernels=True).apply, variables, images)
