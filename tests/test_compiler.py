"""Compiling for GPUs that are not there."""

import jax
import jax.numpy as jnp
import pytest

from jaxcmp.errors import JaxcmpError
from jaxcmp.gpu import compiler, launches
from jaxcmp.gpu.gpus import GPUS

REASON = compiler.why_unavailable()
needs_plugin = pytest.mark.skipif(REASON is not None, reason=str(REASON))
X = jax.ShapeDtypeStruct((512, 256), jnp.float32)
KERNEL = jax.ShapeDtypeStruct((256, 64), jnp.float32)


@pytest.mark.skipif(REASON is None, reason="the CUDA plugin is installed")
def test_without_the_plugin_one_line_says_what_makes_an_environment_with_it():
    with pytest.raises(JaxcmpError, match="./launch/check_cuda"):
        compiler.compile_for(GPUS["H100"], jnp.tanh, (X,))


@needs_plugin
@pytest.mark.parametrize("name", GPUS)
def test_a_layer_becomes_a_library_call_and_a_kernel(name):
    made = compiler.compile_for(GPUS[name], lambda x, kernel: jnp.tanh(x @ kernel), (X, KERNEL))
    counted = launches.count(made.text)
    assert counted.calls["cuBLAS"] == 1
    assert counted.kernels == 2
    assert made.seconds > 0
    assert made.total_bytes >= made.temporary_bytes + 4 * (512 * 256 + 256 * 64 + 512 * 64)


@needs_plugin
def test_a_donated_argument_takes_no_second_place():
    kept, given = (
        compiler.compile_for(GPUS["H100"], lambda x: x + 1, (X,), donated=donated)
        for donated in ((), (0,))
    )
    assert kept.total_bytes - given.total_bytes == 4 * 512 * 256


@needs_plugin
def test_what_other_platforms_do_leaves_nothing_in_the_program():
    def function(x):
        return jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos)

    text = compiler.compile_for(GPUS["H100"], function, (X,)).text
    assert "cosine" in text and "sine(" not in text.replace("cosine(", "")
    assert "conditional" not in text
