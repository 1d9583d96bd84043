"""A plan: which runs a study consists of, each with its folder and its configuration."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxcmp import models
from jaxcmp.clock import Clock
from jaxcmp.costs import training_flops
from jaxcmp.errors import CommandError
from jaxcmp.runs import config_hash

# A ConfigDict, whose keys type checkers do not know.
Config = Any

# What runs of different arms have in common.
BUDGETS = ("epochs", "steps", "flops")
RECIPES = ("own", "other")
# What makes a recipe, whatever model it trains.
RECIPE_KEYS = (
    *("num_epochs", "batch_size", "optimizer", "schedule", "augment"),
    *("label_smoothing", "average_decay", "frozen_trunk"),
)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What a plan has to know of the data: training images by fraction, and their channels."""

    num_train: Mapping[float, int]
    num_channels: int


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run; `folder` is relative to the study's, `flops` are those of its training."""

    folder: str
    config: Config
    steps: int
    flops: int


def fractions(config: Config) -> list[float]:
    """Every fraction of the training images in the plan, the smallest first."""
    return sorted({1.0, *(each for grid in config.grids.values() for each in grid.fractions)})


def expand(config: Config, sizes: Sizes) -> list[PlannedRun]:
    """The runs of all grids, each once.

    Seeds come one after the other, all images before parts of them: wherever a study is stopped,
    both arms have as many seeds, and the plain question is answered first. A grid is every
    combination of its arms, recipes, fractions, budgets and seeds. Raises CommandError for a grid
    that cannot be.
    """
    runs: dict[tuple[str, int], PlannedRun] = {}
    for name, grid in config.grids.items():
        _check(name, grid)
        for run in _runs_of(config, grid, sizes):
            runs.setdefault((config_hash(run.config.to_dict()), run.config.seed), run)
    return sorted(runs.values(), key=lambda run: (run.config.seed, -run.config.data.train_fraction))


def _check(name: str, grid: Config) -> None:
    for key, known in (("budgets", BUDGETS), ("recipes", RECIPES)):
        if not grid[key] or not set(grid[key]) <= set(known):
            raise CommandError(f"grids.{name}.{key}={grid[key]} must be some of {known}")
    if grid.seeds < 1:
        raise CommandError(f"grids.{name}.seeds={grid.seeds} must be at least 1")
    if not grid.fractions or not all(0 < each <= 1 for each in grid.fractions):
        raise CommandError(f"grids.{name}.fractions={grid.fractions} must lie in (0, 1]")


def _runs_of(config: Config, grid: Config, sizes: Sizes) -> Iterator[PlannedRun]:
    for seed in range(grid.seeds):
        for fraction in grid.fractions:
            for budget in grid.budgets:
                for recipe in grid.recipes:
                    for arm in config.arms:
                        for other in [arm] if recipe == "own" else _others(config.arms, arm):
                            yield _run(config.arms, arm, other, fraction, budget, seed, sizes)


def _others(arms: Config, arm: str) -> list[str]:
    return [each for each in arms if each != arm]


def _run(
    arms: Config, arm: str, recipe: str, fraction: float, budget: str, seed: int, sizes: Sizes
) -> PlannedRun:
    config = with_recipe(arms[arm], arms[recipe])
    config.seed, config.data.train_fraction = seed, fraction
    if budget == "steps":
        total = _clock(config, sizes.num_train[1.0]).total_steps
        per_epoch = _clock(config, sizes.num_train[fraction]).steps_per_epoch
        stretch(config, num_epochs=round(total / per_epoch))
    elif budget == "flops":
        most = max(_flops(arms[each], sizes, fraction) for each in arms)
        stretch(config, num_epochs=round(config.num_epochs * most / _flops(config, sizes)))
    parts = [arm if recipe == arm else f"{arm}-recipe-of-{recipe}"]
    parts += [f"{fraction:g}"] if fraction < 1 else []
    # Where nothing was stretched it is the same run.
    base = with_recipe(arms[arm], arms[recipe])
    parts += [f"equal-{budget}"] if config.num_epochs != base.num_epochs else []
    clock = _clock(config, sizes.num_train[fraction])
    return PlannedRun(
        f"{'-'.join(parts)}/seed-{seed}", config, clock.total_steps, _flops(config, sizes)
    )


def with_recipe(config: Config, other: Config) -> Config:
    """A copy of `config`, whose model is trained as `other` trains its own."""
    config = config.copy_and_resolve_references()
    for key in RECIPE_KEYS:
        config[key] = other.copy_and_resolve_references()[key]
    config.recipe = other.recipe
    return config


def stretch(config: Config, *, num_epochs: int) -> None:
    """Trains for that many epochs: warm-up, mixing, records and checkpoints keep their shares."""
    factor = num_epochs / config.num_epochs
    config.schedule.warmup_epochs *= factor
    config.num_epochs = num_epochs
    config.augment.mixing_epochs = round(config.augment.mixing_epochs * factor)
    config.eval_every_epochs = max(1, round(config.eval_every_epochs * factor))
    for key in ("every_epochs", "keep_every_epochs"):
        every = config.checkpoint[key]
        config.checkpoint[key] = max(1, round(every * factor)) if every else 0


def _clock(config: Config, num_train: int) -> Clock:
    return Clock.of(num_train, batch_size=config.batch_size, num_epochs=config.num_epochs)


def _flops(config: Config, sizes: Sizes, fraction: float | None = None) -> int:
    """Of the whole training; on another fraction of the images where one is given."""
    num_train = sizes.num_train[fraction or config.data.train_fraction]
    model = models.build(**config.model)
    counts = model.multiply_adds(sizes.num_channels)
    trained = counts["head"] if config.frozen_trunk else None
    num_images = _clock(config, num_train).total_steps * config.batch_size
    return training_flops(sum(counts.values()), num_images, trained=trained)


def tasks(runs: Sequence[PlannedRun]) -> str:
    """The numbers of the runs, as an array job of SLURM takes them: 0-61."""
    return f"0-{len(runs) - 1}"
