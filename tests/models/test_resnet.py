"""The residual network's numerics, against a second implementation in NumPy and SciPy."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate

from jaxcmp.models import ResNet
from jaxcmp.models.resnet import Stem, make_layers

SMALL = ResNet(image_size=8, stage_widths=(4, 6), stage_depths=(1, 2), num_classes=5)


@pytest.fixture(scope="module")
def variables():
    """Makes every array random, so that no zero or one hides a mistake; variances positive."""
    shapes = jax.eval_shape(SMALL.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: 0.5 * rng.standard_normal(x.shape, np.float32), shapes)
    variables["batch_stats"] = jax.tree.map(lambda x: np.abs(x) + 0.1, variables["batch_stats"])
    return variables


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).standard_normal((3, 8, 8, 3), np.float32)


def conv(p, x, stride=1):
    """Convolves one image with a frame of zeros, and keeps every `stride`-th pixel."""
    kernel = p["kernel"]
    pad = kernel.shape[0] // 2
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    filters = range(kernel.shape[-1])
    outs = [correlate(padded, kernel[..., f], "valid")[..., 0] for f in filters]
    return np.stack(outs, axis=-1)[::stride, ::stride]


def norm(p, s, x):
    return (x - s["mean"]) / np.sqrt(s["var"] + 1e-5) * p["scale"] + p["bias"]


def reference(variables, images):
    """ResNet as its paper defines it, one image at a time, in float64."""
    variables = jax.tree.map(lambda x: np.asarray(x, np.float64), variables)
    params, stats = variables["params"], variables["batch_stats"]

    def block(p, s, x, stride):
        y = np.maximum(norm(p["norm_1"], s["norm_1"], conv(p["conv_1"], x, stride)), 0)
        y = norm(p["norm_2"], s["norm_2"], conv(p["conv_2"], y))
        if "shortcut_conv" in p:
            x = conv(p["shortcut_conv"], x, stride)
            x = norm(p["shortcut_norm"], s["shortcut_norm"], x)
        return np.maximum(x + y, 0)

    logits = []
    for x in images.astype(np.float64):
        x = conv(params["stem"]["conv"], x)
        x = np.maximum(norm(params["stem"]["norm"], stats["stem"]["norm"], x), 0)
        for stage, name, stride in (
            ("stage_1", "block_0", 1),
            ("stage_2", "block_0", 2),
            ("stage_2", "block_1", 1),
        ):
            x = block(params[stage][name], stats[stage][name], x, stride)
        logits.append(x.mean((0, 1)) @ params["head"]["kernel"] + params["head"]["bias"])
    return np.stack(logits)


def test_logits_are_those_of_the_definition(variables, images):
    expected = reference(variables, images)
    np.testing.assert_allclose(
        jax.jit(SMALL.apply)(variables, images), expected, rtol=1e-4, atol=1e-3
    )


def test_the_stem_for_large_images_halves_them_twice():
    rng = np.random.default_rng(2)
    images = rng.standard_normal((2, 9, 9, 3), np.float32)
    stem = Stem("imagenet", 4, *make_layers(jnp.float32, False, is_training=False))
    shapes: Any = jax.eval_shape(stem.init, jax.random.key(0), images)
    variables = jax.tree.map(lambda x: rng.random(x.shape, np.float32) - 0.3, shapes)
    variables["batch_stats"] = jax.tree.map(np.abs, variables["batch_stats"])
    params, stats = variables["params"], variables["batch_stats"]["norm"]
    pooled: Any = stem.apply(variables, images)
    for image, found in zip(images, pooled, strict=True):
        y = norm(params["norm"], stats, conv(params["conv"], image, 2))
        # Nothing is below zero, so that zeros around it win nowhere.
        framed = np.pad(np.maximum(y, 0), ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), axis=(0, 1))
        np.testing.assert_allclose(found, windows[::2, ::2].max((-2, -1)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("has_kernels", [False, True])
def test_training_normalises_by_the_batch_and_moves_the_statistics_by_a_tenth(
    variables, images, has_kernels
):
    model = SMALL.clone(has_kernels=has_kernels)
    train = partial(model.apply, is_training=True, mutable=["batch_stats"])
    _, updated = jax.jit(train)(variables, images)
    stem = variables["params"]["stem"]["conv"]["kernel"]
    out = jax.lax.conv_general_dilated(
        images, stem, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    before, after = variables["batch_stats"]["stem"]["norm"], updated["batch_stats"]["stem"]["norm"]
    expected = 0.9 * before["mean"] + 0.1 * np.mean(out, axis=(0, 1, 2))
    np.testing.assert_allclose(after["mean"], expected, rtol=1e-4, atol=1e-5)
    expected = 0.9 * before["var"] + 0.1 * np.var(out, axis=(0, 1, 2))
    np.testing.assert_allclose(after["var"], expected, rtol=1e-4, atol=1e-5)


def test_each_part_starts_as_its_source_says():
    fields = {"stage_widths": (16, 32), "stage_depths": (1, 1), "num_classes": 100}
    model = ResNet(zero_init_residual=True, **fields)
    variables = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    block = variables["params"]["stage_2"]["block_0"]
    # He-normal over the fan-out: nine taps times the channels that come out.
    assert np.std(block["conv_1"]["kernel"]) == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.05)
    assert np.std(block["shortcut_conv"]["kernel"]) == pytest.approx(np.sqrt(2 / 32), rel=0.1)
    assert not np.any(block["norm_2"]["scale"])
    assert np.all(block["norm_1"]["scale"] == 1)
    head = variables["params"]["head"]
    limit = 1 / np.sqrt(32)
    for leaf in head.values():
        assert np.min(leaf) < -0.5 * limit
        assert np.max(leaf) > 0.5 * limit
        assert np.max(np.abs(leaf)) <= limit


def test_zero_init_makes_every_block_start_as_the_identity():
    model = ResNet(stage_widths=(8,), stage_depths=(2,), zero_init_residual=True)
    variables = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    images = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    _, state = jax.jit(lambda v, x: model.apply(v, x, capture_intermediates=True))(
        variables, images
    )
    inner = state["intermediates"]
    np.testing.assert_allclose(
        inner["stage_1"]["__call__"][0], inner["stem"]["__call__"][0], atol=1e-6
    )


def test_bfloat16_stays_near_float32_and_gives_float32(variables, images):
    logits = jax.jit(SMALL.clone(dtype=jnp.bfloat16).apply)(variables, images)
    assert logits.dtype == jnp.float32
    expected = reference(variables, images)
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.99
