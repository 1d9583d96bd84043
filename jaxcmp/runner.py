"""The training and evaluation steps of a run, compiled for its devices, and their data."""

import collections
import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from jax.stages import Compiled, Lowered

from jaxcmp import models
from jaxcmp.data.order import batch_indices
from jaxcmp.data.streaming import Images, ReadAhead, StoredImages
from jaxcmp.data.whole_split import batch_for, collect_logits, padded_batches
from jaxcmp.models.packing import unpack
from jaxcmp.runtime import cuda, devices
from jaxcmp.step import Metrics, TrainState, TrainStep, predict_logits, scan

# Images uint8 [n, height, width, channels] and labels int32 [n] by split; one is "train".
Splits = Mapping[str, tuple[Images, np.ndarray]]

# Dispatches that may wait for the devices. More would keep their images in memory, and delay the
# answer to a signal: on a CPU by a minute.
MAX_WAITING = 2
# More steps than any run has; `ReadAhead` needs an end.
LAST_STEP = 2**31
NO_ROWS = np.array([], np.int32)


@dataclasses.dataclass(frozen=True)
class Batches:
    """The sizes and the order of batches: each epoch is a random permutation drawn with `seed`."""

    seed: int
    batch_size: int
    eval_batch_size: int

    def positions(self, step: int, num_examples: int) -> np.ndarray:
        """Returns the positions of a training step's examples, int32 [batch_size]."""
        return batch_indices(self.seed, step, num_examples=num_examples, batch_size=self.batch_size)


class ResidentData:
    """Images on the devices; a step receives only indices.

    If `is_copied`, each device has all images, and looks its part of a batch up on its own. Else
    each image is on one device.
    """

    def __init__(
        self, splits: Splits, mesh: Mesh, batches: Batches, *, is_copied: bool = False
    ) -> None:
        self._mesh, self._batches, self._is_copied = mesh, batches, is_copied
        self._num_train = len(splits["train"][1])
        self._placed = {
            name: tuple(self._place(np.asarray(x)) for x in split) for name, split in splits.items()
        }
        self._look_up = jax.jit(self._take_rows, out_shardings=devices.sharded(mesh))

    def batches(self, steps: range) -> tuple[tuple[Array, ...], Array]:
        """Returns the resident arrays, and the indices int32 [steps, batch] of a dispatch."""
        indices = np.stack([self._batches.positions(step, self._num_train) for step in steps])
        return self._placed["train"], devices.place(indices, devices.sharded(self._mesh, axis=1))

    def in_order(self, name: str, rows: np.ndarray) -> Iterator[Array]:
        """Yields images [batch, ...] of these rows of a split, in order."""
        images, _ = self._placed[name]
        for batch in padded_batches(len(rows), self._batches.eval_batch_size):
            indices = devices.place(rows[batch], devices.sharded(self._mesh))
            yield self._look_up(images, indices)

    def batch_shapes(self, num_steps: int) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
            self.batches(range(1, num_steps + 1)),
        )

    def take(self, resident: tuple[Array, ...], indices: Array) -> tuple[Array, ...]:
        """Gathers a batch from each resident array. Pure: called inside the compiled step."""
        return tuple(self._take_rows(rows, indices) for rows in resident)

    def close(self) -> None:
        pass

    def _place(self, rows: np.ndarray) -> Array:
        if self._is_copied:
            return devices.place(rows, devices.replicated(self._mesh))
        return devices.place_rows(rows, self._mesh)

    def _take_rows(self, rows: Array, indices: Array) -> Array:
        if self._is_copied:
            return devices.take_copied_rows(self._mesh, rows, indices)
        return devices.take_rows(self._mesh, rows, indices)


class StreamedData:
    """Images that stay in their files; they are read and decoded ahead, and sent per dispatch.

    Each process reads and sends only the rows of its own devices.
    """

    def __init__(self, splits: Splits, mesh: Mesh, batches: Batches) -> None:
        self._splits, self._mesh, self._batches = splits, mesh, batches
        images, _ = splits["train"]
        self._own_rows = devices.own_rows(batches.batch_size, mesh)
        self._training = ReadAhead(
            images, lambda step: self._train_positions(step)[self._own_rows], stop=LAST_STEP
        )

    def batches(self, steps: range) -> tuple[tuple[()], tuple[Array, Array]]:
        """Returns images [steps, batch, ...] and labels [steps, batch] of a dispatch."""
        _, labels = self._splits["train"]
        placed = np.stack([labels[self._train_positions(step)] for step in steps])
        images, sharding = self._training.take(steps), devices.sharded(self._mesh, axis=1)
        shape = (len(steps), self._batches.batch_size, *images.shape[2:])
        return (), (
            devices.place_own_rows(images, sharding, shape=shape),
            devices.place(placed, sharding),
        )

    def in_order(self, name: str, rows: np.ndarray) -> Iterator[Array]:
        """Yields images [batch, ...] of these rows of a split, in order."""
        images, _ = self._splits[name]
        size = self._batches.eval_batch_size
        own = devices.own_rows(size, self._mesh)
        batches = [rows[batch][own] for batch in padded_batches(len(rows), size)]
        with closing(ReadAhead(images, batches.__getitem__, stop=len(batches))) as reading:
            for n in range(len(batches)):
                part = reading.take(range(n, n + 1))[0]
                shape = (size, *part.shape[1:])
                yield devices.place_own_rows(part, devices.sharded(self._mesh), shape=shape)

    def batch_shapes(self, num_steps: int) -> Any:
        images, labels = self._splits["train"]
        shape = (num_steps, self._batches.batch_size)
        sharding = devices.sharded(self._mesh, axis=1)
        return (), (
            jax.ShapeDtypeStruct((*shape, *images.shape[1:]), np.uint8, sharding=sharding),
            jax.ShapeDtypeStruct(shape, labels.dtype, sharding=sharding),
        )

    def take(self, resident: tuple[()], batch: tuple[Array, ...]) -> tuple[Array, ...]:
        """Returns the batch, which was sent whole. Pure: called inside the compiled step."""
        return batch

    def close(self) -> None:
        """Ends the threads that read ahead."""
        self._training.close()

    def _train_positions(self, step: int) -> np.ndarray:
        return self._batches.positions(step, len(self._splits["train"][1]))


def keys_of_run(seed: int) -> tuple[Array, Array]:
    """Returns the key of a run's first state, and that of its training."""
    init_key, train_key = jax.random.split(jax.random.key(seed))
    return init_key, train_key


def open_data(
    splits: Splits, mesh: Mesh, batches: Batches, *, is_copied: bool
) -> ResidentData | StreamedData:
    """Puts the images on the devices, or begins to stream them if they are StoredImages."""
    images, _ = splits["train"]
    if isinstance(images, StoredImages):
        return StreamedData(splits, mesh, batches)
    return ResidentData(splits, mesh, batches, is_copied=is_copied)


class Runner:
    """The training and evaluation steps of one run on its devices.

    Images live on the devices, each on one of them or, if `is_copied`, on all, unless they are
    StoredImages, which are streamed. With `has_leftovers` some dispatches take a single step.
    `train_sample` has the rows of the training images that can be evaluated too. Call `compile`
    before `train` and `evaluate`, and `close` at the end.
    """

    def __init__(
        self,
        train_step: TrainStep,
        splits: Splits,
        mesh: Mesh,
        *,
        mean: np.ndarray,
        std: np.ndarray,
        seed: int,
        batch_size: int,
        eval_batch_size: int,
        steps_per_dispatch: int,
        has_leftovers: bool = True,
        train_sample: np.ndarray = NO_ROWS,
        is_copied: bool = False,
    ) -> None:
        self.train_step, self.steps_per_dispatch = train_step, steps_per_dispatch
        self._has_leftovers = has_leftovers
        platform = mesh.devices.flat[0].platform
        self._compiler_options = cuda.compiler_options(platform, cuda.compute_capability())
        self._compiler_options |= models.compiler_options(train_step.model)
        # By the number of steps that a dispatch takes.
        self.train_programs: dict[int, Compiled] = {}
        self._eval_program: Compiled | None = None
        self.compile_seconds: dict[str, float] = {}
        self.temporary_bytes: int | None = None
        self._mean, self._std = mean, std
        self._evaluated = {n: np.arange(len(labels)) for n, (_, labels) in splits.items()}
        self._evaluated["train"] = train_sample
        # No larger than the largest split.
        num_held_out = max(len(labels) for n, (_, labels) in splits.items() if n != "train")
        eval_batch_size = batch_for(num_held_out, eval_batch_size, mesh.size)
        images, _ = splits["train"]
        batches = Batches(seed, batch_size, eval_batch_size)
        self.data = open_data(splits, mesh, batches, is_copied=is_copied)
        self._everywhere = devices.replicated(mesh)
        self.eval_images = jax.ShapeDtypeStruct(
            (eval_batch_size, *images.shape[1:]), np.uint8, sharding=devices.sharded(mesh)
        )
        keys = (devices.place(key, self._everywhere) for key in keys_of_run(seed))
        init_key, self._train_key = keys
        self._init = partial(
            jax.jit(
                train_step.init, static_argnames="num_channels", out_shardings=self._everywhere
            ),
            init_key,
            num_channels=images.shape[-1],
        )
        self._unpack = jax.jit(unpack, out_shardings=self._everywhere)
        self._waiting: collections.deque[Array] = collections.deque()

    @functools.cached_property
    def state_shapes(self) -> TrainState:
        """The shapes of the state, with shardings."""
        return self._replicated(jax.eval_shape(self._init))

    @property
    def num_parameters(self) -> int:
        return sum(x.size for x in jax.tree.leaves(self.state_shapes.params))

    def _replicated(self, shapes: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=self._everywhere), shapes
        )

    def init(self) -> TrainState:
        """Draws a fresh state."""
        return self._init()

    def compile(self) -> None:
        """Compiles the training steps and the evaluation, and records how long each took.

        XLA needs no Python: it compiles one program while the next is traced, so that their
        seconds overlap. A program of a single step is compiled too if there are leftovers: steps
        before one that is logged or ends an epoch.
        """
        sizes = {self.steps_per_dispatch, 1} if self._has_leftovers else {self.steps_per_dispatch}
        with ThreadPoolExecutor(thread_name_prefix="compile") as threads:
            start = time.perf_counter()
            training = {
                n: threads.submit(self._compile, self._lower_steps(n), "train_step", start)
                for n in sorted(sizes)
            }
            start = time.perf_counter()
            lowered = self._lower_evaluation()
            evaluation = threads.submit(self._compile, lowered, "eval_step", start)
        self.train_programs |= {n: program.result() for n, program in training.items()}
        self._eval_program = evaluation.result()
        # Here, before an epoch is trained in vain.
        devices.temporary_bytes(self._eval_program)
        self.temporary_bytes = devices.temporary_bytes(self.train_programs[self.steps_per_dispatch])

    def _lower_steps(self, num_steps: int) -> Lowered:
        """Traces `take_steps`, and in it `TrainStep.__call__`."""
        train = jax.jit(self.take_steps, donate_argnums=0, out_shardings=self._everywhere)
        batches = self.data.batch_shapes(num_steps)
        return train.lower(self.state_shapes, *batches, self._train_key)

    def _lower_evaluation(self) -> Lowered:
        predict = jax.jit(self.predict, out_shardings=self._everywhere)
        variables = self._replicated(unpack(self.state_shapes.variables))
        return predict.lower(variables, self.eval_images)

    def _compile(self, lowered: Lowered, name: str, start: float) -> Compiled:
        """Compiles a program, and records the seconds since `start`, when its tracing began."""
        program = lowered.compile(compiler_options=self._compiler_options)
        self.compile_seconds[name] = time.perf_counter() - start
        return program

    def train(self, state: TrainState, steps: range) -> tuple[TrainState, Metrics]:
        """Takes 1 or `steps_per_dispatch` steps in one dispatch, and donates the old state.

        The metrics are those of the last step, and may not be computed yet. A single step without
        leftovers is compiled first: a run may go on after a step at which no dispatch would end.
        """
        if len(steps) not in self.train_programs:
            lowered = self._lower_steps(len(steps))
            self.train_programs[len(steps)] = lowered.compile(self._compiler_options)
        state, metrics = self.train_programs[len(steps)](
            state, *self.data.batches(steps), self._train_key
        )
        self._waiting.append(metrics["loss"])
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().block_until_ready()
        return state, metrics

    def evaluate(self, state: TrainState, name: str) -> np.ndarray:
        """Returns logits float32 [n, classes] of a split, of "train" those of the sample."""
        rows = self._evaluated[name]
        batches = self.data.in_order(name, rows)
        assert self._eval_program is not None, "compile comes before evaluate"
        # Once for all batches: inside the program, many of a model's arrays would be copied again.
        logits = map(partial(self._eval_program, self._unpack(state.variables)), batches)
        return collect_logits(logits, num_examples=len(rows))

    def close(self) -> None:
        """Ends the threads that read ahead."""
        self.data.close()

    def take_steps(
        self, state: TrainState, resident: Any, batches: Any, key: Array
    ) -> tuple[TrainState, Metrics]:
        """Takes a step on each of `batches`; returns the last metrics. Pure, to be compiled."""

        def body(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
            images, labels = self.data.take(resident, batch)
            return self.train_step(state, images, labels, key)

        if len(jax.tree.leaves(batches)[0]) == 1:
            return body(state, jax.tree.map(lambda x: x[0], batches))
        state, metrics = scan(body, state, batches)
        return state, jax.tree.map(lambda x: x[-1], metrics)

    def predict(self, variables: Any, images: Array) -> Array:
        """Returns logits [batch, classes] of a batch, of plain variables. Pure, to be compiled."""
        return predict_logits(
            self.train_step.model, variables, images, mean=self._mean, std=self._std
        )
