"""oneDNN, with which XLA convolves bfloat16 on a CPU with AMX, if asked to, from JAX 0.12 on."""

import functools
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

OPTION = "xla_cpu_experimental_onednn_custom_call"
# Linux's name of the unit that multiplies bfloat16. Without it oneDNN is slower than XLA, or fails.
AMX = "amx_bf16"
CPU_INFO = Path("/proc/cpuinfo")


def compiler_options() -> dict[str, str | bool]:
    """Returns the options that ask for it; none if the environment's XLA_FLAGS say yes or no."""
    return {} if f"--{OPTION}" in os.environ.get("XLA_FLAGS", "") else {OPTION: True}


def convolves(dtype: Any) -> bool:
    """Returns whether XLA, asked for it, convolves numbers of this type by oneDNN here."""
    is_cpu = jax.default_backend() == "cpu"
    return jnp.dtype(dtype) == jnp.bfloat16 and is_cpu and _has_amx() and _is_built_in()


def _has_amx() -> bool:
    try:
        return AMX in CPU_INFO.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


@functools.cache
def _is_built_in() -> bool:
    """Compiles a small convolution and looks: JAX's version and the system decide."""
    shapes = ((1, 4, 4, 8), (3, 3, 8, 8))
    arguments = [jax.ShapeDtypeStruct(shape, jnp.bfloat16) for shape in shapes]
    layout = ("NHWC", "HWIO", "NHWC")
    convolve = functools.partial(
        lax.conv_general_dilated, window_strides=(1, 1), padding="SAME", dimension_numbers=layout
    )
    program = jax.jit(convolve).lower(*arguments).compile(compiler_options())
    return "__onednn$convolution" in str(program.as_text())
