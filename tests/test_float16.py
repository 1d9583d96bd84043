"""Steps in float16: the effect of the loss scale, and its limits."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trials import IMAGES, RESNET, VIT, Trial, assert_same

from jaxcmp.checkpoint import trees
from jaxcmp.models.packing import unpack
from jaxcmp.step import FIRST_FACTOR, LARGEST_FACTOR, NEVER, LossScale

# Times this the loss is still a float32 number, and its gradients are none.
TOO_LARGE = 2.0**126


def scaled(state, factor, good_steps=5):
    scale = LossScale(jnp.float32(factor), jnp.int32(good_steps))
    return dataclasses.replace(state, loss_scale=scale)


@pytest.fixture(scope="module", params=[VIT, RESNET], ids=["vit", "resnet"])
def half(request):
    return Trial(request.param.clone(dtype=jnp.float16), average_decay=0.5)


def test_a_model_learns_in_float16(half):
    state, metrics = half.run(40)
    assert metrics[-1]["loss"] < 0.7 * metrics[0]["loss"]
    assert metrics[-1]["loss_scale"] == FIRST_FACTOR
    assert int(state.loss_scale.good_steps) == 40
    assert {str(x.dtype) for x in jax.tree.leaves(state.params)} == {"float32"}


def test_loss_and_gradients_are_those_of_float32_whatever_the_scale(half):
    same = Trial(half.model.clone(dtype=jnp.float32), average_decay=0.5)
    _, expected = same.run(1)
    for factor in (1.0, 2.0**10):
        _, metrics = half.run(1, scaled(half.state, factor))
        assert metrics[0]["loss"] == pytest.approx(expected[0]["loss"], rel=5e-3)
        assert metrics[0]["gradient_norm"] == pytest.approx(expected[0]["gradient_norm"], rel=2e-2)


def test_an_overflow_changes_only_the_step_number_and_the_scale(half):
    state, _ = half.run(2)
    before = scaled(state, TOO_LARGE)
    after, metrics = half.run(1, before)
    assert not np.isfinite(metrics[0]["gradient_norm"])
    assert np.isfinite(metrics[0]["loss"])
    assert (int(before.step), int(after.step)) == (2, 3)
    for name in ("params", "batch_stats", "opt_state", "average", "sums"):
        assert_same(getattr(before, name), getattr(after, name))
    assert float(after.loss_scale.factor) == LARGEST_FACTOR
    assert int(after.loss_scale.good_steps) == 0


def test_training_goes_on_after_an_overflow(half):
    first, _ = half.run(1)
    state, metrics = half.run(1, scaled(first, TOO_LARGE))
    state, more = half.run(2, scaled(state, 2.0**10))
    assert [np.isfinite(each["gradient_norm"]) for each in metrics + more] == [False, True, True]
    # The epoch's four steps without the one that was undone.
    assert float(state.sums["num_steps"]) == 3
    total = float(first.sums["loss"]) + sum(each["loss"] for each in more)
    assert float(state.sums["loss"]) == pytest.approx(total)


def test_only_at_the_smallest_scale_a_step_counts_as_bad(half):
    params = jax.tree.map(lambda x: x.at[...].set(jnp.nan), half.state.params)
    broken = dataclasses.replace(scaled(half.state, 2.0), params=params)
    state, _ = half.run(1, broken)
    assert int(state.sums["first_bad_step"]) == NEVER
    assert float(state.loss_scale.factor) == 1
    state, _ = half.run(2, state)
    assert int(state.sums["first_bad_step"]) == 2
    assert float(state.loss_scale.factor) == 1


def test_an_overflow_on_an_epochs_first_step_still_resets_the_sums(half):
    state, _ = half.run(4)
    state, _ = half.run(1, scaled(state, TOO_LARGE))
    assert float(state.sums["num_steps"]) == 0
    assert float(state.sums["loss"]) == 0


def test_an_overflow_in_one_part_of_a_batch_reverts_the_whole_step():
    trial = Trial(VIT.clone(dtype=jnp.float16), accumulation=4)
    # A head that starts at zero lets no gradient through in the first step.
    first, _ = trial.run(1)
    state, metrics = trial.run(1, scaled(first, TOO_LARGE))
    assert not np.isfinite(metrics[0]["gradient_norm"])
    assert_same(state.params, first.params)
    state, _ = trial.run(1, scaled(first, 2.0**10))
    assert float(state.loss_scale.factor) == 2.0**10
    assert int(state.loss_scale.good_steps) == 6


def test_the_scale_is_saved_and_restored_and_other_precisions_have_none(half):
    state, _ = half.run(3)
    names = trees.to_host(state).keys()
    assert {"loss_scale/factor", "loss_scale/good_steps"} <= names
    restored = trees.onto(half.state, trees.to_host(state), "it")
    assert_same(half.run(3)[0], half.run(0, restored)[0])
    assert_same(half.run(2, state)[0], half.run(2, restored)[0])
    plain = trees.to_host(Trial().state)
    assert not [name for name in plain if name.startswith("loss_scale")]


def test_the_forward_pass_reduces_in_float32(half):
    variables = unpack({"params": half.state.params, "batch_stats": half.state.batch_stats})

    def forward(images):
        return half.model.apply(variables, images, is_training=True, mutable=["batch_stats"])

    text = str(jax.make_jaxpr(forward)(jnp.asarray(IMAGES, jnp.float32)))
    kinds = re.findall(r":(\w+)\[[^]]*\] = reduce_(?:sum|max)\[", text)
    assert set(kinds) == {"f32"}
    assert "f16" in text
