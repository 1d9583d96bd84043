"""The steps of a configuration as they run in training, on the shapes of CIFAR-10 and no data."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxcmp.data import Dataset, Split
from jaxcmp.experiment import Config, prepare
from jaxcmp.step import several_steps

NUM_TRAIN, NUM_TEST, IMAGE_SHAPE, NUM_CLASSES = 50_000, 10_000, (32, 32, 3), 10


@dataclasses.dataclass(frozen=True)
class Step:
    """A function, the shapes of its arguments, and the exact FLOPs of the model in it.

    `flops` are two for each multiply-add of the model, and a backward pass as two forward passes;
    augmentation, norms, activations and the optimizer do not count.
    """

    function: Callable
    arguments: tuple[Any, ...]
    donated: tuple[int, ...]
    batch_size: int
    flops: int


def steps(config: Config, *, precision: str, batch_size: int | None = None) -> dict[str, Step]:
    """The training step, `train`, with augmentation and optimizer, and the evaluation's, `eval`.

    Both gather their batches from resident images. A batch size given is the one of both; otherwise
    they are the configuration's. Raises CommandError for a configuration that cannot be.
    """
    config = config.copy_and_resolve_references()
    config.compute_dtype = precision
    if batch_size is not None:
        config.batch_size = config.eval_batch_size = batch_size
    experiment = prepare(config, stand_in())
    multiply_adds = sum(experiment.model.multiply_adds(IMAGE_SHAPE[-1]).values())
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(experiment.init, key)
    dataset, num_steps = experiment.dataset, config.steps_per_dispatch
    train_step, shape = experiment.train_step, (config.batch_size,)
    if num_steps > 1:
        train_step, shape = several_steps(train_step), (num_steps, *shape)
    indices = jax.ShapeDtypeStruct(shape, np.int32)
    eval_indices = jax.ShapeDtypeStruct((config.eval_batch_size,), np.int32)
    train_images, train_labels = dataset.train.images, dataset.train.labels
    return {
        "train": Step(
            train_step,
            (state, train_images, train_labels, indices, key),
            (0,),
            config.batch_size,
            num_steps * experiment.training_flops(config.batch_size),
        ),
        "eval": Step(
            experiment.eval_step,
            (state.variables, dataset.test.images, eval_indices),
            (),
            config.eval_batch_size,
            2 * multiply_adds * config.eval_batch_size,
        ),
    }


def stand_in() -> Dataset:
    """CIFAR-10 by its sizes alone: all images are black, which no compiled program can tell."""

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
