"""The data, the model and the training step that a configuration describes, checked together."""

import dataclasses
import functools
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from msgspec import to_builtins
from msgspec.structs import asdict, replace

from jaxcmp import data, models, pretrained
from jaxcmp.augment import Augment
from jaxcmp.clock import Clock
from jaxcmp.data import Dataset, Split
from jaxcmp.data.catalog import describe
from jaxcmp.data.random_streams import stream
from jaxcmp.data.source import Size
from jaxcmp.errors import CommandError
from jaxcmp.models import costs
from jaxcmp.models.packing import CHANNELS_FIRST, CHANNELS_LAST, Order
from jaxcmp.optim import make_optimizer, make_schedule
from jaxcmp.runner import Runner
from jaxcmp.runtime import cuda, devices, requirements
from jaxcmp.settings import Settings
from jaxcmp.settings.contradictions import check_normalisation
from jaxcmp.step import TrainState, TrainStep

# On a GPU, a dispatch takes up to so many steps, of up to so many operations each: for larger ones
# today's fastest GPUs need 5 ms or more, longer than the host needs for a dispatch.
STEPS_ON_GPU, LARGE_STEP = 10, 5e12
COMPUTE_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16, "float16": jnp.float16}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The pure parts of a run, made from its settings; nothing is compiled or written yet.

    `settings` includes values that follow from the data. `dataset.class_names` has a name for each
    output of the model, even for outputs without a class.
    """

    settings: Settings
    dataset: Dataset
    clock: Clock
    step: TrainStep

    @property
    def model(self) -> models.Model:
        return self.step.model

    def init(self, key: Array) -> TrainState:
        """Draws a fresh state for images of the data set's channels."""
        return self.step.init(key, num_channels=self.dataset.train.images.shape[-1])

    def evaluated_splits(self) -> list[tuple[str, Split]]:
        """Lists the validation split, if there is one, and the test split, by name."""
        splits = self.dataset.splits()
        return [(name, split) for name, split in splits.items() if name != "train"]

    @functools.cached_property
    def train_sample(self) -> np.ndarray:
        """Rows of the training images of `train_accuracy`, ascending: the same for every seed."""
        num_train = len(self.dataset.train.labels)
        size = min(self.settings.log.train_accuracy_images, num_train)
        chosen = stream("training accuracy", 0).choice(num_train, size, replace=False)
        return np.sort(chosen).astype(np.int32)

    def describe_data(self) -> dict[str, Any]:
        """Describes the images, and how a restored model must preprocess others."""
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
        """Returns lines to print before a run: of the images, where they live, how they change."""
        lines = [*self.dataset.notes, self.dataset.placement.reason]
        height, width = self.dataset.train.images.shape[1:3]
        size = self.model.image_size
        if (height, width) != (size, size):
            pixels = f"{height}x{width} pixels"
            lines.append(f"images of {pixels} are resized to {size}x{size} on the device")
        return lines

    def training_flops(self, num_images: int) -> int:
        """Counts the operations, two for each multiply-add, of training on this many images."""
        counts = self.model.multiply_adds(self.dataset.train.images.shape[-1])
        is_trunk_frozen = self.step.is_trunk_frozen
        return costs.training_flops(counts, num_images, is_trunk_frozen=is_trunk_frozen)


def follow_data(settings: Settings) -> Settings:
    """Returns the settings with what follows from the data, before images are read.

    Fills in the number of classes, and the image size unless only images tell it. Raises
    CommandError for an unknown data set, and for a model that does not fit it.
    """
    known = describe(settings.data)
    return _following(settings, settings.data.name, known.num_classes, known.image_size)


def _following(settings: Settings, name: str, num_classes: int, size: Size | None) -> Settings:
    """Sets the numbers of outputs and pixels if they are 0; more outputs than classes are allowed.

    `size` is height and width of the images, None if it is not known yet.
    """
    model = settings.model
    if not model.num_classes:
        model = replace(model, num_classes=num_classes)
    if model.num_classes < num_classes:
        raise CommandError(
            f"{name} has {num_classes} classes and the model {model.num_classes}; "
            f"--config.model.num_classes={num_classes} would fit, and 0 follows from the data"
        )
    if not model.image_size and size:
        height, width = size
        if height != width:
            raise CommandError(
                f"the images of {name} are {width}x{height} pixels and the model takes squares: "
                f"--config.data.image_size={min(size)} makes squares of them (data.fit says how), "
                f"--config.model.image_size={max(size)} stretches them on the device"
            )
        model = replace(model, image_size=height)
    settings = replace(settings, model=model)
    if model.image_size:
        check_normalisation(settings)
    return settings


def read_weights(
    settings: Settings, recorded: Mapping[str, Any] | None = None
) -> pretrained.Source | None:
    """Reads `init.path` and checks it against the model; returns None for random weights.

    `recorded` is the init.json of a run that begins again. Needs no images, whose reading may take
    minutes. Raises CommandError or JaxcmpError.
    """
    if not settings.init.path:
        for key, unset in (("checkpoint", "newest"), ("allow_missing", ""), ("allow_unused", "")):
            if (given := getattr(settings.init, key)) != unset:
                raise CommandError(f"init.{key}={given!r} needs init.path, the weights")
        return None
    _check_memory(settings)
    weights = pretrained.read(**asdict(settings.init), recorded=recorded)
    known = follow_data(settings)
    if known.model.image_size:
        pretrained.check(weights, _model(known))
    return weights


def prepare(
    settings: Settings,
    dataset: Dataset | None = None,
    weights: pretrained.Source | None = None,
) -> Experiment:
    """Makes the experiment of a configuration; raises CommandError where its parts do not fit.

    A `dataset` replaces the one that the configuration names. `weights` are checked against the
    images.
    """
    _check_machine(settings)
    dataset = dataset or _load(settings)
    size = dataset.train.images.shape[1:3]
    settings = _following(settings, dataset.name, len(dataset.class_names), size)
    names = name_outputs(dataset.class_names, settings.model.num_classes)
    dataset = dataclasses.replace(dataset, class_names=names)
    model = _model(settings)
    if weights is not None:
        pretrained.check(weights, model, dataset.train.images.shape[-1])
    clock = Clock.of(
        len(dataset.train.labels), batch_size=settings.batch_size, num_epochs=settings.num_epochs
    )
    mixing_epochs = settings.augment.mixing_epochs or settings.num_epochs
    augment = Augment(model.num_classes, dataset.mean, dataset.std, settings.augment)
    optimizer = make_optimizer(**to_builtins(settings.optimizer))
    schedule = make_schedule(
        peak_learning_rate=settings.schedule.peak_learning_rate,
        warmup_steps=round(settings.schedule.warmup_epochs * clock.steps_per_epoch),
        total_steps=clock.total_steps,
    )
    step = TrainStep(
        model=model,
        optimizer=optimizer,
        schedule=schedule,
        augment=augment,
        mixing_steps=mixing_epochs * clock.steps_per_epoch,
        steps_per_epoch=clock.steps_per_epoch,
        label_smoothing=settings.label_smoothing,
        accumulation=settings.accumulation,
        average_decay=settings.average_decay,
        is_trunk_frozen=settings.frozen_trunk,
        joins_arrays=jax.default_backend() == "gpu",
        kernel_order=kernel_order(model, cuda.compute_capability()),
    )
    return Experiment(settings=settings, dataset=dataset, clock=clock, step=step)


def kernel_order(model: models.Model, capability: tuple[int, int] | None) -> Order:
    """Returns how convolutions on GPUs of this compute capability read kernels; None is no GPU."""
    is_first = cuda.has_channels_first(capability, model.dtype)
    return CHANNELS_FIRST if is_first else CHANNELS_LAST


def make_runner(experiment: Experiment, mesh: Mesh) -> Runner:
    """Puts the data on the devices, unless it is streamed; compiles nothing yet."""
    devices.check_can_compile()
    settings, dataset, clock = experiment.settings, experiment.dataset, experiment.clock
    log_every = settings.log.every_steps
    platform = mesh.devices.flat[0].platform
    num_steps = min(
        settings.steps_per_dispatch or default_steps(experiment, platform, num_devices=mesh.size),
        clock.longest_dispatch(log_every=log_every),
    )
    return Runner(
        experiment.step,
        {name: (split.images, split.labels) for name, split in dataset.splits().items()},
        mesh,
        mean=dataset.mean,
        std=dataset.std,
        seed=settings.seed,
        batch_size=settings.batch_size,
        eval_batch_size=settings.eval_batch_size,
        steps_per_dispatch=num_steps,
        has_leftovers=clock.has_leftovers(num_steps, log_every=log_every),
        is_copied=dataset.placement.is_copied,
        train_sample=experiment.train_sample,
    )


def default_steps(experiment: Experiment, platform: str, *, num_devices: int) -> int:
    """Returns how many steps a dispatch takes where the settings do not say.

    One on a CPU, which gains nothing from more; one of streamed images, of which a dispatch waits
    for all; and one where steps are so large that the host keeps up. `platform` is JAX's name.
    """
    batch_size = experiment.settings.batch_size
    is_large = experiment.training_flops(batch_size) > LARGE_STEP * num_devices
    is_streamed = experiment.dataset.placement.is_streamed
    if platform != "gpu" or is_streamed or is_large:
        return 1
    log_every = experiment.settings.log.every_steps
    return experiment.clock.steps_per_dispatch(STEPS_ON_GPU, log_every=log_every)


def _check_machine(settings: Settings) -> None:
    """Raises CommandError if devices or packages do not suffice for the settings."""
    for key, package in (("tensorboard", "tensorboardX"), ("wandb", "wandb")):
        if getattr(settings.log, key) and importlib.util.find_spec(package) is None:
            raise CommandError(f"log.{key} needs {package}: pip install 'jaxcmp[{key}]'")
    devices.check_batch_size(
        settings.batch_size, num_devices=jax.device_count(), accumulation=settings.accumulation
    )


def _check_memory(settings: Settings) -> None:
    """Raises CommandError if a step cannot fit even for grey images, which take the least."""
    num_devices, free = jax.device_count(), devices.free_bytes()
    capability = _gpus_for_attention(settings)
    requirements.check_memory(
        settings,
        num_devices=num_devices,
        free=free,
        keeps_scores=capability is None or settings.compute_dtype == "float32",
    )


def _model(settings: Settings) -> models.Model:
    fields = to_builtins(settings.model)
    model = models.build(**fields, dtype=COMPUTE_DTYPES[settings.compute_dtype])
    return on_this_machine(model, settings)


def on_this_machine(model: models.Model, settings: Settings) -> models.Model:
    """Returns the model as the settings and this machine's GPUs, or else its CPU, call for."""
    return models.on_cpu(models.on_gpu(model, _gpus_for_attention(settings)))


def _gpus_for_attention(settings: Settings) -> tuple[int, int] | None:
    """Returns the compute capability of a GPU that may choose its attention, None of any other.

    Several GPUs compute it in the plain way: JAX divides the images of cuDNN's kernel among them,
    and not the numbers of tokens, which has yet to run.
    """
    is_alone = jax.device_count() == 1
    return cuda.compute_capability() if settings.fused_attention and is_alone else None


def _load(settings: Settings) -> Dataset:
    # Checked before data is read, which may take minutes.
    known = follow_data(settings)
    if known.model.image_size:
        _model(known)
    _check_memory(known)
    return data.load(
        settings.data,
        free_bytes=devices.free_bytes(),
        seed=settings.seed,
        num_devices=jax.device_count(),
    )


def name_outputs(class_names: Sequence[str], num_outputs: int) -> tuple[str, ...]:
    """Names the outputs of a model: by class, and by number where an output has no class."""
    others = range(len(class_names), num_outputs)
    return (*class_names, *(f"class {index}" for index in others))
