"""Compiler options for GPUs, and their compute capability."""

import jax
import jax.numpy as jnp
import pytest

from jaxcmp.runtime import cuda


def test_a_gpu_takes_convolutions_into_its_graphs_and_a_cpu_gets_no_options():
    options = cuda.compiler_options("gpu", (7, 5))
    commands = options["xla_gpu_enable_command_buffer"]
    assert {"CONVOLUTION", "FUSION", "CUBLAS", "CUDNN"} <= set(str(commands).split(","))
    assert cuda.compiler_options("cpu", None) == {}


@pytest.mark.parametrize(
    ("capability", "is_forced"),
    [((9, 0), True), ((8, 0), True), ((7, 5), False), (None, False)],
)
def test_convolutions_have_channels_last_where_tensor_cores_multiply_float32(
    capability, is_forced, monkeypatch
):
    name = "xla_gpu_force_conv_nhwc"
    assert cuda.compiler_options("gpu", capability).get(name, False) == is_forced
    assert name not in cuda.compiler_options("cpu", capability)
    monkeypatch.setenv("XLA_FLAGS", f"--{name}=false")
    assert name not in cuda.compiler_options("gpu", capability)


@pytest.mark.parametrize(
    ("capability", "dtype", "is_first"),
    [
        ((7, 5), jnp.float32, True),
        ((7, 5), jnp.bfloat16, True),
        ((7, 5), jnp.float16, False),
        ((8, 0), jnp.float32, False),
        (None, jnp.float32, False),
    ],
)
def test_channels_come_first_on_gpus_without_tensor_cores_for_the_type(capability, dtype, is_first):
    assert cuda.has_channels_first(capability, dtype) is is_first


@pytest.mark.parametrize(
    "flags",
    [
        "--xla_gpu_enable_command_buffer=",
        "--xla_dump_to=/tmp/x --xla_gpu_enable_command_buffer=FUSION",
    ],
)
def test_xla_flags_win(flags, monkeypatch):
    others = {"xla_gpu_enable_dynamic_slice_fusion": False}
    monkeypatch.setenv("XLA_FLAGS", flags)
    assert cuda.compiler_options("gpu", (7, 5)) == others
    monkeypatch.setenv("XLA_FLAGS", f"{flags} --xla_gpu_enable_dynamic_slice_fusion=true")
    assert cuda.compiler_options("gpu", (7, 5)) == {}


def test_other_flags_change_nothing(monkeypatch):
    plain = cuda.compiler_options("gpu", (7, 5))
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_command_buffers_during_profiling=true")
    assert cuda.compiler_options("gpu", (7, 5)) == plain != {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["9.0"], (9, 0)),
        (["9.0", "7.5", "12.0"], (7, 5)),
        (["10.0", "9.0"], (9, 0)),
        (["gfx942"], None),
        (["9.0", ""], None),
        ([], None),
    ],
)
def test_the_least_capable_of_all_gpus_counts(words, expected):
    assert cuda.lowest(words) == expected


def test_a_cpu_has_no_compute_capability():
    assert jax.default_backend() == "cpu" and cuda.compute_capability() is None
