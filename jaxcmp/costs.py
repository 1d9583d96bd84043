"""What a run costs: parameters, multiply-adds, seconds and memory."""

import resource
import sys
from typing import Any

import jax

from jaxcmp import models


def sizes(model: models.ViT | models.ResNet, params: Any, *, num_channels: int) -> dict[str, Any]:
    """Parameters and one image's forward multiply-adds, by component and in all."""
    parameters = models.count_parameters(params)
    multiply_adds = model.multiply_adds(num_channels)
    return {
        "parameters": {"total": sum(parameters.values()), "components": parameters},
        "multiply_adds": {"total": sum(multiply_adds.values()), "components": multiply_adds},
    }


def training_flops(multiply_adds: int, num_images: int) -> int:
    """Two operations a multiply-add; a backward pass is taken as two forward passes."""
    return 2 * 3 * multiply_adds * num_images


def peak_memory() -> dict[str, int | None]:
    """The most bytes held so far: on the fullest device (None on a CPU), and on the host."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]
    # The kernel counts in KiB, on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"device_bytes": max(peaks, default=None), "host_bytes": host}
