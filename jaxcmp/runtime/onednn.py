"""oneDNN, with which XLA convolves bfloat16 on a CPU if it is asked to, from JAX 0.12 on."""

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

OPTION = "xla_cpu_experimental_onednn_custom_call"


def compiler_options() -> dict[str, str | bool]:
    """Returns the options that ask for it; none if the environment's XLA_FLAGS say yes or no."""
    return {} if f"--{OPTION}" in os.environ.get("XLA_FLAGS", "") else {OPTION: True}


def convolves(dtype: Any) -> bool:
    """Returns whether XLA, asked for it, convolves numbers of this type by oneDNN here."""
    return jnp.dtype(dtype) == jnp.bfloat16 and jax.default_backend() == "cpu" and _is_built_in()


@functools.cache
def _is_built_in() -> bool:
    """Compiles a small convolution and looks: the version, the system and the processor decide."""
    shapes = ((1, 4, 4, 8), (3, 3, 8, 8))
    arguments = [jax.ShapeDtypeStruct(shape, jnp.bfloat16) for shape in shapes]
    layout = ("NHWC", "HWIO", "NHWC")
    convolve = functools.partial(
        lax.conv_general_dilated, window_strides=(1, 1), padding="SAME", dimension_numbers=layout
    )
    program = jax.jit(convolve).lower(*arguments).compile(compiler_options())
    return "__onednn$convolution" in str(program.as_text())
