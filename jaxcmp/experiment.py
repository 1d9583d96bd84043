"""What a configuration stands for: its data, its model and its compiled functions, checked."""

import dataclasses
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxcmp import data, devices, models
from jaxcmp.augment import make_augment
from jaxcmp.clock import Clock
from jaxcmp.data import Dataset, Split
from jaxcmp.data.order import batch_indices
from jaxcmp.errors import CommandError
from jaxcmp.evaluate import make_eval_step, predict_logits
from jaxcmp.optim import make_optimizer, make_schedule
from jaxcmp.step import Metrics, TrainState, init_state, make_train_step

# An ml_collections ConfigDict, whose keys type checkers do not know.
Config = Any

COMPUTE_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The pure parts of a run, made from its configuration; nothing is compiled or written yet."""

    dataset: Dataset
    model: models.ViT | models.ResNet
    clock: Clock
    augment: Callable[..., tuple[Array, Array]]
    init: Callable[[Array], TrainState]
    train_step: Callable[..., tuple[TrainState, Metrics]]
    eval_step: Callable[..., Array]

    def evaluated_splits(self) -> list[tuple[str, Split]]:
        """The test split, and the held-out one where there is one."""
        return [(name, split) for name, split in _splits(self.dataset) if name != "train"]

    def describe_data(self) -> dict[str, Any]:
        """Which images these are, and how a restored model has to see others."""
        dataset = self.dataset
        sizes = {name: len(split.labels) for name, split in _splits(dataset)}
        return {
            "name": dataset.name,
            "version": dataset.version,
            "class_names": list(dataset.class_names),
            "num_train": sizes["train"],
            "num_validation": sizes.get("validation", 0),
            "num_test": sizes["test"],
            "mean": dataset.mean.tolist(),
            "std": dataset.std.tolist(),
        }


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions of a run, with its data on the devices; `init` makes a fresh state.

    `train_step` maps (state, step) to (state, metrics) and gives the old state's memory away;
    `evaluate` maps (state, name of a split) to logits float32 [n, classes] on the host.
    """

    init: Callable[[], TrainState]
    train_step: Callable[[TrainState, int], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, str], np.ndarray]
    compile_seconds: dict[str, float]
    temporary_bytes: int | None


def prepare(config: Config) -> Experiment:
    """Raises CommandError where the parts of the configuration do not fit together."""
    if config.compute_dtype not in COMPUTE_DTYPES:
        raise CommandError(
            f"compute_dtype={config.compute_dtype!r} must be one of {', '.join(COMPUTE_DTYPES)}"
        )
    _check_ranges(config)
    model = models.build(**config.model, dtype=COMPUTE_DTYPES[config.compute_dtype])
    optimizer = make_optimizer(**config.optimizer)
    devices.check_batch_size(
        config.batch_size, num_devices=jax.device_count(), accumulation=config.accumulation
    )
    options = dict(config.data)
    dataset = data.load(data_dir=options.pop("dir"), **options, seed=config.seed)
    _check_data(dataset, model)
    clock = Clock.of(
        len(dataset.train.labels), batch_size=config.batch_size, num_epochs=config.num_epochs
    )
    schedule = make_schedule(
        peak_learning_rate=config.schedule.peak_learning_rate,
        warmup_steps=round(config.schedule.warmup_epochs * clock.steps_per_epoch),
        total_steps=clock.total_steps,
    )
    options = dict(config.augment)
    mixing_epochs = options.pop("mixing_epochs") or config.num_epochs
    augment = make_augment(
        num_classes=model.num_classes, mean=dataset.mean, std=dataset.std, **options
    )
    train_step = make_train_step(
        model,
        optimizer,
        schedule,
        augment,
        mixing_steps=mixing_epochs * clock.steps_per_epoch,
        label_smoothing=config.label_smoothing,
        accumulation=config.accumulation,
        average_decay=config.average_decay,
        steps_per_epoch=clock.steps_per_epoch,
    )
    init = partial(
        init_state,
        model=model,
        optimizer=optimizer,
        image_shape=dataset.train.images.shape[1:],
        is_averaging=config.average_decay > 0,
    )
    eval_step = make_eval_step(model, mean=dataset.mean, std=dataset.std)
    return Experiment(dataset, model, clock, augment, init, train_step, eval_step)


def compile_program(experiment: Experiment, mesh: Mesh, config: Config) -> Program:
    """Puts the data on the devices and compiles the steps for them."""
    everywhere, split_up = devices.replicated(mesh), devices.sharded(mesh)
    init_key, train_key = jax.random.split(jax.random.key(config.seed))
    init_key, train_key = (devices.place(key, everywhere) for key in (init_key, train_key))
    init = jax.jit(experiment.init, out_shardings=everywhere)
    state = jax.eval_shape(init, init_key)
    state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), state
    )
    splits = {name: _on_devices(split, mesh) for name, split in _splits(experiment.dataset)}
    num_train = len(experiment.dataset.train.labels)

    def order(step: int) -> Array:
        indices = batch_indices(
            config.seed, step, num_examples=num_train, batch_size=config.batch_size
        )
        return devices.place(indices, split_up)

    start = time.perf_counter()
    train_step = jax.jit(experiment.train_step, donate_argnums=0, out_shardings=everywhere)
    compiled = train_step.lower(state, *splits["train"], order(1), train_key).compile()
    train_seconds = time.perf_counter() - start

    # As many as asked for, in equal parts for the devices, and no more than there are examples.
    num_devices = mesh.size
    largest = max(len(labels) for name, (_, labels) in splits.items() if name != "train")
    eval_batch = -(-min(config.eval_batch_size, largest) // num_devices) * num_devices
    jitted = jax.jit(experiment.eval_step, out_shardings=everywhere)
    padding = devices.place(np.zeros(eval_batch, np.int32), split_up)
    start = time.perf_counter()
    eval_steps = {
        name: jitted.lower(state.variables, images, padding).compile()
        for name, (images, _) in splits.items()
        if name != "train"
    }
    eval_seconds = time.perf_counter() - start

    def evaluate(state: TrainState, name: str) -> np.ndarray:
        images, labels = splits[name]

        def eval_batch_step(indices: np.ndarray) -> Array:
            return eval_steps[name](state.variables, images, devices.place(indices, split_up))

        return predict_logits(eval_batch_step, num_examples=len(labels), batch_size=eval_batch)

    memory = compiled.memory_analysis()
    return Program(
        init=lambda: init(init_key),
        train_step=lambda state, step: compiled(state, *splits["train"], order(step), train_key),
        evaluate=evaluate,
        compile_seconds={"train_step": train_seconds, "eval_step": eval_seconds},
        temporary_bytes=getattr(memory, "temp_size_in_bytes", None),
    )


def _splits(dataset: Dataset) -> list[tuple[str, Split]]:
    named = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return [(name, split) for name, split in named.items() if split is not None]


def _on_devices(split: Split, mesh: Mesh) -> tuple[Array, Array]:
    everywhere = devices.replicated(mesh)
    return devices.place(split.images, everywhere), devices.place(split.labels, everywhere)


def _check_ranges(config: Config) -> None:
    # Beyond, different seeds would give the same key.
    if not 0 <= config.seed < 2**32:
        raise CommandError(f"seed={config.seed} must be at least 0 and below 2**32")
    if not 0 <= config.schedule.warmup_epochs <= config.num_epochs:
        raise CommandError(
            f"schedule.warmup_epochs={config.schedule.warmup_epochs} must be at least 0 and less "
            f"than num_epochs={config.num_epochs}"
        )
    for name in ("every_epochs", "keep_every_epochs"):
        if config.checkpoint[name] < 0:
            raise CommandError(f"checkpoint.{name}={config.checkpoint[name]} must be at least 0")
    if config.log.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise CommandError("log.tensorboard needs tensorboardX: pip install 'jaxcmp[tensorboard]'")
    for name in ("label_smoothing", "average_decay"):
        if not 0 <= config[name] < 1:
            raise CommandError(f"{name}={config[name]} must be at least 0 and below 1")
    if config.eval_batch_size < 1:
        raise CommandError(f"eval_batch_size={config.eval_batch_size} must be at least 1")
    if not 0 <= config.augment.mixing_epochs <= config.num_epochs:
        raise CommandError(
            f"augment.mixing_epochs={config.augment.mixing_epochs} must be 0 (to the end) or an "
            f"epoch up to num_epochs={config.num_epochs}"
        )


def _check_data(dataset: Dataset, model: models.ViT | models.ResNet) -> None:
    num_classes = len(dataset.class_names)
    if num_classes > model.num_classes:
        raise CommandError(
            f"{dataset.name} has {num_classes} classes and the model {model.num_classes}; "
            f"--config.model.num_classes={num_classes} would fit"
        )
    height, width = dataset.train.images.shape[1:3]
    if (height, width) != (model.image_size, model.image_size):
        raise CommandError(
            f"the images of {dataset.name} are {height}x{width} and the model's "
            f"{model.image_size}x{model.image_size}; --config.model.image_size={height} or "
            f"--config.data.image_size={model.image_size} would fit"
        )
