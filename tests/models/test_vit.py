"""The Vision Transformer's numerics, against a second implementation in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_vit import logits_of

from jaxcmp.models import ViT

SMALL = ViT(image_size=8, patch_size=4, width=12, depth=2, num_heads=3, mlp_width=20, num_classes=5)


@pytest.fixture(scope="module")
def variables():
    """Makes every array random, so that no zero or one hides a mistake."""
    shapes = jax.eval_shape(SMALL.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda x: 0.5 * rng.standard_normal(x.shape, np.float32), shapes)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).standard_normal((3, 8, 8, 3), np.float32)


def test_logits_are_those_of_the_definition(variables, images):
    expected = logits_of(SMALL, variables["params"], images)
    np.testing.assert_allclose(jax.jit(SMALL.apply)(variables, images), expected, atol=2e-4)


def test_bfloat16_stays_near_float32_and_gives_float32(variables, images):
    half = SMALL.clone(dtype=jnp.bfloat16)
    logits = jax.jit(half.apply)(variables, images)
    assert logits.dtype == jnp.float32
    expected = logits_of(SMALL, variables["params"], images)
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.99
    shapes = jax.eval_shape(half.init, jax.random.key(0), images)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}


@pytest.fixture(scope="module")
def fresh():
    return jax.jit(ViT(depth=2, mlp_width=768).init)(jax.random.key(3), jnp.zeros((1, 32, 32, 3)))


def test_each_part_starts_as_its_source_says(fresh):
    params = fresh["params"]
    assert np.std(params["positions"]) == pytest.approx(0.02, rel=0.05)
    assert not np.any(params["cls"])
    assert not np.any(params["head"]["kernel"])
    attention = params["block_0"]["attention"]
    # Xavier-uniform over [192, 192], not over the fused [192, 576].
    limit = np.sqrt(6 / (192 + 192))
    for kernel in np.split(np.asarray(attention["qkv"]["kernel"]), 3, axis=1):
        assert np.max(np.abs(kernel)) == pytest.approx(limit, rel=0.01)
        assert np.std(kernel) == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert np.std(params["block_0"]["mlp"]["expand"]["bias"]) == pytest.approx(1e-6, rel=0.2)


def test_no_two_blocks_start_alike(fresh):
    first, second = fresh["params"]["block_0"], fresh["params"]["block_1"]
    for part in ("qkv", "projection"):
        kernels = first["attention"][part]["kernel"], second["attention"][part]["kernel"]
        assert not np.allclose(*kernels)


def test_stochastic_depth_drops_whole_branches_and_only_in_training(variables, images):
    model = SMALL.clone(drop_path_rate=0.9)
    plain = jax.jit(SMALL.apply)(variables, images)
    evaluated = jax.jit(model.apply)(variables, images)
    np.testing.assert_array_equal(evaluated, plain)
    train = jax.jit(
        lambda key: model.apply(variables, images, is_training=True, rngs={"dropout": key})
    )
    draws = np.stack([train(key) for key in jax.random.split(jax.random.key(0), 40)])
    # The first block is always kept, the last one's two branches each at one in ten: about
    # four in five draws of an image skip the block altogether, and so agree.
    first = draws[:, 0]
    values, counts = np.unique(np.round(first[:, 0], 4), return_counts=True)
    assert len(values) > 1
    assert counts.max() / len(first) == pytest.approx(0.81, abs=0.19)


def test_another_channel_count_and_size_work():
    model = ViT(image_size=12, patch_size=3, width=8, depth=1, num_heads=2, mlp_width=8)
    images = jnp.ones((2, 12, 12, 1))
    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    assert shapes["params"]["positions"].shape == (1, 17, 8)


def test_a_block_is_traced_once_however_deep_the_model():
    images = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.uint8)

    def num_products(depth):
        model = SMALL.clone(depth=depth)
        variables = jax.eval_shape(model.init, jax.random.key(0), images)
        return jax.jit(model.apply).lower(variables, images).as_text().count("dot_general")

    assert num_products(2) == num_products(4) > 0
