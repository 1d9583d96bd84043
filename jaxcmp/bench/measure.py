"""Measures one configuration: seconds of a step, of its parts and of an evaluation.

Images are random and of the configuration's size, so that no data need be there.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp import models
from jaxcmp.bench.timing import Timed, describe, take_turns, warm_up
from jaxcmp.data import Dataset, Split, placement
from jaxcmp.experiment import Experiment, make_runner, prepare
from jaxcmp.models import costs
from jaxcmp.runner import Runner
from jaxcmp.runtime import devices
from jaxcmp.settings import Settings

STAGES = ("gather", "augmentation", "forward", "backward", "update")
# CIFAR-10 has as many images; at 32x32 pixels they take 154 MB.
MAX_IMAGES = 50_000
MAX_BYTES = 256 * 2**20

Call = Callable[[], Any]


def measure(settings: Settings, *, rounds: int) -> dict[str, Any]:
    """Times everything `rounds` times; raises CommandError for settings that do not fit."""
    experiment = prepare(settings, random_images(settings))
    runner = compiled_runner(experiment)
    training = Training(runner)
    # Before anything else is compiled: this is the memory that a run would take.
    for call in (training.dispatch, training.evaluate):
        warm_up(timed(call))
    memory = memory_of(runner)
    steps = itertools.count(1)
    calls = {
        "step": training.dispatch,
        # All that the host does for a step's data.
        "input": lambda: runner.data.batches(range(step := next(steps), step + 1)),
        "evaluation": training.evaluate,
    }
    samples = take_turns({name: timed(call) for name, call in calls.items()}, rounds=rounds)
    stages = stage_programs(experiment, runner)
    stages["update"] = training.step
    stage_samples = take_turns({name: timed(call) for name, call in stages.items()}, rounds=rounds)
    speed = training_speed(samples["step"], runner.steps_per_dispatch, settings.batch_size)
    step_seconds = speed["step_seconds"]["median"]
    inputs, evaluation = describe(samples["input"]), describe(samples["evaluation"])
    return {
        **speed,
        "stages": stage_shares(stage_samples),
        "input": {"seconds": inputs, "share": inputs["median"] / step_seconds},
        "evaluation": {
            "seconds": evaluation,
            "batch_size": settings.eval_batch_size,
            "images_per_second": settings.eval_batch_size / evaluation["median"],
        },
        "memory": memory,
        "model_flops_per_second": experiment.training_flops(settings.batch_size) / step_seconds,
    }


def measure_size(settings: Settings, *, rounds: int) -> dict[str, Any]:
    """Measures speed and memory of training alone, for comparison with other sizes."""
    runner = compiled_runner(prepare(settings, random_images(settings)))
    samples = take_turns({"step": timed(Training(runner).dispatch)}, rounds=rounds)["step"]
    speed = training_speed(samples, runner.steps_per_dispatch, settings.batch_size)
    return speed | {"memory": memory_of(runner)}


def measure_start(settings: Settings) -> dict[str, float]:
    """Takes a first dispatch; returns the clock's time after it, and seconds of compilation."""
    runner = compiled_runner(prepare(settings, random_images(settings)))
    # The program that makes the state is compiled here, as in a run.
    jax.block_until_ready(Training(runner).dispatch())
    seconds = {f"compile_{name}": x for name, x in runner.compile_seconds.items()}
    return seconds | {"first_step": time.perf_counter()}


def side_of_comparison(part: str, settings: Settings) -> tuple[Timed, dict[str, Any]]:
    """Makes our side of one of peer.PARTS; returns the timed call and its description."""
    backend = jax.default_backend()
    device = "cuda" if backend == "gpu" else backend
    description = {"num_images": settings.batch_size, "how": "jit", "device": device}
    experiment = prepare(settings, random_images(settings))
    if part == "augmentation":
        train, steps = experiment.dataset.train, itertools.count()
        batch = [jnp.asarray(x[: settings.batch_size]) for x in (train.images, train.labels)]

        @jax.jit
        def augment(step: Array, images: Array, labels: Array) -> Any:
            key = jax.random.fold_in(jax.random.key(settings.seed), step)
            return experiment.step.augment(key, images, labels, step >= 0)

        return timed(lambda: augment(next(steps), *batch)), description
    runner = compiled_runner(experiment)
    training = Training(runner)
    description["parameters"] = runner.num_parameters
    if part == "training":
        dispatch = timed(training.dispatch)
        return lambda num_calls: dispatch(num_calls) / runner.steps_per_dispatch, description
    return timed(training.evaluate), description | {"num_images": settings.eval_batch_size}


def random_images(settings: Settings) -> Dataset:
    """Draws as many training images as CIFAR-10 has, or fewer if they would exceed MAX_BYTES.

    The test split is one evaluation batch. The digits are grey, other images in colour.
    """
    size, num_classes = settings.model.image_size, settings.model.num_classes
    shape = (size, size, 1 if settings.data.name == "digits" else 3)
    num_train = min(MAX_IMAGES, MAX_BYTES // int(np.prod(shape)))
    rng = np.random.default_rng(0)

    def split(num: int) -> Split:
        images = rng.integers(0, 256, (num, *shape), dtype=np.uint8)
        labels = rng.integers(0, num_classes, num, dtype=np.int32)
        return Split(images, labels, np.arange(num))

    train, test = split(max(num_train, settings.batch_size)), split(settings.eval_batch_size)
    return Dataset(
        name="random",
        version="1",
        class_names=tuple(map(str, range(num_classes))),
        train=train,
        validation=None,
        test=test,
        mean=np.full(shape[-1], 0.5, np.float32),
        std=np.full(shape[-1], 0.25, np.float32),
        placement=placement.choose(
            "device",
            num_bytes=(len(train.labels) + len(test.labels)) * int(np.prod(shape)),
            free_bytes=devices.free_bytes(),
            num_devices=jax.device_count(),
        ),
    )


def compiled_runner(experiment: Experiment) -> Runner:
    runner = make_runner(experiment, devices.make_mesh())
    runner.compile()
    return runner


def timed(call: Call) -> Timed:
    """Times calls as training makes them: one after the other, waited for at the end."""

    def seconds(num_calls: int) -> float:
        result = None
        start = time.perf_counter()
        for _ in range(num_calls):
            result = call()
        jax.block_until_ready(result)
        return (time.perf_counter() - start) / num_calls

    return seconds


class Training:
    """A run that goes on with each call, and can be evaluated in between."""

    def __init__(self, runner: Runner) -> None:
        self._runner, self._state, self._next_step = runner, runner.init(), 1

    def dispatch(self) -> Any:
        """Takes as many steps as the runner takes in one dispatch."""
        return self._advance(self._runner.steps_per_dispatch)

    def step(self) -> Any:
        return self._advance(1)

    def evaluate(self) -> Any:
        """Returns the logits of the test split, on the host."""
        return self._runner.evaluate(self._state, "test")

    def _advance(self, num_steps: int) -> Any:
        steps = range(self._next_step, self._next_step + num_steps)
        self._state, metrics = self._runner.train(self._state, steps)
        self._next_step += num_steps
        return self._state, metrics


def training_speed(dispatches: Sequence[float], num_steps: int, batch_size: int) -> dict[str, Any]:
    """Converts seconds of dispatches of `num_steps` steps to seconds per step and images/s."""
    step = describe([seconds / num_steps for seconds in dispatches])
    return {
        "steps_per_dispatch": num_steps,
        "step_seconds": step,
        "images_per_second": batch_size / step["median"],
    }


def memory_of(runner: Runner) -> dict[str, int | None]:
    return costs.peak_memory() | {"step_temporary_bytes": runner.temporary_bytes}


def stage_programs(experiment: Experiment, runner: Runner) -> dict[str, Call]:
    """Compiles the step up to and including each of STAGES but the last, on the first batch.

    The result that is asked for decides how far the real step goes: for the loss the compiler
    leaves out the backward pass, for the gradient's norm the update.
    """
    resident, batches = runner.data.batches(range(1, 2))

    def gather(state: Any, resident: Any, batch: Any, key: Array) -> Any:
        return runner.data.take(resident, batch)

    def augment(state: Any, resident: Any, batch: Any, key: Array) -> Any:
        augment_key, _ = jax.random.split(jax.random.fold_in(key, state.step))
        images, labels = runner.data.take(resident, batch)
        # Unknown to the compiler, as in the step, where mixing may stop after some epoch.
        is_mixing = state.step >= 0
        return experiment.step.augment(augment_key, images, labels, is_mixing)

    def metric(name: str) -> Callable:
        def step(state: Any, resident: Any, batch: Any, key: Array) -> Any:
            images, labels = runner.data.take(resident, batch)
            _, metrics = experiment.step(state, images, labels, key)
            return metrics[name]

        return step

    mesh = devices.make_mesh()
    everywhere, split_up = devices.replicated(mesh), devices.sharded(mesh)
    key = devices.place(jax.random.key(0), everywhere)
    inputs = (runner.init(), resident, devices.place(np.asarray(batches)[0], split_up), key)

    options = models.compiler_options(experiment.model)

    def compiled(function: Callable, out: Any) -> Call:
        program = jax.jit(function, out_shardings=out, compiler_options=options)
        return partial(program.lower(*inputs).compile(), *inputs)

    return {
        # Each example stays on its device, as it does within the step.
        "gather": compiled(gather, split_up),
        "augmentation": compiled(augment, split_up),
        "forward": compiled(metric("loss"), everywhere),
        "backward": compiled(metric("gradient_norm"), everywhere),
    }


def stage_shares(samples: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Splits a step into parts: the differences of medians of programs that end with each part.

    A difference can be negative where a part takes less than the medians' own error.
    """
    until = {name: describe(samples[name]) for name in STAGES}
    before, stages = 0.0, {}
    for name, figures in until.items():
        seconds, before = figures["median"] - before, figures["median"]
        share = seconds / until["update"]["median"]
        stages[name] = {"seconds": seconds, "share": share, "until_here": figures}
    return stages
