"""What a configuration stands for: its data, its model and its compiled functions, checked."""

import dataclasses
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh

from jaxcmp import costs, data, devices, models, pretrained, program
from jaxcmp.augment import make_augment
from jaxcmp.clock import Clock
from jaxcmp.data import Dataset, Split
from jaxcmp.errors import CommandError
from jaxcmp.evaluate import make_eval_step
from jaxcmp.optim import make_optimizer, make_schedule
from jaxcmp.program import Program
from jaxcmp.step import Metrics, TrainState, init_state, make_train_step

# An ml_collections ConfigDict, whose keys type checkers do not know.
Config = Any

COMPUTE_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16, "float16": jnp.float16}


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
    is_trunk_frozen: bool

    def evaluated_splits(self) -> list[tuple[str, Split]]:
        """The test split, and the held-out one where there is one."""
        splits = self.dataset.splits()
        return [(name, split) for name, split in splits.items() if name != "train"]

    def describe_data(self) -> dict[str, Any]:
        """Which images these are, and how a restored model has to see others."""
        dataset = self.dataset
        sizes = {name: len(split.labels) for name, split in dataset.splits().items()}
        return {
            "name": dataset.name,
            "version": dataset.version,
            "class_names": list(dataset.class_names),
            "num_train": sizes["train"],
            "num_validation": sizes.get("validation", 0),
            "num_test": sizes["test"],
            "image_size": list(dataset.train.images.shape[1:3]),
            "mean": dataset.mean.tolist(),
            "std": dataset.std.tolist(),
            "placement": dataset.placement.name,
            "placement_reason": dataset.placement.reason,
        }

    def notes(self) -> list[str]:
        """What a person should know of the images before the run begins, in lines."""
        lines = [self.dataset.placement.reason]
        height, width = self.dataset.train.images.shape[1:3]
        size = self.model.image_size
        if (height, width) != (size, size):
            pixels = f"{height}x{width} pixels"
            lines.append(f"images of {pixels} are resized to {size}x{size} on the device")
        return lines

    def training_flops(self, num_images: int) -> int:
        """Two operations a multiply-add, of so many images passed forward and backward."""
        counts = self.model.multiply_adds(self.dataset.train.images.shape[-1])
        trained = counts["head"] if self.is_trunk_frozen else None
        return costs.training_flops(sum(counts.values()), num_images, trained=trained)


def read_weights(config: Config) -> pretrained.Source | None:
    """What the run is to begin with, read and checked against the model; None for random weights.

    Needs no data, which may take minutes to be read. Raises CommandError or JaxcmpError.
    """
    if not config.init.path:
        for key, unset in (("checkpoint", "newest"), ("allow_missing", ""), ("allow_unused", "")):
            if config.init[key] != unset:
                raise CommandError(f"init.{key}={config.init[key]!r} needs init.path, the weights")
        return None
    weights = pretrained.read(**config.init)
    pretrained.check(weights, _model(config))
    return weights


def prepare(
    config: Config,
    dataset: Dataset | None = None,
    num_devices: int = 0,
    weights: pretrained.Source | None = None,
) -> Experiment:
    """Raises CommandError where the parts of the configuration do not fit together.

    A given data set is used in place of the one that the configuration names, and a given number
    of devices in place of those that are there. Given weights are checked against the images.
    """
    _check_ranges(config)
    model = _model(config)
    optimizer = make_optimizer(**config.optimizer)
    num_devices = num_devices or jax.device_count()
    devices.check_batch_size(
        config.batch_size, num_devices=num_devices, accumulation=config.accumulation
    )
    dataset = dataset or _load(config)
    _check_data(dataset, model, weights)
    clock = Clock.of(
        len(dataset.train.labels), batch_size=config.batch_size, num_epochs=config.num_epochs
    )
    options = dict(config.augment)
    mixing_epochs = options.pop("mixing_epochs") or config.num_epochs
    augment = make_augment(
        num_classes=model.num_classes, mean=dataset.mean, std=dataset.std, **options
    )
    train_step = make_train_step(
        model,
        optimizer,
        _schedule(config, clock),
        augment,
        mixing_steps=mixing_epochs * clock.steps_per_epoch,
        label_smoothing=config.label_smoothing,
        accumulation=config.accumulation,
        average_decay=config.average_decay,
        steps_per_epoch=clock.steps_per_epoch,
        is_trunk_frozen=config.frozen_trunk,
    )
    init = partial(
        init_state,
        model=model,
        optimizer=optimizer,
        image_shape=(model.image_size, model.image_size, dataset.train.images.shape[-1]),
        is_averaging=config.average_decay > 0,
        is_scaling=config.compute_dtype == "float16",
        is_trunk_frozen=config.frozen_trunk,
    )
    eval_step = make_eval_step(model, mean=dataset.mean, std=dataset.std)
    parts = (dataset, model, clock, augment, init, train_step, eval_step)
    return Experiment(*parts, is_trunk_frozen=config.frozen_trunk)


def compile_program(experiment: Experiment, mesh: Mesh, config: Config) -> Program:
    """Puts the data on the devices, where it is not streamed, and compiles the steps for them."""
    clock = experiment.clock
    # More steps than between two logs, or in an epoch, would never be taken at once.
    room = min(clock.steps_per_epoch, config.log.every_steps or clock.steps_per_epoch)
    return program.compile_program(
        experiment.init,
        experiment.train_step,
        experiment.eval_step,
        {name: (split.images, split.labels) for name, split in experiment.dataset.splits().items()},
        mesh,
        seed=config.seed,
        batch_size=config.batch_size,
        eval_batch_size=config.eval_batch_size,
        steps_per_dispatch=min(config.steps_per_dispatch, room),
    )


def _schedule(config: Config, clock: Clock) -> optax.Schedule:
    return make_schedule(
        peak_learning_rate=config.schedule.peak_learning_rate,
        warmup_steps=round(config.schedule.warmup_epochs * clock.steps_per_epoch),
        total_steps=clock.total_steps,
    )


def _model(config: Config) -> models.ViT | models.ResNet:
    if config.compute_dtype not in COMPUTE_DTYPES:
        raise CommandError(
            f"compute_dtype={config.compute_dtype!r} must be one of {', '.join(COMPUTE_DTYPES)}"
        )
    return models.build(**config.model, dtype=COMPUTE_DTYPES[config.compute_dtype])


def _load(config: Config) -> Dataset:
    options = dict(config.data)
    folder, free_bytes = options.pop("dir"), devices.free_bytes()
    return data.load(data_dir=folder, **options, free_bytes=free_bytes, seed=config.seed)


def _check_ranges(config: Config) -> None:
    # Beyond, different seeds would give the same key.
    if not 0 <= config.seed < 2**32:
        raise CommandError(f"seed={config.seed} must be at least 0 and below 2**32")
    if not 0 <= config.schedule.warmup_epochs <= config.num_epochs:
        raise CommandError(
            f"schedule.warmup_epochs={config.schedule.warmup_epochs} must be at least 0 and less "
            f"than num_epochs={config.num_epochs}"
        )
    for section, name in (
        ("log", "every_steps"),
        ("checkpoint", "every_epochs"),
        ("checkpoint", "keep_every_epochs"),
    ):
        value = config[section][name]
        if value < 0:
            raise CommandError(f"{section}.{name}={value} must be at least 0")
    if config.log.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise CommandError("log.tensorboard needs tensorboardX: pip install 'jaxcmp[tensorboard]'")
    for name in ("label_smoothing", "average_decay"):
        if not 0 <= config[name] < 1:
            raise CommandError(f"{name}={config[name]} must be at least 0 and below 1")
    for name in ("eval_batch_size", "eval_every_epochs", "steps_per_dispatch"):
        if config[name] < 1:
            raise CommandError(f"{name}={config[name]} must be at least 1")
    if not 0 <= config.augment.mixing_epochs <= config.num_epochs:
        raise CommandError(
            f"augment.mixing_epochs={config.augment.mixing_epochs} must be 0 (to the end) or an "
            f"epoch up to num_epochs={config.num_epochs}"
        )


def _check_data(
    dataset: Dataset, model: models.ViT | models.ResNet, weights: pretrained.Source | None
) -> None:
    num_classes = len(dataset.class_names)
    if num_classes > model.num_classes:
        raise CommandError(
            f"{dataset.name} has {num_classes} classes and the model {model.num_classes}; "
            f"--config.model.num_classes={num_classes} would fit"
        )
    if weights is not None:
        pretrained.check(weights, model, dataset.train.images.shape[-1])
