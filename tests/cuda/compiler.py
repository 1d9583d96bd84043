"""Compiles a function for a GPU that is not there; needs JAX's CUDA plugin but no driver."""

import dataclasses
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import jax
from gpus import Gpu
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from jaxcmp.errors import JaxcmpError

PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")
# Both would otherwise be chosen by trying kernels on the device. On a real GPU some of the cuBLAS
# calls become Triton's kernels.
OPTIONS = {"xla_gpu_autotune_level": 0, "xla_gpu_enable_triton_gemm": False}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """An optimised HLO module; `reused_bytes` are results in the memory of donated arguments."""

    text: str
    seconds: float
    temporary_bytes: int
    reused_bytes: int


def why_unavailable() -> str | None:
    """Returns why nothing can be compiled for CUDA here, in one line; None where it can."""
    if any(importlib.util.find_spec(plugin) for plugin in PLUGINS):
        return None
    return "JAX's CUDA plugin is not installed: ./launch/check_cuda makes an environment with it"


def leave_devices_alone() -> None:
    """Keeps JAX from looking for a GPU and from reading compiled programs from a cache."""
    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_compilation_cache", False)


def compile_for(
    gpu: Gpu, function: Callable, arguments: tuple[Any, ...], *, donated: tuple[int, ...] = ()
) -> Compiled:
    """Compiles for `arguments`, a tree of ShapeDtypeStruct.

    Raises JaxcmpError where the compiler refuses.
    """
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
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise JaxcmpError(f"the step does not compile for the {gpu.name}: {reason}") from error
    seconds = time.perf_counter() - start
    # The type allows None, which CUDA's compiler never returns.
    memory: Any = executable.memory_analysis()
    return Compiled(
        text=executable.as_text() or "",
        seconds=seconds,
        temporary_bytes=memory.temp_size_in_bytes,
        reused_bytes=memory.alias_size_in_bytes,
    )
