"""Optimizers and schedules, against their published definitions written out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcmp import models
from jaxcmp.errors import CommandError
from jaxcmp.optim import is_decayed, layers_above, make_optimizer, make_schedule

ADAMW = {"layer_decay": 1.0, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1}
SGD = {"layer_decay": 1.0, "momentum": 0.9, "weight_decay": 0.01}


def rate(schedule, step):
    return float(np.asarray(schedule(step)))


def descend(optimizer, params, grads, learning_rate) -> Any:
    """Applies the gradients one after the other, as the step does."""
    state = optimizer.init(params)
    for grad in grads:
        directions, state = optimizer.update(grad, state, params)
        params = jax.tree.map(lambda p, d: p - learning_rate * d, params, directions)
    return params


def test_warm_up_is_linear_and_the_cosine_ends_at_zero():
    schedule = make_schedule(peak_learning_rate=2.0, warmup_steps=10, total_steps=110)
    assert [rate(schedule, step) for step in (0, 5, 10)] == pytest.approx([0, 1, 2])
    assert rate(schedule, 60) == pytest.approx(1.0)
    assert rate(schedule, 85) == pytest.approx(1 + np.cos(0.75 * np.pi))
    assert rate(schedule, 110) == pytest.approx(0.0, abs=1e-6)


def test_without_warm_up_the_first_step_has_the_peak():
    schedule = make_schedule(peak_learning_rate=0.1, warmup_steps=0, total_steps=100)
    assert rate(schedule, 0) == pytest.approx(0.1)
    assert rate(schedule, 50) == pytest.approx(0.05)


def test_a_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(CommandError, match="a warm-up of 100 steps does not fit into 100"):
        make_schedule(peak_learning_rate=0.1, warmup_steps=100, total_steps=100)


def test_adamw_is_adam_with_decoupled_decay():
    params = {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([3.0])}
    grads = [
        {"kernel": jnp.array([0.5, 1.0]), "bias": jnp.array([-1.0])},
        {"kernel": jnp.array([-0.2, 0.3]), "bias": jnp.array([2.0])},
    ]
    out = descend(make_optimizer("adamw", clip_norm=0.0, **ADAMW), params, grads, 0.01)

    def reference(value, gradients, decay):
        first = second = 0.0
        for count, grad in enumerate(gradients, 1):
            first = 0.9 * first + 0.1 * grad
            second = 0.99 * second + 0.01 * grad**2
            unbiased = first / (1 - 0.9**count), second / (1 - 0.99**count)
            value = value - 0.01 * (unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8) + decay * value)
        return value

    kernels = [np.asarray(grad["kernel"], np.float64) for grad in grads]
    biases = [np.asarray(grad["bias"], np.float64) for grad in grads]
    np.testing.assert_allclose(out["kernel"], reference(np.array([1.0, -2.0]), kernels, 0.1), 1e-5)
    np.testing.assert_allclose(out["bias"], reference(np.array([3.0]), biases, 0.0), 1e-5)


def test_sgd_has_nesterov_momentum_and_decays_everything():
    params = {"kernel": jnp.array([1.0]), "bias": jnp.array([3.0])}
    grads = [{"kernel": jnp.array([0.5]), "bias": jnp.array([-1.0])}] * 3
    out = descend(make_optimizer("sgd", clip_norm=0.0, **SGD), params, grads, 0.1)

    def reference(value, grad):
        velocity = 0.0
        for _ in range(3):
            decayed = grad + 0.01 * value
            velocity = 0.9 * velocity + decayed
            value = value - 0.1 * (decayed + 0.9 * velocity)
        return value

    assert float(out["kernel"][0]) == pytest.approx(reference(1.0, 0.5), rel=1e-5)
    assert float(out["bias"][0]) == pytest.approx(reference(3.0, -1.0), rel=1e-5)


def test_clipping_scales_the_global_norm_down_and_never_up():
    params: Any = {"kernel": jnp.zeros(2)}
    optimizer = make_optimizer("sgd", clip_norm=1.0, **SGD | {"momentum": 0.0, "weight_decay": 0.0})
    long: Any
    short: Any
    long, _ = optimizer.update({"kernel": jnp.array([3.0, 4.0])}, optimizer.init(params), params)
    np.testing.assert_allclose(long["kernel"], [0.6, 0.8], rtol=1e-6)
    short, _ = optimizer.update({"kernel": jnp.array([0.3, 0.4])}, optimizer.init(params), params)
    np.testing.assert_allclose(short["kernel"], [0.3, 0.4], rtol=1e-6)


def test_decay_spares_biases_norms_positions_and_the_class_token():
    model = models.ViT(image_size=8, width=8, depth=1, num_heads=2, mlp_width=8)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))["params"]
    decayed = {
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, value in jax.tree_util.tree_leaves_with_path(is_decayed(params))
        if value
    }
    assert decayed == {
        "patch_embedding/kernel",
        "block_0/attention/qkv/kernel",
        "block_0/attention/projection/kernel",
        "block_0/mlp/expand/kernel",
        "block_0/mlp/contract/kernel",
        "head/kernel",
    }


VIT = models.ViT(image_size=8, width=8, depth=3, num_heads=2, mlp_width=8)
RESNET = models.ResNet(image_size=8, stage_widths=(4, 6), stage_depths=(1, 2))


def params_of(model):
    images = jnp.zeros((1, 8, 8, 3))
    return jax.eval_shape(model.init, jax.random.key(0), images)["params"]


def by_part(tree, depth):
    """Returns the values in a tree by the first names of their paths; fails if they differ."""
    values: dict[str, set[Any]] = {}
    for path, value in jax.tree_util.tree_leaves_with_path(tree):
        values.setdefault("/".join(key.key for key in path[:depth]), set()).add(value)
    return {name: value for name, (value,) in values.items()}


def test_layers_are_counted_from_the_head_down():
    assert by_part(layers_above(params_of(VIT)), 1) == {
        **{"head": 0, "norm": 0, "block_2": 1, "block_1": 2, "block_0": 3},
        **{"patch_embedding": 4, "cls": 4, "positions": 4},
    }
    assert by_part(layers_above(params_of(RESNET)), 2) == {
        **{"head/kernel": 0, "head/bias": 0, "stage_2/block_1": 1, "stage_2/block_0": 2},
        **{"stage_1/block_0": 3, "stem/conv": 4, "stem/norm": 4},
    }


def test_more_than_nine_blocks_are_in_order():
    deep = models.ViT(image_size=8, width=8, depth=12, num_heads=2, mlp_width=8)
    above = by_part(layers_above(params_of(deep)), 1)
    assert [above[f"block_{i}"] for i in range(12)] == list(range(12, 0, -1))


@pytest.mark.parametrize(("name", "options"), [("adamw", ADAMW), ("sgd", SGD)])
def test_layer_decay_is_a_lower_learning_rate_for_lower_layers(name, options):
    params = jax.tree.map(lambda x: jnp.full(x.shape, 0.5), params_of(RESNET))
    grads = jax.tree.map(lambda x: jnp.full(x.shape, 0.1), params)
    plain, decayed = (
        descend(
            make_optimizer(name, clip_norm=0.0, **options | {"layer_decay": decay}),
            params,
            2 * [grads],
            0.01,
        )
        for decay in (1.0, 0.5)
    )
    ratios = jax.tree.map(
        lambda a, b, start: float(jnp.mean((b - start) / (a - start))), plain, decayed, params
    )
    expected = jax.tree.map(lambda above: 0.5**above, layers_above(params))
    for ratio, factor in zip(jax.tree.leaves(ratios), jax.tree.leaves(expected), strict=True):
        assert ratio == pytest.approx(factor, rel=0.02)


def test_without_layer_decay_the_optimizer_state_is_unchanged():
    params = params_of(VIT)
    plain, decayed = (
        make_optimizer("sgd", clip_norm=0.0, **SGD | {"layer_decay": d}) for d in (1.0, 0.5)
    )
    state, other = (jax.eval_shape(x.init, params) for x in (plain, decayed))
    assert len(state) == 2
    # A checkpoint names what it holds by its place.
    assert jax.tree.leaves_with_path(state) == jax.tree.leaves_with_path(other)
