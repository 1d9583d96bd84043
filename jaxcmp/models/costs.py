"""The costs of a run: parameters, multiply-adds, seconds and memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcmp import models
from jaxcmp.runtime import host_memory


def sizes(model: models.Model, params: Any, *, num_channels: int) -> dict[str, Any]:
    """Counts parameters and the multiply-adds of one forward pass, in total and by component."""
    parameters = models.count_parameters(params)
    multiply_adds = model.multiply_adds(num_channels)
    return {
        "parameters": {"total": sum(parameters.values()), "components": parameters},
        "multiply_adds": {"total": sum(multiply_adds.values()), "components": multiply_adds},
    }


def training_flops(
    multiply_adds: Mapping[str, int], num_images: int, *, is_trunk_frozen: bool = False
) -> int:
    """Counts two operations for each multiply-add, and a backward pass as two forward passes.

    `multiply_adds` are by component. Of a frozen trunk, the backward pass runs through the head
    alone.
    """
    forward = sum(multiply_adds.values())
    trained = multiply_adds["head"] if is_trunk_frozen else forward
    return 2 * (forward + 2 * trained) * num_images


def speed(metrics: Sequence[Mapping[str, Any]], *, batch_size: int) -> dict[str, Any]:
    """Returns seconds and images/s of a whole run, of all its sessions, from its metrics.

    Each record of kind "train" is one sample of the seconds per step. A value is None without a
    record to take it from.
    """
    samples = [batch_size / r["images_per_second"] for r in metrics if r["kind"] == "train"]
    median, p95 = np.percentile(samples, [50, 95]).tolist() if samples else (None, None)
    epochs = [r for r in metrics if r["kind"] == "epoch"]
    seconds = sum(r["seconds"] for r in epochs)
    images = sum(r["seconds"] * r["images_per_second"] for r in epochs)
    return {
        "step_seconds": {"median": median, "p95": p95, "num_samples": len(samples)},
        "train_seconds": seconds if epochs else None,
        "images_per_second": images / seconds if epochs else None,
    }


def peak_memory() -> dict[str, int | None]:
    """Returns the peak bytes on the fullest device (None on a CPU) and on the host."""
    all_stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [stats["peak_bytes_in_use"] for stats in all_stats if "peak_bytes_in_use" in stats]
    return {"device_bytes": max(peaks, default=None), "host_bytes": host_memory.peak_bytes()}
