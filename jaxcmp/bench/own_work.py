"""Our side of a comparison: the parts of the real step, compiled for what both sides are given."""

from functools import partial
from typing import Any

import jax
import numpy as np
import optax
from jax import Array

from jaxcmp import devices, models
from jaxcmp.bench.timing import Call, Work
from jaxcmp.bench.workload import made_batch, raw_batch, synthetic
from jaxcmp.experiment import Config, Experiment, prepare
from jaxcmp.optim import make_optimizer
from jaxcmp.step import make_train_step


def make_work(task: str, config: Config) -> Work:
    """`task` is one of peer.TASKS."""
    experiment = prepare(config, synthetic(config))
    if task == "augmentation":
        return augmentation(experiment, config)
    state = jax.jit(experiment.init)(jax.random.key(config.seed))
    parameters = sum(models.count_parameters(state.params).values())
    make = training if task == "training" else evaluation
    call, num_images = make(experiment, config, state)
    return described(call, num_images, parameters=parameters)


def described(call: Call, num_images: int, **more: int) -> Work:
    device = "cuda" if jax.default_backend() == "gpu" else jax.default_backend()
    description = {"num_images": num_images, "how": "jit", "device": device, **more}
    return Work(call, jax.block_until_ready, description)


def training(experiment: Experiment, config: Config, state: Any) -> tuple[Call, int]:
    """The step from normalised images and targets to new weights, whose images are given."""
    step = make_train_step(
        experiment.model,
        make_optimizer(**config.optimizer),
        optax.constant_schedule(config.schedule.peak_learning_rate),
        augment=lambda key, images, targets, is_mixing: (images, targets),
        mixing_steps=0,
        label_smoothing=config.label_smoothing,
        accumulation=1,
        average_decay=0.0,
        steps_per_epoch=experiment.clock.steps_per_epoch,
    )
    mesh = devices.make_mesh()
    everywhere, split_up = devices.replicated(mesh), devices.sharded(mesh)
    batch = [devices.place(x, split_up) for x in made_batch(config, config.batch_size)]
    state = jax.device_put(state, everywhere)
    key = devices.place(jax.random.key(0), everywhere)
    indices = devices.place(np.zeros(config.batch_size, np.int32), split_up)
    # The batch is all there is: nothing is looked up.
    step = partial(step, take=lambda rows, indices: rows)
    jitted = jax.jit(step, donate_argnums=0, out_shardings=everywhere)
    compiled = jitted.lower(state, *batch, indices, key).compile()

    def call() -> Any:
        nonlocal state
        state, metrics = compiled(state, *batch, indices, key)
        return state, metrics

    return call, config.batch_size


def evaluation(experiment: Experiment, config: Config, state: Any) -> tuple[Call, int]:
    """The forward pass from normalised images to logits."""

    def forward(variables: Any, images: Array) -> Any:
        return experiment.model.apply(variables, images, is_training=False)

    mesh = devices.make_mesh()
    everywhere, split_up = devices.replicated(mesh), devices.sharded(mesh)
    size = -(-config.eval_batch_size // mesh.size) * mesh.size
    images = devices.place(made_batch(config, size)[0], split_up)
    variables = jax.device_put(state.variables, everywhere)
    compiled = jax.jit(forward, out_shardings=everywhere).lower(variables, images).compile()
    return partial(compiled, variables, images), size


def augmentation(experiment: Experiment, config: Config) -> Work:
    """The whole augmentation of one batch of uint8 images, with another key each time."""
    images, labels = (jax.numpy.asarray(x) for x in raw_batch(config))

    def augment(key: Array, images: Array, labels: Array, is_mixing: Array) -> Any:
        next_key, key = jax.random.split(key)
        return next_key, experiment.augment(key, images, labels, is_mixing)

    key, is_mixing = jax.random.key(0), jax.numpy.asarray(True)
    compiled = jax.jit(augment).lower(key, images, labels, is_mixing).compile()

    def call() -> Any:
        nonlocal key
        key, batch = compiled(key, images, labels, is_mixing)
        return batch

    return described(call, config.batch_size)
