"""A frozen trunk: only the head is trained, and the trunk costs only a forward pass."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from trials import IMAGES, INDICES, LABELS, MEAN, MIXED, RESNET, STD, VIT, Trial, assert_same

from jaxcmp.augment import normalise
from jaxcmp.models.packing import unpack
from jaxcmp.step import predict_logits

DROPPING = {"dropout_rate": 0.5, "drop_path_rate": 0.5}


@pytest.fixture(scope="module", params=[VIT, RESNET], ids=["vit", "resnet"])
def trial(request):
    model = request.param.clone(**DROPPING)
    return Trial(model, augment=MIXED, is_trunk_frozen=True, average_decay=0.5)


def test_only_the_head_changes(trial):
    state, metrics = trial.run(3)
    assert metrics[-1]["gradient_norm"] > 0
    after = unpack(state.params)
    for name, part in unpack(trial.state.params).items():
        if name == "head":
            moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), part, after[name])
            assert min(jax.tree.leaves(moved)) > 0
        else:
            assert_same(part, after[name])
    assert_same(trial.state.batch_stats, state.batch_stats)
    assert_same(trial.state.batch_stats, state.average["batch_stats"])


@pytest.mark.parametrize("model", [VIT, RESNET], ids=["vit", "resnet"])
def test_the_head_trains_on_the_trunks_evaluation_features(model):
    trial = Trial(model.clone(**DROPPING), momentum=0.0, is_trunk_frozen=True)
    images = normalise(jnp.asarray(IMAGES[INDICES]), MEAN, STD)
    params, batch_stats = unpack(trial.state.params), unpack(trial.state.batch_stats)

    def loss(head):
        variables = {"params": params | {"head": head}, "batch_stats": batch_stats}
        logits = trial.model.apply(variables, images, is_training=False)
        return optax.softmax_cross_entropy_with_integer_labels(logits, LABELS[INDICES]).mean()

    head = params["head"]
    value, gradient = jax.jit(jax.value_and_grad(loss))(head)
    state, metrics = trial.run(1)
    assert metrics[0]["loss"] == pytest.approx(float(value), rel=1e-5)
    assert metrics[0]["gradient_norm"] == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-4)
    rate = metrics[0]["learning_rate"]
    expected = jax.tree.map(lambda p, g: p - rate * g, head, gradient)
    assert_same(unpack(state.params)["head"], expected, atol=1e-6)


@pytest.mark.parametrize("model", [VIT, RESNET], ids=["vit", "resnet"])
def test_no_backward_pass_goes_through_the_trunk(model):
    key = jax.random.key(0)

    def flops(step, *arguments):
        cost: Any = jax.jit(step).lower(*arguments).compile().cost_analysis()
        return cost["flops"]

    trials = [Trial(model, is_trunk_frozen=is_frozen) for is_frozen in (False, True)]
    whole, frozen = (
        flops(each.step_by_indices, each.state, IMAGES, LABELS, INDICES, key) for each in trials
    )
    predict = partial(predict_logits, model, mean=MEAN, std=STD)
    forward = flops(predict, unpack(trials[0].state.variables), IMAGES[INDICES])
    # Beside the forward pass there are the draws of augmentation keys, the loss and the head.
    assert forward < frozen < 1.5 * forward
    assert whole > 2.2 * forward


def test_accumulation_changes_nothing_but_rounding():
    whole, _ = Trial(RESNET, is_trunk_frozen=True).run(2)
    parts, _ = Trial(RESNET, is_trunk_frozen=True, accumulation=4).run(2)
    # Running statistics do not depend on the parts, as in a batch's own they would.
    assert_same(whole, parts, atol=1e-6)
    np.testing.assert_array_equal(whole.step, parts.step)
