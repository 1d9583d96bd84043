"""NVIDIA's GPUs: what they can do, and what XLA's compiler is asked for them."""

import os
import re

import jax

# XLA's own list and convolutions, at which every CUDA graph would end otherwise.
GRAPH_COMMANDS = (
    "FUSION",
    "CUBLAS",
    "CUBLASLT",
    "CUDNN",
    "CUSTOM_CALL",
    "CONDITIONAL",
    "DYNAMIC_SLICE_FUSION",
    "CONVOLUTION",
)
GRAPH_FLAG = "xla_gpu_enable_command_buffer"


def compiler_options(platform: str, xla_flags: str | None = None) -> dict[str, str | bool]:
    """Returns the options with which a GPU runs a whole step as one CUDA graph.

    The host then launches a step once, and not kernel by kernel. `xla_flags` are by default the
    environment's XLA_FLAGS: where they say which commands a graph takes, they win. `platform` is
    JAX's name, as of a device; other platforms have no options.
    """
    flags = os.environ.get("XLA_FLAGS", "") if xla_flags is None else xla_flags
    if platform != "gpu" or re.search(rf"--{GRAPH_FLAG}\b", flags):
        return {}
    return {GRAPH_FLAG: ",".join(GRAPH_COMMANDS)}


def compute_capability() -> tuple[int, int] | None:
    """Returns the lowest compute capability of all processes' GPUs; None without NVIDIA's."""
    found = [getattr(device, "compute_capability", "") for device in jax.devices()]
    return lowest(found)


def lowest(capabilities: list[str]) -> tuple[int, int] | None:
    """Returns the lowest of "9.0" and the like as two numbers; None where one is no such pair."""
    pairs = [re.fullmatch(r"(\d+)\.(\d+)", str(words)) for words in capabilities]
    versions = [(int(pair[1]), int(pair[2])) for pair in pairs if pair]
    return min(versions) if versions and len(versions) == len(pairs) else None
