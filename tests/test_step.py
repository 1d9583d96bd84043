"""The training step: its updates, its invariances and its metrics."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from trials import IMAGES, INDICES, LABELS, MEAN, MIXED, RESNET, STD, VIT, Trial, assert_same

from jaxcmp.augment import normalise
from jaxcmp.models.packing import Packed, unpack
from jaxcmp.runtime import devices
from jaxcmp.step import NEVER, scan


@pytest.fixture(scope="module")
def mixed():
    return Trial(augment=MIXED)


@pytest.fixture(scope="module")
def plain():
    return Trial()


def test_a_step_is_the_same_every_time(mixed):
    (first, metrics), (second, again) = mixed.run(3), mixed.run(3)
    assert_same(first, second)
    assert metrics == again
    assert int(first.step) == 3


def test_another_seed_or_step_draws_other_numbers(mixed):
    _, here = mixed.run(1)
    _, there = mixed.run(1, seed=3)
    later = dataclasses.replace(mixed.state, step=jnp.asarray(1, jnp.int32))
    _, then = mixed.run(1, later)
    assert len({here[0]["loss"], there[0]["loss"], then[0]["loss"]}) == 3


def test_the_update_is_minus_the_logged_rate_times_the_gradient():
    trial = Trial(momentum=0.0)

    def loss(params):
        images = normalise(jnp.asarray(IMAGES[INDICES]), MEAN, STD)
        logits: Any = VIT.apply({"params": params}, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, LABELS[INDICES]).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss))(unpack(trial.state.params))
    state, metrics = trial.run(1)
    assert metrics[0]["loss"] == pytest.approx(float(value), rel=1e-5)
    assert metrics[0]["gradient_norm"] == pytest.approx(float(optax.tree.norm(gradient)), rel=1e-4)
    rate = metrics[0]["learning_rate"]
    assert rate == pytest.approx(0.1)
    expected = jax.tree.map(lambda p, g: p - rate * g, unpack(trial.state.params), gradient)
    assert_same(unpack(state.params), expected, atol=1e-6)


def test_the_rate_logged_follows_the_schedule(plain):
    _, metrics = plain.run(3)
    rates = [float(plain.schedule(step)) for step in range(3)]
    assert [each["learning_rate"] for each in metrics] == pytest.approx(rates)


def test_the_loss_falls(plain):
    _, metrics = plain.run(40)
    assert metrics[-1]["loss"] < 0.7 * metrics[0]["loss"]


def test_mixing_stops_after_its_last_step():
    trial = Trial(augment=MIXED, mixing_steps=2)
    images, labels = jnp.asarray(IMAGES[INDICES]), jnp.asarray(LABELS[INDICES])
    targets = []
    for step in range(4):
        key = jax.random.split(jax.random.fold_in(jax.random.key(2), step))[0]
        _, target = trial.augment(key, images, labels, step < 2)
        targets.append(float(jnp.max(target, axis=1).mean()))
    assert [value == 1.0 for value in targets] == [False, False, True, True]
    # Without mixing a target is one class, so the accuracy is a whole number of sixteenths.
    _, metrics = trial.run(4)
    sixteenths = [16 * each["accuracy_mixed"] for each in metrics]
    assert [value == int(value) for value in sixteenths[2:]] == [True, True]
    assert any(value != int(value) for value in sixteenths[:2])


@pytest.mark.parametrize("image_size", [8, 12])
def test_accumulation_gives_the_gradient_of_the_whole_batch(image_size):
    model = VIT.clone(image_size=image_size)
    whole, metrics = Trial(model, momentum=0.0).run(2)
    parts, in_parts = Trial(model, momentum=0.0, accumulation=4).run(2)
    assert_same(whole.params, parts.params, atol=1e-6)
    assert in_parts[0]["loss"] == pytest.approx(metrics[0]["loss"], rel=1e-5)


def test_label_smoothing_changes_the_loss_and_not_the_accuracy(plain):
    smoothed, metrics = Trial(label_smoothing=0.2).run(3)
    _, unsmoothed = plain.run(3)
    assert metrics[0]["accuracy_mixed"] == unsmoothed[0]["accuracy_mixed"]
    assert metrics[2]["loss"] != pytest.approx(unsmoothed[2]["loss"], rel=1e-3)


def test_the_average_follows_the_weights_and_their_statistics():
    trial = Trial(RESNET, average_decay=0.75)
    state, _ = trial.run(1)
    first = {"params": trial.state.params, "batch_stats": trial.state.batch_stats}
    latest = {"params": state.params, "batch_stats": state.batch_stats}
    expected = jax.tree.map(lambda old, new: 0.1 * old + 0.9 * new, first, latest)
    assert_same(state.average, expected, atol=1e-6)
    assert state.variables is state.average
    # The decay grows to its own value: (1 + 90) / (10 + 90) is above 0.75.
    late = dataclasses.replace(trial.state, step=jnp.asarray(90, jnp.int32))
    state, _ = trial.run(1, late)
    latest = {"params": state.params, "batch_stats": state.batch_stats}
    expected = jax.tree.map(lambda old, new: 0.75 * old + 0.25 * new, first, latest)
    assert_same(state.average, expected, atol=1e-6)
    assert trial.state.variables["params"] is not trial.state.params


def test_without_an_average_the_variables_are_the_weights(plain):
    assert plain.state.variables["params"] is plain.state.params


def test_sums_cover_one_epoch_and_then_restart(plain):
    state, metrics = plain.run(4)
    total = sum(each["loss"] for each in metrics)
    assert float(state.sums["loss"]) == pytest.approx(total, rel=1e-5)
    assert float(state.sums["num_steps"]) == 4
    state, metrics = plain.run(1, state)
    assert float(state.sums["loss"]) == pytest.approx(metrics[0]["loss"], rel=1e-5)
    assert float(state.sums["num_steps"]) == 1


def test_the_first_step_with_a_non_finite_loss_is_recorded(plain):
    state, _ = plain.run(1)
    assert int(state.sums["first_bad_step"]) == NEVER
    params = jax.tree.map(lambda x: x.at[...].set(jnp.nan), state.params)
    state, _ = plain.run(2, dataclasses.replace(state, params=params))
    assert int(state.sums["first_bad_step"]) == 2


LARGER = VIT.clone(image_size=12)


@pytest.mark.parametrize("model", [VIT, RESNET, LARGER], ids=["vit", "resnet", "resized"])
def test_eight_devices_and_one_give_the_same_losses(model):
    trial = Trial(model, augment=MIXED)
    losses = []
    for mesh_devices in (jax.devices()[:1], jax.devices()):
        mesh = devices.make_mesh(mesh_devices)
        everywhere, cut = devices.replicated(mesh), devices.sharded(mesh)
        state = jax.tree.map(lambda x: devices.place(x, everywhere), trial.state)  # noqa: B023
        images, labels = devices.place(IMAGES, everywhere), devices.place(LABELS, everywhere)
        key = devices.place(jax.random.key(5), everywhere)
        history = []
        for step in range(20):
            start = 16 * (step % 4)
            indices = devices.place(np.arange(start, start + 16, dtype=np.int32), cut)
            state, metrics = trial.step(state, images, labels, indices, key)
            history.append(float(metrics["loss"]))
        losses.append(history)
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-5)


def test_each_part_of_a_batch_has_a_key_of_its_own():
    # Its head is drawn at random, so that another dropout mask gives another loss.
    trial = Trial(RESNET.clone(dropout_rate=0.5), accumulation=2)
    step, state = trial.train_step, trial.state
    images = jnp.asarray(IMAGES[:8] / 255, jnp.float32)
    targets = jax.nn.one_hot(LABELS[:8], 4)
    loss, _, _, grads = jax.jit(step.gradients)(state, images, targets, jax.random.key(5))
    of_part = jax.jit(jax.value_and_grad(step.loss, has_aux=True))
    losses, gradients = [], []
    for i, part_key in enumerate(jax.random.split(jax.random.key(5), 2)):
        part = images[i::2], targets[i::2], part_key
        (part_loss, _), part_grads = of_part(state.params, Packed(), state.batch_stats, *part, None)
        losses.append(float(part_loss))
        gradients.append(part_grads)
    assert losses[0] != losses[1]
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-6)
    expected = jax.tree.map(lambda a, b: (a + b) / 2, *gradients)
    assert_same(grads, expected, atol=1e-6)


def test_a_loop_is_unrolled_on_a_cpu_and_nowhere_else():
    rows = np.arange(24, dtype=np.float32).reshape(8, 3)

    def total(x):
        return scan(lambda carry, row: (carry + row, carry), jnp.zeros(3), x)

    carry, before = jax.jit(total)(rows)
    np.testing.assert_array_equal(carry, rows.sum(axis=0))
    np.testing.assert_array_equal(before[1:], np.cumsum(rows, axis=0)[:-1])
    traced = jax.jit(total).trace(rows)
    texts = [traced.lower(lowering_platforms=(each,)).as_text() for each in ("cpu", "cuda")]
    assert ["while" in text for text in texts] == [False, True]
