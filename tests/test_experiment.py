"""The experiment that a configuration describes."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest
import sample_data
from msgspec.structs import replace
from small_configs import small

from jaxcmp import data, experiment, models
from jaxcmp.data.placement import Placement
from jaxcmp.errors import CommandError
from jaxcmp.models.packing import unpack
from jaxcmp.runtime import cuda, devices
from jaxcmp.step import predict_logits


def compiled(config, mesh):
    runner = experiment.make_runner(experiment.prepare(config), mesh)
    runner.compile()
    return runner


def steps_of(prepared):
    """Returns the training step and the evaluation of a batch, each with its arguments."""
    key = jax.random.key(0)
    state = jax.eval_shape(prepared.init, key)
    train, test = prepared.dataset.train, prepared.dataset.test
    predict = partial(
        predict_logits, prepared.model, mean=prepared.dataset.mean, std=prepared.dataset.std
    )
    return {
        prepared.step: (state, train.images[:32], train.labels[:32], key),
        predict: (unpack(state.variables), test.images[:32]),
    }


def test_only_float16_scales_its_loss():
    for dtype, is_scaling in (("float32", False), ("bfloat16", False), ("float16", True)):
        prepared = experiment.prepare(small("vit", compute_dtype=dtype))
        state, *_ = steps_of(prepared)[prepared.step]
        assert (state.loss_scale is not None) == is_scaling


def test_a_dispatch_has_no_more_steps_than_fit_between_two_logs():
    for every_steps, expected in ((0, 5), (3, 3), (100, 5)):
        config = small(
            "resnet",
            **{"steps_per_dispatch": 64, "batch_size": 256, "log.every_steps": every_steps},
        )
        mesh = devices.make_mesh(jax.devices()[:1])
        runner = compiled(config, mesh)
        assert runner.steps_per_dispatch == expected


@pytest.mark.parametrize(
    ("platform", "overrides", "expected"),
    [
        ("cpu", {}, 1),
        # An epoch has 44 steps; 10 would leave steps over, and so does any number from 5 to 9.
        ("gpu", {"log.every_steps": 0}, 10),
        ("gpu", {"log.every_steps": 22}, 10),
        ("gpu", {"log.every_steps": 4}, 4),
        ("gpu", {"batch_size": 256, "log.every_steps": 0}, 5),
    ],
)
def test_without_a_number_a_gpu_takes_several_steps_at_once(platform, overrides, expected):
    prepared = experiment.prepare(small("vit", **overrides))
    assert experiment.default_steps(prepared, platform, num_devices=1) == expected


def test_streamed_images_and_large_steps_are_dispatched_one_by_one():
    prepared = experiment.prepare(small("vit", **{"log.every_steps": 0}))
    streamed = dataclasses.replace(
        prepared, dataset=dataclasses.replace(prepared.dataset, placement=Placement(True, "large"))
    )
    assert experiment.default_steps(prepared, "gpu", num_devices=1) > 1
    assert experiment.default_steps(streamed, "gpu", num_devices=1) == 1
    # As large a batch as makes a step of twice the operations.
    batch_size = 2 * experiment.LARGE_STEP // prepared.training_flops(1)
    settings = replace(prepared.settings, batch_size=int(batch_size))
    large = dataclasses.replace(prepared, settings=settings)
    assert experiment.default_steps(large, "gpu", num_devices=1) == 1
    # Eight devices share it.
    assert experiment.default_steps(large, "gpu", num_devices=8) > 1


def test_a_given_data_set_replaces_the_configured_one():
    given = sample_data.load(train_fraction=0.1, validation_fraction=0.2, seed=3)
    prepared = experiment.prepare(small("vit", **{"data.name": "cifar10"}), given)
    assert prepared.dataset.train is given.train and prepared.dataset.test is given.test
    assert prepared.clock.steps_per_epoch == len(given.train.labels) // 32


@pytest.mark.parametrize("arm", ["vit", "resnet"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_both_steps_are_programs_for_cuda_too(arm, dtype):
    prepared = experiment.prepare(small(arm, compute_dtype=dtype))
    for step, arguments in steps_of(prepared).items():
        lowered = jax.jit(step).trace(*arguments).lower(lowering_platforms=("cuda",))
        text = lowered.as_text()
        assert "f64" not in text
        # Nothing is handed to the host in the middle of a step.
        assert "callback" not in text and "infeed" not in text and "outfeed" not in text


def traced(prepared):
    """Returns the text of both steps, operation by operation."""
    steps = steps_of(prepared).items()
    return tuple(str(jax.make_jaxpr(step)(*arguments)) for step, arguments in steps)


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_images_of_another_size_are_resized_to_the_models(arm):
    own, larger = (experiment.prepare(small(arm, **{"model.image_size": size})) for size in (8, 12))
    # On the device, so what is sent there is as small as before.
    assert larger.dataset.train.images.shape[1:] == (8, 8, 1)
    assert ["_resize" in text for text in traced(own)] == [False, False]
    assert ["_resize" in text for text in traced(larger)] == [True, True]
    assert own.notes() == [own.dataset.placement.reason]
    assert larger.notes()[1:] == ["images of 8x8 pixels are resized to 12x12 on the device"]
    assert larger.describe_data()["image_size"] == [8, 8]
    # What is counted is what the model sees.
    assert larger.training_flops(1) > 2 * own.training_flops(1)


def test_oblong_images_are_resized_to_the_models_square():
    given = sample_data.load()
    cut = {
        name: data.Split(np.asarray(split.images)[:, :6], split.labels, split.ids)
        for name, split in given.splits().items()
    }
    prepared = experiment.prepare(small("vit"), dataclasses.replace(given, **cut))
    assert prepared.notes()[1:] == ["images of 6x8 pixels are resized to 8x8 on the device"]
    assert all("_resize" in text for text in traced(prepared))


def test_with_a_frozen_trunk_optimizer_and_cost_cover_only_the_head():
    whole, frozen = (
        experiment.prepare(small("resnet", frozen_trunk=each)) for each in (False, True)
    )
    states = [jax.eval_shape(each.init, jax.random.key(0)) for each in (whole, frozen)]
    sizes = [len(jax.tree.leaves(state.opt_state)) for state in states]
    # Momentum of every array, and that of the head's kernel and bias.
    assert sizes == [len(jax.tree.leaves(states[0].params)), 2]
    counts = whole.model.multiply_adds(1)
    total = sum(counts.values())
    assert whole.training_flops(7) == 6 * total * 7
    assert frozen.training_flops(7) == 2 * (total + 2 * counts["head"]) * 7


@pytest.mark.parametrize(
    ("key", "value"),
    [("checkpoint", "best"), ("allow_missing", "stem/*"), ("allow_unused", "conv1.*")],
)
def test_options_of_pretrained_weights_need_a_path(key, value):
    config = small("vit", **{f"init.{key}": value})
    with pytest.raises(CommandError, match=rf"init\.{key}='.*' needs init\.path"):
        experiment.read_weights(config)


def test_without_a_path_no_weights_are_read():
    assert experiment.read_weights(small("vit", **{"init.seen": "ImageNet-21k"})) is None


@pytest.mark.parametrize(
    ("num_devices", "dtype", "wanted", "is_fused"),
    [
        (1, "bfloat16", True, True),
        (1, "bfloat16", False, False),
        (1, "float32", True, False),
        # JAX divides the images of cuDNN's kernel among GPUs, and not the numbers of tokens.
        (2, "bfloat16", True, False),
    ],
)
def test_attention_is_cudnns_on_one_new_gpu_in_16_bits(
    monkeypatch, num_devices, dtype, wanted, is_fused
):
    monkeypatch.setattr(jax, "device_count", lambda: num_devices)
    monkeypatch.setattr(cuda, "compute_capability", lambda: (9, 0))
    config = small("vit", compute_dtype=dtype, fused_attention=wanted)
    model = experiment.prepare(config).model
    assert isinstance(model, models.ViT) and model.has_fused_attention == is_fused
