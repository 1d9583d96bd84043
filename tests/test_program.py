"""The compiled functions of a run: the same run on one device or eight, in one dispatch or many."""

import gc

import jax
import numpy as np
import pytest
from trials import IMAGES, INDICES, LABELS, MEAN, MIXED, RESNET, STD, VIT, Trial, assert_same

from jaxcmp import devices
from jaxcmp.evaluate import make_eval_step
from jaxcmp.program import compile_program
from jaxcmp.step import several_steps

SPLITS = {"train": (IMAGES[:61], LABELS[:61]), "test": (IMAGES[:21], LABELS[:21])}


def compiled(trial, num_devices=1, steps_per_dispatch=1):
    return compile_program(
        trial.init,
        trial.pure_step,
        make_eval_step(trial.model, mean=MEAN, std=STD),
        SPLITS,
        devices.make_mesh(jax.devices()[:num_devices]),
        seed=3,
        batch_size=16,
        eval_batch_size=10,
        steps_per_dispatch=steps_per_dispatch,
    )


def run(program, groups):
    """The state after groups of steps, and the last metrics of each."""
    state, history = program.init(), []
    for steps in groups:
        state, metrics = program.train_steps(state, steps)
        history.append({name: float(value) for name, value in metrics.items()})
    return state, history


def images_on_all_devices():
    """Every array of images that all devices hold, in parts or as copies."""
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
    """The program for eight devices, and the bytes of images that it put on them."""
    before = images_on_all_devices()
    program = compiled(trial, num_devices=8)
    new = [x for x in images_on_all_devices() if not any(x is other for other in before)]
    return program, sum(shard.data.nbytes for x in new for shard in x.addressable_shards)


def test_steps_taken_together_end_where_single_steps_end(trial, single):
    state, metrics = run(single, [range(step, step + 1) for step in range(1, 8)])
    groups = [range(1, 4), range(4, 7), range(7, 8)]
    together, last = run(compiled(trial, steps_per_dispatch=3), groups)
    assert int(together.step) == int(state.step) == 7
    # The compiler may round otherwise where it sees several steps at once.
    assert_same(state, together, atol=1e-6)
    for here, there in zip(last, [metrics[2], metrics[5], metrics[6]], strict=True):
        assert here == pytest.approx(there, rel=1e-6)


def test_a_step_is_a_group_of_one(single):
    state, metrics = single.train_step(single.init(), 1)
    alone, same = run(single, [range(1, 2)])
    assert_same(state, alone)
    assert float(metrics["loss"]) == same[0]["loss"]


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


def test_eight_devices_hold_the_data_once_between_them(eight):
    _, num_bytes = eight
    data = sum(images.nbytes for images, _ in SPLITS.values())
    # Equal parts for eight devices need a few rows of zeros.
    assert data <= num_bytes <= data + 2 * 7 * IMAGES[0].nbytes


def test_float16_gives_the_same_run_on_eight_devices():
    trial = Trial(VIT.clone(dtype=jax.numpy.float16))
    groups = [range(step, step + 1) for step in range(1, 5)]
    (one, metrics), (eight, same) = (run(compiled(trial, n), groups) for n in (1, 8))
    for here, there in zip(metrics, same, strict=True):
        assert here == pytest.approx(there, rel=1e-2)
    assert one.loss_scale is not None and eight.loss_scale is not None
    assert int(one.loss_scale.good_steps) == int(eight.loss_scale.good_steps) == 4


def test_several_steps_are_a_loop_on_a_gpu_and_none_on_a_cpu(trial):
    state = jax.eval_shape(trial.init, jax.random.key(0))
    arguments = (state, IMAGES, LABELS, np.zeros((3, 16), np.int32), jax.random.key(0))
    several = jax.jit(several_steps(trial.pure_step)).trace(*arguments)
    once = trial.step.trace(state, IMAGES, LABELS, INDICES, jax.random.key(0))
    for platform, num_loops in (("cuda", lambda n: n + 1), ("cpu", lambda n: n)):
        loops, of_one = (
            traced.lower(lowering_platforms=(platform,)).as_text().count("stablehlo.while")
            for traced in (several, once)
        )
        assert loops == num_loops(of_one)
