"""The training and evaluation steps of a configuration, on CIFAR-10's shapes and without data."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from gpus import Gpu

from jaxcmp import models
from jaxcmp.data import Dataset, Split
from jaxcmp.experiment import kernel_order, make_runner, prepare
from jaxcmp.models.packing import unpack
from jaxcmp.runtime import devices
from jaxcmp.settings.configuration import settings_of

NUM_TRAIN, NUM_TEST, IMAGE_SHAPE, NUM_CLASSES = 50_000, 10_000, (32, 32, 3), 10


@dataclasses.dataclass(frozen=True)
class Step:
    """A function, the shapes of its arguments, and which of them it may overwrite."""

    function: Callable
    arguments: tuple[Any, ...]
    donated: tuple[int, ...]

    @property
    def donated_bytes(self) -> int:
        arrays = jax.tree.leaves([self.arguments[index] for index in self.donated])
        return sum(x.size * x.dtype.itemsize for x in arrays)


def make_steps(config: Any, *, precision: str, gpu: Gpu) -> dict[str, Step]:
    """Makes the steps "train", with augmentation and optimizer, and "eval", as a GPU takes them.

    The training step gathers its batch from resident images. Raises CommandError for a
    configuration that does not fit together.
    """
    config = config.copy_and_resolve_references()
    config.compute_dtype = precision
    experiment = prepare(settings_of(config), black_images())
    capability = gpu.capability if experiment.settings.fused_attention else None
    model = models.on_gpu(experiment.model, capability)
    step = dataclasses.replace(
        experiment.step,
        model=model,
        joins_arrays=True,
        kernel_order=kernel_order(model, gpu.capability),
    )
    experiment = dataclasses.replace(experiment, step=step)
    # One device, as on the GPU: images are looked up there, and nowhere else.
    runner = make_runner(experiment, devices.make_mesh(jax.devices()[:1]))
    state, key = jax.eval_shape(runner.init), jax.eval_shape(lambda: jax.random.key(0))
    train = without_devices(runner.data.batch_shapes(runner.steps_per_dispatch))
    images = without_devices(runner.eval_images)
    return {
        "train": Step(runner.take_steps, (state, *train, key), donated=(0,)),
        "eval": Step(runner.predict, (unpack(state.variables), images), donated=()),
    }


def without_devices(shapes: Any) -> Any:
    """Returns shapes that name no device of this machine."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), shapes)


def black_images() -> Dataset:
    """Returns CIFAR-10 by its sizes; no compiled program depends on the pixels."""

    def split(size: int) -> Split:
        images = np.broadcast_to(np.zeros((), np.uint8), (size, *IMAGE_SHAPE))
        return Split(images, np.zeros(size, np.int32), np.arange(size))

    return Dataset(
        name="cifar10",
        version="",
        class_names=tuple(str(label) for label in range(NUM_CLASSES)),
        train=split(NUM_TRAIN),
        validation=None,
        test=split(NUM_TEST),
        mean=np.full(IMAGE_SHAPE[-1], 0.5, np.float32),
        std=np.full(IMAGE_SHAPE[-1], 0.25, np.float32),
    )
