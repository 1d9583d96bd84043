"""Compiles a function for a GPU that is not there; needs JAX's CUDA plugin but no driver."""

import dataclasses
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import thunks
from gpus import Gpu
from jax._src.cudnn import fused_attention_stablehlo
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from jaxcmp.errors import JaxcmpError
from jaxcmp.runtime import cuda

PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")
# Both would otherwise be chosen by trying kernels on the device. On a real GPU some of the cuBLAS
# calls become Triton's kernels.
OPTIONS = {"xla_gpu_autotune_level": 0, "xla_gpu_enable_triton_gemm": False}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """An optimised HLO module, and the sequence of what the host launches, as XLA writes them.

    `reused_bytes` are results in the memory of donated arguments.
    """

    text: str
    thunks: str
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
    with tempfile.TemporaryDirectory() as dump, described_to_jax(gpu):
        chosen = cuda.compiler_options("gpu", gpu.capability)
        options = OPTIONS | chosen | {"xla_dump_to": dump}
        try:
            traced = jax.jit(function, donate_argnums=donated).trace(*shapes)
            # Lowered for CUDA alone, so that platform_dependent leaves nothing of other platforms.
            lowered = traced.lower(lowering_platforms=("cuda",))
            executable = lowered.compile(compiler_options=options)
        except (jax.errors.JaxRuntimeError, NotImplementedError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise JaxcmpError(f"the step does not compile for the {gpu.name}: {reason}") from error
        launched = thunks.read(Path(dump))
    seconds = time.perf_counter() - start
    # The type allows None, which CUDA's compiler never returns.
    memory: Any = executable.memory_analysis()
    return Compiled(
        text=executable.as_text() or "",
        thunks=launched,
        seconds=seconds,
        temporary_bytes=memory.temp_size_in_bytes,
        reused_bytes=memory.alias_size_in_bytes,
    )


@contextmanager
def described_to_jax(gpu: Gpu) -> Iterator[None]:
    """Answers JAX's questions to the device, which cuDNN's attention asks when it is traced."""
    module: Any = fused_attention_stablehlo
    major, minor = gpu.cudnn

    def of(capability: str) -> tuple[int, ...]:
        return tuple(map(int, capability.split(".")))

    answers = {
        "check_cudnn_version": lambda: 10_000 * major + 100 * minor,
        "check_compute_capability": lambda least: gpu.capability >= of(least),
        "is_cuda_compute_capability_equal": lambda other: gpu.capability == of(other),
    }
    questions = {name: getattr(module, name) for name in answers}
    try:
        for name, answer in answers.items():
            setattr(module, name, answer)
        yield
    finally:
        for name, question in questions.items():
            setattr(module, name, question)
