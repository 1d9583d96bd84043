"""The compiled functions of a run, on its devices and with its data there."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxcmp import devices
from jaxcmp.data.order import batch_indices
from jaxcmp.evaluate import predict_logits
from jaxcmp.step import Metrics, TrainState, several_steps

# Images uint8 [n, height, width, channels] and labels int32 [n].
Examples = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions of a run, with its data on the devices; `init` makes a fresh state.

    `train_step` maps (state, step) to (state, metrics) and gives the old state's memory away;
    `train_steps` takes 1 or `steps_per_dispatch` steps, a range, at once, and its metrics are the
    last one's. `evaluate` maps (state, name of a split) to logits float32 [n, classes] on the host.
    """

    init: Callable[[], TrainState]
    train_step: Callable[[TrainState, int], tuple[TrainState, Metrics]]
    train_steps: Callable[[TrainState, range], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, str], np.ndarray]
    steps_per_dispatch: int
    compile_seconds: dict[str, float]
    temporary_bytes: int | None


def compile_program(
    init: Callable[[Array], TrainState],
    train_step: Callable[..., tuple[TrainState, Metrics]],
    eval_step: Callable[..., Array],
    splits: Mapping[str, Examples],
    mesh: Mesh,
    *,
    seed: int,
    batch_size: int,
    eval_batch_size: int,
    steps_per_dispatch: int,
) -> Program:
    """Puts the data on the devices, each row on one of them, and compiles the steps for them.

    `splits` are by name, among them "train". The program of one step is compiled whatever
    `steps_per_dispatch` is: it takes the steps that are left before something is due.
    """
    everywhere, take = devices.replicated(mesh), devices.take_rows(mesh)
    keys = jax.random.split(jax.random.key(seed))
    init_key, train_key = (devices.place(key, everywhere) for key in keys)
    init = jax.jit(init, out_shardings=everywhere)
    state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere),
        jax.eval_shape(init, init_key),
    )
    placed = {k: tuple(devices.place_rows(x, mesh) for x in split) for k, split in splits.items()}
    num_examples = {name: len(labels) for name, (_, labels) in splits.items()}
    order = partial(_batches, num_examples["train"], seed=seed, batch_size=batch_size, mesh=mesh)
    once = partial(train_step, take=take)
    functions = {steps_per_dispatch: several_steps(once), 1: once}
    start = time.perf_counter()
    compiled = {
        num_steps: jax.jit(function, donate_argnums=0, out_shardings=everywhere)
        .lower(state, *placed["train"], order(range(1, num_steps + 1)), train_key)
        .compile()
        for num_steps, function in functions.items()
    }
    train_seconds = time.perf_counter() - start

    def train_steps(state: TrainState, steps: range) -> tuple[TrainState, Metrics]:
        return compiled[len(steps)](state, *placed["train"], order(steps), train_key)

    start = time.perf_counter()
    evaluate = _compile_evaluation(
        partial(eval_step, take=take), state, placed, num_examples, mesh, eval_batch_size
    )
    eval_seconds = time.perf_counter() - start
    memory = compiled[max(compiled)].memory_analysis()
    return Program(
        init=lambda: init(init_key),
        train_step=lambda state, step: train_steps(state, range(step, step + 1)),
        train_steps=train_steps,
        evaluate=evaluate,
        steps_per_dispatch=steps_per_dispatch,
        compile_seconds={"train_step": train_seconds, "eval_step": eval_seconds},
        temporary_bytes=getattr(memory, "temp_size_in_bytes", None),
    )


def _batches(num_examples: int, steps: range, *, seed: int, batch_size: int, mesh: Mesh) -> Array:
    """Indices of the batches of these steps: [batch] for one, [steps, batch] for several."""
    indices = [
        batch_indices(seed, step, num_examples=num_examples, batch_size=batch_size)
        for step in steps
    ]
    if len(steps) == 1:
        return devices.place(indices[0], devices.sharded(mesh))
    return devices.place(np.stack(indices), devices.sharded(mesh, axis=1))


def _compile_evaluation(
    eval_step: Callable[..., Array],
    state: TrainState,
    placed: Mapping[str, tuple[Array, ...]],
    num_examples: Mapping[str, int],
    mesh: Mesh,
    batch_size: int,
) -> Callable[[TrainState, str], np.ndarray]:
    """`evaluate` of a Program, for every split but "train"."""
    held_out = [name for name in placed if name != "train"]
    # As many as asked for, in equal parts for the devices, and no more than there are examples.
    largest = max(num_examples[name] for name in held_out)
    batch_size = -(-min(batch_size, largest) // mesh.size) * mesh.size
    jitted = jax.jit(eval_step, out_shardings=devices.replicated(mesh))
    padding = devices.place(np.zeros(batch_size, np.int32), devices.sharded(mesh))
    steps = {
        name: jitted.lower(state.variables, placed[name][0], padding).compile() for name in held_out
    }

    def evaluate(state: TrainState, name: str) -> np.ndarray:
        def eval_batch_step(indices: np.ndarray) -> Array:
            indices_placed = devices.place(indices, devices.sharded(mesh))
            return steps[name](state.variables, placed[name][0], indices_placed)

        return predict_logits(
            eval_batch_step, num_examples=num_examples[name], batch_size=batch_size
        )

    return evaluate
