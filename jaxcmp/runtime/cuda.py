"""NVIDIA's GPUs: what they can do, and what XLA's compiler is asked for them."""

import os
import re
from typing import Any

import jax
import jax.numpy as jnp

GRAPH_FLAG = "xla_gpu_enable_command_buffer"
# With these a GPU runs a whole step as one CUDA graph.
GRAPH_OPTIONS: dict[str, str | bool] = {
    # XLA's own list and convolutions, at which every graph would end otherwise.
    GRAPH_FLAG: "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,"
    "DYNAMIC_SLICE_FUSION,CONVOLUTION",
    # A product with a part of a joined array would be such a fusion, and end the graph from JAX
    # 0.12 on, in spite of the list.
    "xla_gpu_enable_dynamic_slice_fusion": False,
}
# Channels last is the order of tensor cores, which multiply float32 from Ampere on, as TF32. XLA
# chooses it for float32 only from Hopper on; before, it would transpose kernels and activations.
# Older tensor cores take float16 alone, and XLA computes bfloat16 as float32 there.
LAYOUT_OPTIONS: dict[str, str | bool] = {"xla_gpu_force_conv_nhwc": True}
AMPERE = (8, 0)


def compiler_options(platform: str, capability: tuple[int, int] | None) -> dict[str, str | bool]:
    """Returns the options with which a GPU runs a whole step as one CUDA graph, channels last.

    The host then launches a step once, and not kernel by kernel. An option that the environment's
    XLA_FLAGS name is left to them. `platform` is JAX's name, as of a device; other platforms have
    no options. `capability` is the lowest of all GPUs; None without NVIDIA's.
    """
    if platform != "gpu":
        return {}
    has_tensor_floats = capability is not None and capability >= AMPERE
    options = GRAPH_OPTIONS | (LAYOUT_OPTIONS if has_tensor_floats else {})
    flags = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in options.items() if not re.search(rf"--{name}\b", flags)}


def has_channels_first(capability: tuple[int, int] | None, dtype: Any) -> bool:
    """Returns whether GPUs of this capability convolve numbers of this type channels first."""
    return capability is not None and capability < AMPERE and dtype != jnp.float16


def compute_capability() -> tuple[int, int] | None:
    """Returns the lowest compute capability of all processes' GPUs; None without NVIDIA's."""
    found = [getattr(device, "compute_capability", "") for device in jax.devices()]
    return lowest(found)


def lowest(capabilities: list[str]) -> tuple[int, int] | None:
    """Returns the lowest of "9.0" and the like as two numbers; None where one is no such pair."""
    pairs = [re.fullmatch(r"(\d+)\.(\d+)", str(words)) for words in capabilities]
    versions = [(int(pair[1]), int(pair[2])) for pair in pairs if pair]
    return min(versions) if versions and len(versions) == len(pairs) else None
