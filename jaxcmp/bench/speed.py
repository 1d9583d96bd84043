"""One configuration on this machine: seconds of a step, of its parts and of an evaluation."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.sharding import Mesh

from jaxcmp import costs, devices
from jaxcmp.bench.matmul import fastest_matmul
from jaxcmp.bench.stages import make_prefixes, time_stages
from jaxcmp.bench.timing import Samples, alternate, warm_up
from jaxcmp.bench.workload import synthetic
from jaxcmp.data.order import batch_indices
from jaxcmp.experiment import Config, Experiment, Program, compile_program, prepare


def measure(config: Config, *, rounds: int) -> dict[str, Any]:
    """Every timing has so many samples. The configuration's images are replaced by random ones.

    Raises CommandError for a configuration that cannot be.
    """
    experiment = prepare(config, synthetic(config))
    mesh = devices.make_mesh()
    program = compile_program(experiment, mesh, config)
    training = Training(program)
    # Before anything else is compiled: so far it is what a run of as many steps has used.
    for call in (training.dispatch, training.evaluate):
        warm_up(call, jax.block_until_ready)
    memory = costs.peak_memory() | {"step_temporary_bytes": program.temporary_bytes}
    matmul = fastest_matmul(mesh, config.compute_dtype)
    calls = {
        "step": training.dispatch,
        "matmul": matmul.call,
        "input": input_path(experiment, mesh, config),
        "evaluation": training.evaluate,
    }
    samples = alternate(calls, rounds=rounds, wait=jax.block_until_ready)
    num_steps = program.steps_per_dispatch
    prefixes = make_prefixes(experiment, mesh, batch_size=config.batch_size)
    flops = experiment.training_flops(config.batch_size) * num_steps / samples["step"].median
    matmul_flops = matmul.flops / samples["matmul"].median
    return {
        "compile_seconds": program.compile_seconds,
        **training_speed(samples["step"], num_steps=num_steps, batch_size=config.batch_size),
        "stages": time_stages(prefixes, training.step, rounds=rounds),
        "input": {
            "seconds": samples["input"].describe(),
            "share": samples["input"].median * num_steps / samples["step"].median,
        },
        "evaluation": {
            "seconds": samples["evaluation"].describe(),
            "batch_size": config.eval_batch_size,
            "images_per_second": config.eval_batch_size / samples["evaluation"].median,
        },
        "memory": memory,
        "model_flops_per_second": flops,
        "matmul": {
            "seconds": samples["matmul"].describe(),
            "size": matmul.size,
            "operands": config.compute_dtype,
            "result": matmul.output_dtype,
            "flops_per_second": matmul_flops,
        },
        "model_flops_utilisation": flops / matmul_flops,
    }


def measure_steps(config: Config, *, rounds: int) -> dict[str, Any]:
    """Speed and memory of training alone: what is compared between sizes."""
    program = compile_program(prepare(config, synthetic(config)), devices.make_mesh(), config)
    step = {"step": Training(program).dispatch}
    samples = alternate(step, rounds=rounds, wait=jax.block_until_ready)["step"]
    num_steps = program.steps_per_dispatch
    return {
        "compile_seconds": program.compile_seconds,
        **training_speed(samples, num_steps=num_steps, batch_size=config.batch_size),
        "memory": costs.peak_memory() | {"step_temporary_bytes": program.temporary_bytes},
    }


def training_speed(dispatch: Samples, *, num_steps: int, batch_size: int) -> dict[str, Any]:
    """Seconds of a step and images/s from samples of a dispatch, which holds `num_steps` steps."""
    step = Samples(tuple(each / num_steps for each in dispatch.seconds), dispatch.num_calls)
    return {
        "steps_per_dispatch": num_steps,
        "step_seconds": step.describe(),
        "images_per_second": batch_size / step.median,
    }


class Training:
    """A run that goes on by a dispatch or a step with each call, and is evaluated in between."""

    def __init__(self, program: Program) -> None:
        self._program, self._state, self._next_step = program, program.init(), 1

    def dispatch(self) -> Any:
        """Takes as many steps as the program puts into one dispatch."""
        return self._advance(self._program.steps_per_dispatch)

    def step(self) -> Any:
        return self._advance(1)

    def evaluate(self) -> Any:
        """Gives the logits of the test split, read by the host."""
        return self._program.evaluate(self._state, "test")

    def _advance(self, num_steps: int) -> Any:
        steps = range(self._next_step, self._next_step + num_steps)
        self._state, metrics = self._program.train_steps(self._state, steps)
        self._next_step += num_steps
        return self._state, metrics


def input_path(experiment: Experiment, mesh: Mesh, config: Config) -> Callable[[], Array]:
    """Makes and places the indices of the next batch: all that the host does for a step's data."""
    steps, split_up = itertools.count(1), devices.sharded(mesh)
    num_examples = len(experiment.dataset.train.labels)

    def next_batch() -> Array:
        indices = batch_indices(
            config.seed, next(steps), num_examples=num_examples, batch_size=config.batch_size
        )
        return devices.place(indices, split_up)

    return next_batch
