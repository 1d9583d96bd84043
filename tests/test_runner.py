"""The compiled steps of a run: the same results on one device or eight, in any groups."""

import gc

import jax
import numpy as np
import pytest
from trials import IMAGES, LABELS, MEAN, MIXED, RESNET, STD, VIT, Trial, assert_same

from jaxcmp.models.packing import unpack
from jaxcmp.runner import MAX_WAITING, Runner
from jaxcmp.runtime import devices

SPLITS = {"train": (IMAGES[:61], LABELS[:61]), "test": (IMAGES[:21], LABELS[:21])}


SAMPLE = np.array([*range(1, 48, 2)], np.int32)


def compiled(trial, splits=SPLITS, num_devices=1, steps_per_dispatch=1, **options):
    runner = Runner(
        trial.train_step,
        splits,
        devices.make_mesh(jax.devices()[:num_devices]),
        mean=MEAN,
        std=STD,
        seed=3,
        batch_size=16,
        eval_batch_size=10,
        steps_per_dispatch=steps_per_dispatch,
        train_sample=SAMPLE,
        **options,
    )
    runner.compile()
    return runner


def run(program, groups):
    """Returns the state after groups of steps, and the last metrics of each."""
    state, history = program.init(), []
    for steps in groups:
        state, metrics = program.train(state, steps)
        history.append({name: float(value) for name, value in metrics.items()})
    return state, history


def images_on_all_devices():
    """Lists every array of images on the devices, divided or copied."""
    gc.collect()
    arrays = [x for x in jax.live_arrays() if x.dtype == np.uint8 and x.ndim == IMAGES.ndim]
    return [x for x in arrays if len(x.sharding.device_set) == jax.device_count()]


@pytest.fixture(scope="module", params=[VIT, RESNET], ids=["vit", "resnet"])
def trial(request):
    return Trial(request.param, augment=MIXED, average_decay=0.5)


@pytest.fixture(scope="module")
def single(trial):
    return compiled(trial)


@pytest.fixture(scope="module")
def eight(trial):
    """Returns the program for eight devices, and the bytes of its images on them."""
    before = images_on_all_devices()
    program = compiled(trial, num_devices=8)
    new = [x for x in images_on_all_devices() if not any(x is other for other in before)]
    return program, sum(shard.data.nbytes for x in new for shard in x.addressable_shards)


def test_grouped_steps_give_the_same_state_as_single_steps(trial, single):
    state, metrics = run(single, [range(step, step + 1) for step in range(1, 8)])
    groups = [range(1, 4), range(4, 7), range(7, 8)]
    together, last = run(compiled(trial, steps_per_dispatch=3), groups)
    assert int(together.step) == int(state.step) == 7
    # The compiler may round otherwise where it sees several steps at once.
    assert_same(state, together, atol=1e-6)
    for here, there in zip(last, [metrics[2], metrics[5], metrics[6]], strict=True):
        assert here == pytest.approx(there, rel=1e-6)


def test_without_leftovers_one_program_is_compiled_and_another_when_it_is_called_for():
    trial = Trial(VIT)
    with_both = compiled(trial, steps_per_dispatch=3)
    with_one = compiled(trial, steps_per_dispatch=3, has_leftovers=False)
    assert set(with_both.train_programs) == {1, 3} and set(with_one.train_programs) == {3}
    groups = [range(1, 2), range(2, 5)]
    (state, _), (same, _) = (run(runner, groups) for runner in (with_both, with_one))
    assert_same(state, same)
    assert set(with_one.train_programs) == {1, 3}


def test_training_and_evaluation_are_both_held_to_the_memory_before_a_step(monkeypatch):
    seen = []
    monkeypatch.setattr(devices, "temporary_bytes", lambda program: seen.append(program))
    runner = compiled(Trial(VIT))
    assert seen == [runner._eval_program, runner.train_programs[1]]


def test_few_dispatches_are_queued_so_that_signals_are_answered_soon(single):
    state, losses = single.init(), []
    for step in range(1, 40):
        state, metrics = single.train(state, range(step, step + 1))
        losses.append(metrics["loss"])
        assert all(loss.is_ready() for loss in losses[:-MAX_WAITING])


def test_eight_devices_share_the_data_and_give_the_same_run(single, eight):
    groups = [range(step, step + 1) for step in range(1, 13)]
    state, metrics = run(single, groups)
    program, _ = eight
    shared, same = run(program, groups)
    # The batches are the same bytes; sums over them are added up in another order.
    for here, there in zip(metrics, same, strict=True):
        assert here == pytest.approx(there, rel=1e-5)
    logits = single.evaluate(state, "test"), program.evaluate(shared, "test")
    assert logits[0].shape == (21, 4)
    np.testing.assert_allclose(*logits, rtol=0, atol=1e-5)


def test_eight_devices_together_hold_the_data_once(eight):
    _, num_bytes = eight
    data = sum(images.nbytes for images, _ in SPLITS.values())
    # Equal parts for eight devices need a few rows of zeros.
    assert data <= num_bytes <= data + 2 * 7 * IMAGES[0].nbytes


def test_a_sample_of_training_images_is_evaluated_without_augmentation(trial, single, eight):
    state = single.init()
    normalised = (IMAGES[SAMPLE] / 255 - MEAN) / STD
    expected = trial.model.apply(unpack(state.variables), normalised, is_training=False)
    program, _ = eight
    for each in (single, program):
        logits = each.evaluate(each.init(), "train")
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_float16_gives_the_same_run_on_eight_devices():
    trial = Trial(VIT.clone(dtype=jax.numpy.float16))
    groups = [range(step, step + 1) for step in range(1, 5)]
    (one, metrics), (eight, same) = (run(compiled(trial, num_devices=n), groups) for n in (1, 8))
    for here, there in zip(metrics, same, strict=True):
        assert here == pytest.approx(there, rel=1e-2)
    assert one.loss_scale is not None and eight.loss_scale is not None
    assert int(one.loss_scale.good_steps) == int(eight.loss_scale.good_steps) == 4


def test_several_steps_are_a_loop_on_a_gpu_and_none_on_a_cpu(trial, single):
    state = jax.eval_shape(trial.init, jax.random.key(0))
    for platform, num_loops in (("cuda", lambda n: n + 1), ("cpu", lambda n: n)):
        loops, of_one = (
            jax.jit(single.take_steps)
            .trace(state, SPLITS["train"], np.zeros((num_steps, 16), np.int32), jax.random.key(0))
            .lower(lowering_platforms=(platform,))
            .as_text()
            .count("stablehlo.while")
            for num_steps in (3, 1)
        )
        assert loops == num_loops(of_one)
