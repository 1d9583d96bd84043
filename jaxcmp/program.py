"""The compiled functions of a run, on its devices and with its data there, or on its way."""

import collections
import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxcmp import devices
from jaxcmp.evaluate import collect_logits
from jaxcmp.feeds import Examples, Feed, make_feed
from jaxcmp.step import Metrics, TrainState, several_steps


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions of a run, with its data; `init` makes a fresh state.

    `train_step` maps (state, step) to (state, metrics) and gives the old state's memory away;
    `train_steps` takes 1 or `steps_per_dispatch` steps, a range, at once, and its metrics are the
    last one's. `evaluate` maps (state, name of a split) to logits float32 [n, classes] on the host.
    `close` ends what reads ahead of the steps.
    """

    init: Callable[[], TrainState]
    train_step: Callable[[TrainState, int], tuple[TrainState, Metrics]]
    train_steps: Callable[[TrainState, range], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, str], np.ndarray]
    close: Callable[[], None]
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

    StoredImages are streamed instead. `splits` are by name, among them "train". The program of one
    step is compiled whatever `steps_per_dispatch` is: it takes the steps that are left before
    something is due.
    """
    everywhere = devices.replicated(mesh)
    keys = jax.random.split(jax.random.key(seed))
    init_key, train_key = (devices.place(key, everywhere) for key in keys)
    init = jax.jit(init, out_shardings=everywhere)
    state = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere),
        jax.eval_shape(init, init_key),
    )
    sizes = {"batch_size": batch_size, "eval_batch_size": eval_batch_size}
    feed = make_feed(splits, mesh, seed=seed, **sizes)
    once = partial(train_step, take=feed.take)
    functions = {steps_per_dispatch: several_steps(once), 1: once}
    start = time.perf_counter()
    compiled = {
        num_steps: jax.jit(function, donate_argnums=0, out_shardings=everywhere)
        .lower(state, *feed.train_shapes(num_steps), train_key)
        .compile()
        for num_steps, function in functions.items()
    }
    train_seconds = time.perf_counter() - start
    in_line: collections.deque[Array] = collections.deque()

    def train_steps(state: TrainState, steps: range) -> tuple[TrainState, Metrics]:
        state, metrics = compiled[len(steps)](state, *feed.train(steps), train_key)
        if feed.most_in_line is not None:
            in_line.append(metrics["loss"])
            if len(in_line) > feed.most_in_line:
                in_line.popleft().block_until_ready()
        return state, metrics

    start = time.perf_counter()
    num_examples = {name: len(labels) for name, (_, labels) in splits.items()}
    evaluate = _compile_evaluation(eval_step, state, feed, num_examples, mesh)
    eval_seconds = time.perf_counter() - start
    memory = compiled[max(compiled)].memory_analysis()
    return Program(
        init=lambda: init(init_key),
        train_step=lambda state, step: train_steps(state, range(step, step + 1)),
        train_steps=train_steps,
        evaluate=evaluate,
        close=feed.close,
        steps_per_dispatch=steps_per_dispatch,
        compile_seconds={"train_step": train_seconds, "eval_step": eval_seconds},
        temporary_bytes=getattr(memory, "temp_size_in_bytes", None),
    )


def _compile_evaluation(
    eval_step: Callable[..., Array],
    state: TrainState,
    feed: Feed,
    num_examples: Mapping[str, int],
    mesh: Mesh,
) -> Callable[[TrainState, str], np.ndarray]:
    """`evaluate` of a Program, for every split but "train"."""
    jitted = jax.jit(partial(eval_step, take=feed.take), out_shardings=devices.replicated(mesh))
    steps = {
        name: jitted.lower(state.variables, *feed.held_out_shapes(name)).compile()
        for name in num_examples
        if name != "train"
    }

    def evaluate(state: TrainState, name: str) -> np.ndarray:
        logits = (steps[name](state.variables, *batch) for batch in feed.held_out(name))
        return collect_logits(logits, num_examples=num_examples[name])

    return evaluate
