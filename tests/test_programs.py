"""The steps that are compiled are those of training."""

import importlib

import jax
import numpy as np
import pytest

from jaxcmp.gpu import programs


def steps_of(arm, **overrides):
    config = importlib.import_module(f"configs.{arm}").get_config()
    config.update_from_flattened_dict(overrides)
    return programs.steps(config, precision="bfloat16")


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_both_steps_gather_from_resident_images_of_cifar10s_size(arm):
    made = steps_of(arm)
    _, images, labels, indices, _ = made["train"].arguments
    assert images.shape == (50_000, 32, 32, 3) and images.dtype == np.uint8
    assert labels.shape == (50_000,) and indices.shape == (128,)
    _, images, indices = made["eval"].arguments
    assert images.shape == (10_000, 32, 32, 3) and indices.shape == (1000,)
    # The old state's memory becomes the new one's.
    assert made["train"].donated == (0,) and made["eval"].donated == ()


def test_a_step_maps_the_state_to_one_like_it():
    step = steps_of("vit")["train"]
    state, metrics = jax.eval_shape(step.function, *step.arguments)
    before = jax.tree.map(lambda x: (x.shape, x.dtype), step.arguments[0])
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == before
    assert metrics["loss"].shape == ()


def test_flops_are_the_models_own_multiply_adds():
    made = steps_of("vit")
    assert made["train"].flops == 6 * 365_107_584 * 128
    assert made["eval"].flops == 2 * 365_107_584 * 1000


def test_a_given_batch_size_is_that_of_both_and_the_configuration_stays():
    config = importlib.import_module("configs.resnet").get_config()
    made = programs.steps(config, precision="float32", batch_size=512)
    assert made["train"].batch_size == made["eval"].batch_size == 512
    assert config.batch_size == 128


def test_several_steps_per_dispatch_are_one_program():
    step = steps_of("resnet", steps_per_dispatch=4)["train"]
    assert step.arguments[3].shape == (4, 128)
    assert step.flops == 4 * 6 * 555_422_720 * 128
