"""The steps that are compiled are those of training."""

import importlib

import jax
import numpy as np
import pytest
from compiler import described_to_jax
from gpus import GPUS
from steps import make_steps


def steps_of(arm, gpu="H100", precision="bfloat16", **overrides):
    config = importlib.import_module(f"configs.{arm}").get_config()
    config.update_from_flattened_dict(overrides)
    return make_steps(config, precision=precision, gpu=GPUS[gpu])


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_steps_have_the_sizes_of_cifar10(arm):
    steps = steps_of(arm)
    _, (images, labels), indices, _ = steps["train"].arguments
    assert images.shape == (50_000, 32, 32, 3) and images.dtype == np.uint8
    assert labels.shape == (50_000,) and indices.shape == (1, 128)
    _, images = steps["eval"].arguments
    assert images.shape == (1000, 32, 32, 3) and images.dtype == np.uint8


def test_training_maps_the_donated_state_to_one_of_the_same_shapes():
    step = steps_of("vit")["train"]
    with described_to_jax(GPUS["H100"]):
        state, metrics = jax.eval_shape(step.function, *step.arguments)
    before = jax.tree.map(lambda x: (x.shape, x.dtype), step.arguments[0])
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == before
    assert metrics["loss"].shape == ()
    # AdamW keeps two moments of each parameter, all float32.
    assert step.donated == (0,) and step.donated_bytes > 3 * 4 * 5_362_762


@pytest.mark.parametrize(
    ("gpu", "precision", "expected"),
    [
        ("H100", "bfloat16", (512, 3, 3, 512)),
        ("T4", "float32", (512, 512, 3, 3)),
        ("T4", "float16", (512, 3, 3, 512)),
    ],
)
def test_kernels_are_kept_as_the_gpu_reads_them(gpu, precision, expected):
    state = steps_of("resnet", gpu, precision)["train"].arguments[0]
    assert expected in {array.shape for array in state.params.arrays}


def test_several_steps_per_dispatch_are_one_program():
    step = steps_of("resnet", steps_per_dispatch=4)["train"]
    assert step.arguments[2].shape == (4, 128)


@pytest.mark.parametrize(
    ("gpu", "overrides", "is_fused"),
    [("H100", {}, True), ("H100", {"fused_attention": False}, False), ("T4", {}, False)],
)
def test_attention_is_cudnns_where_the_gpu_has_it_and_nobody_objects(gpu, overrides, is_fused):
    model = {"model.depth": 1, "model.width": 64, "model.num_heads": 2, "model.mlp_width": 64}
    step = steps_of("vit", gpu, **model, **overrides)["train"]
    with described_to_jax(GPUS[gpu]):
        traced = jax.jit(step.function).trace(*step.arguments)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert ("fmha" in text) is is_fused
