"""What a run costs: parameters, multiply-adds, seconds and memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcmp import host_memory, models


def sizes(model: models.ViT | models.ResNet, params: Any, *, num_channels: int) -> dict[str, Any]:
    """Parameters and one image's forward multiply-adds, by component and in all."""
    parameters = models.count_parameters(params)
    multiply_adds = model.multiply_adds(num_channels)
    return {
        "parameters": {"total": sum(parameters.values()), "components": parameters},
        "multiply_adds": {"total": sum(multiply_adds.values()), "components": multiply_adds},
    }


def training_flops(multiply_adds: int, num_images: int, *, trained: int | None = None) -> int:
    """Two operations a multiply-add; a backward pass is taken as two forward passes.

    Where only a part of the model is trained, `trained` are the multiply-adds of that part, as no
    backward pass goes through the others.
    """
    backward = 2 * (multiply_adds if trained is None else trained)
    return 2 * (multiply_adds + backward) * num_images


def speed(metrics: Sequence[Mapping[str, Any]], *, batch_size: int) -> dict[str, Any]:
    """Seconds and images/s of the whole run, whatever stopped it in between, from its records.

    A record of kind "train" is one sample of a step's seconds. What was not recorded is None.
    """
    rates = [r["images_per_second"] for r in metrics if r["kind"] == "train"]
    samples = [batch_size / rate for rate in rates]
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
    """The most bytes held so far: on the fullest device (None on a CPU), and on the host."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]
    return {"device_bytes": max(peaks, default=None), "host_bytes": host_memory.peak_bytes()}
