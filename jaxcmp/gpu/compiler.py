"""Compiles a function for a GPU that is not there; no driver is needed, only JAX's CUDA plugin."""

import dataclasses
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import jax
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from jaxcmp.errors import JaxcmpError
from jaxcmp.gpu.gpus import Gpu

PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")
# Both choices are otherwise made by trying kernels on the device. On one, JAX makes them: there,
# some of the cuBLAS calls become kernels of Triton's.
OPTIONS = {"xla_gpu_autotune_level": 0, "xla_gpu_enable_triton_gemm": False}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A program for one GPU: its text, the seconds from tracing to the end, and bytes of memory.

    `total_bytes` are what has to be on the card at once: arguments, results that do not take an
    argument's place, and temporaries.
    """

    text: str
    seconds: float
    temporary_bytes: int
    total_bytes: int


def why_unavailable() -> str | None:
    """Says in one line why nothing can be compiled for CUDA here; None where it can."""
    if any(importlib.util.find_spec(plugin) for plugin in PLUGINS):
        return None
    return "JAX's CUDA plugin is not installed: ./launch/check_cuda makes an environment with it"


def leave_devices_alone() -> None:
    """Keeps JAX from looking for a GPU, and from answering out of a cache, before its first use."""
    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_compilation_cache", False)


def compile_for(
    gpu: Gpu, function: Callable, arguments: tuple[Any, ...], *, donated: tuple[int, ...] = ()
) -> Compiled:
    """Compiles `function` for arguments of the shapes given: arrays or ShapeDtypeStructs.

    Raises JaxcmpError where the plugin is missing or the compiler refuses.
    """
    if reason := why_unavailable():
        raise JaxcmpError(reason)
    topology = topologies.get_topology_desc(
        "", "cuda", target_config=gpu.target_config, topology="1x1x1"
    )
    sharding = SingleDeviceSharding(topology.devices[0])
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), arguments
    )
    start = time.perf_counter()
    traced = jax.jit(function, donate_argnums=donated).trace(*shapes)
    try:
        # Lowered for CUDA alone, so that platform_dependent leaves nothing of other platforms.
        lowered = traced.lower(lowering_platforms=("cuda",))
        executable = lowered.compile(compiler_options=dict(OPTIONS))
    except (jax.errors.JaxRuntimeError, NotImplementedError) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise JaxcmpError(f"the step does not compile for the {gpu.name}: {words}") from error
    seconds = time.perf_counter() - start
    # The stub allows None, which no CUDA program gives.
    memory: Any = executable.memory_analysis()
    new_results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    temporary = memory.temp_size_in_bytes
    total = memory.argument_size_in_bytes + new_results + temporary
    return Compiled(executable.as_text() or "", seconds, temporary, total)
