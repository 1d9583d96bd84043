"""Where a step's time goes: prefixes of the real step, each compiled and timed as a program."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxcmp import devices
from jaxcmp.bench.timing import Call, Samples, alternate
from jaxcmp.experiment import Experiment

STAGES = ("gather", "augmentation", "forward", "backward", "update")


def make_prefixes(experiment: Experiment, mesh: Mesh, *, batch_size: int) -> dict[str, Call]:
    """The step up to and with each of STAGES but the last, compiled, on the first batch.

    What is asked of the real step says how far it goes: for the loss alone the compiler leaves out
    the backward pass, for the gradient's norm the update. The update is the rest of a whole step.
    """
    take = devices.take_rows(mesh)
    step = partial(experiment.train_step, take=take)

    def gather(state: Any, images: Array, labels: Array, indices: Array, key: Array) -> Any:
        return take(images, indices), take(labels, indices)

    def augment(state: Any, images: Array, labels: Array, indices: Array, key: Array) -> Any:
        augment_key, _ = jax.random.split(jax.random.fold_in(key, state.step))
        images, labels = gather(state, images, labels, indices, key)
        # Not known before it runs, as in the step, where mixing stops after some epoch.
        return experiment.augment(augment_key, images, labels, state.step >= 0)

    functions: dict[str, Callable] = {
        "gather": gather,
        "augmentation": augment,
        "forward": lambda *inputs: step(*inputs)[1]["loss"],
        "backward": lambda *inputs: step(*inputs)[1]["gradient_norm"],
    }
    everywhere, split_up = devices.replicated(mesh), devices.sharded(mesh)
    init_key, train_key = (
        devices.place(key, everywhere) for key in jax.random.split(jax.random.key(0))
    )
    train = experiment.dataset.train
    inputs = (
        jax.jit(experiment.init, out_shardings=everywhere)(init_key),
        devices.place_rows(np.asarray(train.images), mesh),
        devices.place_rows(train.labels, mesh),
        devices.place(np.arange(batch_size, dtype=np.int32), split_up),
        train_key,
    )
    # What belongs to an example stays on its device, as it does within the step.
    is_of_examples = {"gather": split_up, "augmentation": split_up}
    prefixes = {}
    for name, function in functions.items():
        out = is_of_examples.get(name, everywhere)
        compiled = jax.jit(function, out_shardings=out).lower(*inputs).compile()
        # Unused arguments are dropped by the compiler, not by the caller.
        prefixes[name] = partial(compiled, *inputs)
    return prefixes


def time_stages(prefixes: dict[str, Call], whole: Call, *, rounds: int) -> dict[str, Any]:
    """Seconds and share of each stage: the differences of the prefixes' medians, in alternation.

    A difference can come out below zero where a stage takes less than the medians' own error.
    """
    calls = {**prefixes, "update": whole}
    return stage_shares(alternate(calls, rounds=rounds, wait=jax.block_until_ready))


def stage_shares(samples: dict[str, Samples]) -> dict[str, Any]:
    """`samples` are of the prefixes by their last stage; "update" is the whole step."""
    total, before, stages = samples["update"].median, 0.0, {}
    for name in STAGES:
        until = samples[name].median
        seconds, before = until - before, until
        stages[name] = {
            "seconds": seconds,
            "share": seconds / total,
            "until_here": samples[name].describe(),
        }
    return stages
