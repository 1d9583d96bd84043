"""Where images lie changes nothing: the same batches, the same steps, each example once."""

import jax
import numpy as np
import pytest
from trials import IMAGES, LABELS, MEAN, MIXED, RESNET, STD, VIT, Trial, assert_same

from jaxcmp import devices
from jaxcmp.data.normalisation import image_sums
from jaxcmp.data.streaming import StoredImages
from jaxcmp.evaluate import make_eval_step
from jaxcmp.feeds import make_feed
from jaxcmp.program import compile_program

RESIDENT = {"train": (IMAGES[:61], LABELS[:61]), "test": (IMAGES[:21], LABELS[:21])}


def stored(images):
    positions = np.arange(len(images))
    return StoredImages(images.__getitem__, positions, image_sums(images), images[0].shape)


STREAMED = {name: (stored(images), labels) for name, (images, labels) in RESIDENT.items()}
SIZES = {"seed": 3, "batch_size": 16, "eval_batch_size": 10}


def feeds(num_devices):
    mesh = devices.make_mesh(jax.devices()[:num_devices])
    return [make_feed(splits, mesh, **SIZES) for splits in (RESIDENT, STREAMED)]


def batches(feed, steps):
    """Images and labels of each step, as the step sees them."""
    images, labels, indices = feed.train(steps)
    rows = indices if len(steps) > 1 else [indices]
    take = jax.jit(feed.take)
    return [(np.asarray(take(images, row)), np.asarray(take(labels, row))) for row in rows]


@pytest.mark.parametrize("num_devices", [1, 8])
@pytest.mark.parametrize("groups", [[range(1, 2), range(2, 5), range(5, 9)], [range(6, 9)]])
def test_streamed_batches_are_the_resident_ones_bit_for_bit(num_devices, groups):
    resident, streamed = feeds(num_devices)
    for steps in groups:
        pairs = zip(batches(resident, steps), batches(streamed, steps), strict=True)
        for (images, labels), (same_images, same_labels) in pairs:
            np.testing.assert_array_equal(images, same_images)
            np.testing.assert_array_equal(labels, same_labels)
    streamed.close()


def test_steps_out_of_turn_are_read_anew():
    resident, streamed = feeds(1)
    for step in (5, 6, 2, 5):
        (images, _), (same, _) = (
            batches(f, range(step, step + 1))[0] for f in (resident, streamed)
        )
        np.testing.assert_array_equal(images, same)
    streamed.close()


@pytest.mark.parametrize("num_devices", [1, 8])
def test_a_streamed_split_is_gone_through_once_with_its_incomplete_batch(num_devices):
    _, streamed = feeds(num_devices)
    seen = [np.asarray(images[index]) for images, index in streamed.held_out("test")]
    assert {len(batch) for batch in seen} == {10 if num_devices == 1 else 16}
    np.testing.assert_array_equal(np.concatenate(seen)[:21], IMAGES[:21])


def compiled(trial, splits, num_devices=1, steps_per_dispatch=1):
    return compile_program(
        trial.init,
        trial.pure_step,
        make_eval_step(trial.model, mean=MEAN, std=STD),
        splits,
        devices.make_mesh(jax.devices()[:num_devices]),
        steps_per_dispatch=steps_per_dispatch,
        **SIZES,
    )


def run(program, groups):
    state, losses = program.init(), []
    for steps in groups:
        state, metrics = program.train_steps(state, steps)
        losses.append({name: float(value) for name, value in metrics.items()})
    logits = program.evaluate(state, "test")
    program.close()
    return state, losses, logits


@pytest.mark.parametrize(
    ("model", "num_devices"), [(VIT, 8), (RESNET, 1), (VIT.clone(image_size=12), 1)]
)
def test_a_streamed_run_is_the_resident_run(model, num_devices):
    trial = Trial(model, augment=MIXED, average_decay=0.5)
    groups = [range(step, step + 1) for step in range(1, 6)]
    (state, metrics, logits), (same_state, same_metrics, same_logits) = (
        run(compiled(trial, splits, num_devices), groups) for splits in (RESIDENT, STREAMED)
    )
    assert_same(state, same_state)
    assert metrics == same_metrics
    np.testing.assert_array_equal(logits, same_logits)


def test_steps_taken_together_are_streamed_together():
    trial = Trial(VIT, augment=MIXED)
    groups = [range(1, 3), range(3, 5), range(5, 6)]
    (state, metrics, _), (same_state, same_metrics, _) = (
        run(compiled(trial, splits, steps_per_dispatch=2), groups)
        for splits in (RESIDENT, STREAMED)
    )
    assert_same(state, same_state)
    assert metrics == same_metrics
