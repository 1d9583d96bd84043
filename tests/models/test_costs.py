"""The costs of a run."""

import jax
import jax.numpy as jnp
import pytest

from jaxcmp import models
from jaxcmp.models import costs


def test_sizes_add_up_and_name_the_components():
    model = models.ViT(image_size=8, width=8, depth=2, num_heads=2, mlp_width=8)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 1)))["params"]
    sizes = costs.sizes(model, params, num_channels=1)
    for kind in ("parameters", "multiply_adds"):
        assert sizes[kind]["total"] == sum(sizes[kind]["components"].values())
    assert sizes["parameters"]["components"]["blocks.mlp"] == 2 * (2 * 8 * 8 + 8 + 8)
    assert sizes["parameters"]["total"] == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_peak_on_the_host_includes_current_memory():
    block = bytearray(300_000_000)
    peak = costs.peak_memory()
    assert peak["host_bytes"] is not None
    assert peak["host_bytes"] > len(block)
    # A CPU keeps no account of its own.
    assert peak["device_bytes"] is None


def test_speed_covers_all_sessions_of_a_run():
    metrics = [
        {"kind": "train", "images_per_second": 100.0},
        {"kind": "train", "images_per_second": 50.0},
        {"kind": "train", "images_per_second": 100.0},
        {"kind": "epoch", "seconds": 2.0, "images_per_second": 100.0},
        {"kind": "epoch", "seconds": 6.0, "images_per_second": 50.0},
    ]
    speed = costs.speed(metrics, batch_size=10)
    assert speed["step_seconds"] == {"median": 0.1, "p95": pytest.approx(0.19), "num_samples": 3}
    assert speed["train_seconds"] == 8.0
    assert speed["images_per_second"] == pytest.approx(500 / 8)


def test_a_speed_that_was_not_recorded_is_none():
    speed = costs.speed([], batch_size=10)
    assert speed["train_seconds"] is speed["images_per_second"] is None
    assert speed["step_seconds"] == {"median": None, "p95": None, "num_samples": 0}
