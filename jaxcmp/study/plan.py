"""A plan: which runs a study consists of, each with its folder and its configuration."""

import itertools
import operator
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from jaxcmp import data, models
from jaxcmp.clock import Clock
from jaxcmp.data.catalog import describe
from jaxcmp.data.random_streams import stream
from jaxcmp.data.splits import held_out, stratified_fraction
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.models.costs import training_flops
from jaxcmp.runs import config_hash, refuse_another_config
from jaxcmp.runtime import host_memory
from jaxcmp.settings import Data, Role, Settings, configuration
from jaxcmp.settings.axes import Point, Value, points
from jaxcmp.settings.grid import Grid
from jaxcmp.settings.keys import KEYS, with_role
from jaxcmp.study.folder import Entry

# Of a value in the name of a folder, the last so many characters.
MAX_WORD = 40
# What makes a recipe, whatever model it trains: whole sections, and keys beside them.
RECIPE_KEYS = sorted({key.partition(".")[0] for key in with_role(Role.RECIPE, Role.LENGTH)})


class Study(NamedTuple):
    """The arms of a study by name, whose data is the same, and its grids of runs."""

    arms: Mapping[str, Settings]
    grids: list[Grid]

    @classmethod
    def of(cls, config: Any) -> "Study":
        """Reads a ConfigDict; raises CommandError, which names the key, for what does not fit."""
        configuration.check(config)
        arms = {
            name: configuration.settings_of(arm, f"arms.{name}.")
            for name, arm in config.arms.items()
        }
        grids = msgspec.convert(config.grids.to_dict(), dict[str, Grid])
        for name, grid in grids.items():
            for arm in grid.arms:
                if arm not in arms:
                    known = ", ".join(arms)
                    raise CommandError(f"--config.grids.{name}.arms has {arm!r}; there are {known}")
            _check_axes(name, grid, {arm: arms[arm] for arm in grid.arms or arms})
        return cls(arms, list(grids.values()))

    @property
    def data(self) -> Data:
        return next(iter(self.arms.values())).data


def _check_axes(name: str, grid: Grid, arms: Mapping[str, Settings]) -> None:
    """Raises CommandError for settings that do not fit, and where nothing is held out to choose."""
    given = f"--config.grids.{name}.axes"
    for point, (arm, settings) in itertools.product(points(grid.axes), arms.items()):
        if point and not settings.data.validation_fraction:
            raise CommandError(
                f"{given} is a choice between settings, which the report makes on held-out images: "
                "set --config.data.validation_fraction=0.1"
            )
        try:
            at_point(settings, point)
        except CommandError as error:
            told = ", ".join(f"{key}={value}" for key, value in point.items())
            raise CommandError(
                f"{given} with {told} does not fit arm {arm}: {error}; --config.grids.{name}.arms "
                "names the arms of the grid"
            ) from error


class Sizes(NamedTuple):
    """Training images by fraction, channels and classes: what a plan needs to know of its data.

    `image_size` is the side of the images, of which 0 in a model's settings takes the place.
    """

    num_train: Mapping[float, int]
    num_channels: int
    num_classes: int
    image_size: int = 32


class PlannedRun(NamedTuple):
    entry: Entry
    config: Settings


def find_sizes(study: Study, *, may_prepare: bool) -> Sizes:
    """Counts the training images at each fraction of the study, which no seed changes.

    Unless the data may be prepared, images that are not there are taken to be as many as is known
    of their data set, in classes of equal size. Raises CommandError or JaxcmpError where the data
    cannot be loaded.
    """
    options = study.data
    known = describe(options)
    if known.num_train is not None and not may_prepare:
        num_classes, num_channels = known.num_classes, known.num_channels
        image_size = known.image_size
        labels = np.arange(known.num_train * num_classes // len(known.class_names)) % num_classes
        labels = labels[held_out(stream("count", 0), labels, options.validation_fraction)[0]]
    else:
        # Whoever plans leaves the devices to those who train.
        free_bytes = host_memory.available_bytes()
        train = data.load(replace(options, train_fraction=1.0), free_bytes=free_bytes, seed=0).train
        labels, num_channels = train.labels, train.images.shape[-1]
        image_size = train.images.shape[1:3]
    num_train = {
        fraction: len(stratified_fraction(stream("count", 0), labels, fraction))
        for fraction in {1.0, *(fraction for grid in study.grids for fraction in grid.fractions)}
    }
    side = image_size[0] if image_size else Sizes._field_defaults["image_size"]
    return Sizes(num_train, num_channels, len(np.unique(labels)), side)


def expand(study: Study, sizes: Sizes) -> list[PlannedRun]:
    """Lists the runs of all grids, each once.

    Seeds come one after the other, all images before parts of them: wherever a study is stopped,
    both arms have as many seeds, and the plain question is answered first. A grid is every
    combination of its arms, recipes, fractions, budgets, values of axes and seeds. Raises
    CommandError where a batch is larger than a fraction of the images, and where two runs would
    have one folder.
    """
    runs: dict[tuple[str, int], PlannedRun] = {}
    for grid in study.grids:
        arms = {name: study.arms[name] for name in grid.arms or study.arms}
        for point in points(grid.axes):
            for run in _runs_of(grid, arms, point, sizes):
                runs.setdefault((config_hash(run.config.to_dict()), run.config.seed), run)
    counts = Counter(run.entry.folder for run in runs.values())
    if twice := [folder for folder, num in counts.items() if num > 1]:
        raise CommandError(
            f"two runs of the study would lie in {twice[0]}: rename an arm, or leave out a value"
        )
    return sorted(runs.values(), key=lambda run: (run.config.seed, -run.config.data.train_fraction))


def _runs_of(
    grid: Grid, own: Mapping[str, Settings], point: Point, sizes: Sizes
) -> Iterator[PlannedRun]:
    """Yields the runs of a grid whose arms, `own`, have these values of its axes."""
    arms = {name: at_point(settings, point) for name, settings in own.items()}
    for seed, fraction, budget, kind, arm in itertools.product(
        range(grid.seeds), grid.fractions, grid.budgets, grid.recipes, arms
    ):
        for recipe in [arm] if kind == "own" else [name for name in arms if name != arm]:
            config = with_recipe(arms[arm], arms[recipe])
            tried = _differences(with_recipe(own[arm], own[recipe]), config, point)
            config = replace(config, seed=seed, data=replace(config.data, train_fraction=fraction))
            budgeted = stretch(config, num_epochs=_num_epochs(config, budget, arms, sizes))
            parts = [arm if recipe == arm else f"{arm}-recipe-of-{recipe}", *tried]
            parts += [f"{fraction:g}"] if fraction < 1 else []
            # Where nothing was stretched it is the same run.
            parts += [f"equal-{budget}"] if budgeted.num_epochs != config.num_epochs else []
            folder = f"{'-'.join(parts)}/seed-{seed}"
            steps, flops = _clock(budgeted, sizes, fraction).total_steps, _flops(budgeted, sizes)
            yield PlannedRun(Entry(folder, budgeted.arm, steps, flops), budgeted)


def at_point(settings: Settings, point: Point) -> Settings:
    """Gives an arm these values; at another length, the rest of its recipe keeps its shares."""
    num_epochs = point.get("num_epochs")
    if isinstance(num_epochs, int):
        settings = stretch(settings, num_epochs=num_epochs)
    return configuration.at_point(settings, point, f"arms.{settings.arm}.")


def _differences(own: Settings, tried: Settings, point: Point) -> list[str]:
    """Names the values of a point that are not an arm's own, as parts of a folder's name."""
    return [
        f"{_short(key)}-{_word(value)}"
        for key, value in point.items()
        if (value_of := operator.attrgetter(key))(own) != value_of(tried)
    ]


def _short(key: str) -> str:
    """Returns the last part of a dotted key, unless another key ends in it."""
    last = key.rpartition(".")[2]
    is_only = sum(other.rpartition(".")[2] == last for other in KEYS) == 1
    return last if is_only else key


def _word(value: Value) -> str:
    text = "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return re.sub(r"[^\w.+-]+", "_", text).strip("._")[-MAX_WORD:] or "none"


def with_recipe(config: Settings, other: Settings) -> Settings:
    """Returns `config` with its model trained as `other` trains its own."""
    recipe = {key: getattr(other, key) for key in RECIPE_KEYS}
    return replace(config, recipe=other.recipe, **recipe)


def stretch(config: Settings, *, num_epochs: int) -> Settings:
    """Trains for that many epochs: warm-up, mixing, records and checkpoints keep their shares."""
    factor = num_epochs / config.num_epochs
    schedule, augment, checkpoint = config.schedule, config.augment, config.checkpoint

    def stretched(every: int) -> int:
        return max(1, round(every * factor)) if every else 0

    return replace(
        config,
        num_epochs=num_epochs,
        eval_every_epochs=stretched(config.eval_every_epochs),
        schedule=replace(schedule, warmup_epochs=schedule.warmup_epochs * factor),
        augment=replace(augment, mixing_epochs=stretched(augment.mixing_epochs)),
        checkpoint=replace(
            checkpoint,
            every_epochs=stretched(checkpoint.every_epochs),
            keep_every_epochs=stretched(checkpoint.keep_every_epochs),
        ),
    )


def _num_epochs(config: Settings, budget: str, arms: Mapping[str, Settings], sizes: Sizes) -> int:
    """Returns the epochs after which the run has had what its grid's arms have in common."""
    fraction = config.data.train_fraction
    if budget == "steps":
        total = _clock(config, sizes, 1.0).total_steps
        return round(total / _clock(config, sizes, fraction).steps_per_epoch)
    if budget == "flops":
        whole = [replace(x, data=replace(x.data, train_fraction=fraction)) for x in arms.values()]
        most = max(_flops(arm, sizes) for arm in whole)
        return round(config.num_epochs * most / _flops(config, sizes))
    return config.num_epochs


def _clock(config: Settings, sizes: Sizes, fraction: float) -> Clock:
    num_train = sizes.num_train[fraction]
    return Clock.of(num_train, batch_size=config.batch_size, num_epochs=config.num_epochs)


def _flops(config: Settings, sizes: Sizes) -> int:
    fields = msgspec.to_builtins(config.model)
    fields["num_classes"] = fields["num_classes"] or sizes.num_classes
    fields["image_size"] = fields["image_size"] or sizes.image_size
    model = models.build(**fields)
    counts = model.multiply_adds(sizes.num_channels)
    steps = _clock(config, sizes, config.data.train_fraction).total_steps
    num_images = steps * config.batch_size
    return training_flops(counts, num_images, is_trunk_frozen=config.frozen_trunk)


def refuse_another(workdir: Path, planned: Sequence[PlannedRun]) -> None:
    """Raises CommandError if a run of the plan lies in `workdir` with another configuration."""
    for run in planned:
        try:
            refuse_another_config(workdir / run.entry.folder, run.config.to_dict())
        except CommandError:
            raise
        except JaxcmpError:  # A damaged folder is a failure of that run alone.
            continue
