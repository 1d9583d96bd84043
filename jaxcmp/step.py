"""The training step, from a state, a batch and a key to the next state; and the evaluation step."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxcmp import models
from jaxcmp.augment import Augment, unaugmented
from jaxcmp.augment.geometry import resize
from jaxcmp.models.packing import CHANNELS_LAST, Order, Packed, pack, repack, unpack

Metrics = dict[str, Array]
NEVER = jnp.iinfo(jnp.int32).max

# Powers of two, so that scaling a loss and unscaling its gradients is exact.
FIRST_FACTOR, SMALLEST_FACTOR, LARGEST_FACTOR = 2.0**16, 1.0, 2.0**24
GROWTH_INTERVAL = 2000


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LossScale:
    """The factor of the loss, float32, and the number of good steps in a row, int32.

    It lifts gradients that float16 would round to zero (Micikevicius et al. 2018, section 3.2).
    Flax's DynamicScale differentiates and adjusts in one call; gradient accumulation differentiates
    several times and has to adjust once.
    """

    factor: Array
    good_steps: Array

    def after_step(self, is_good: Array) -> "LossScale":
        """Halves the factor, to 1 at the least, after a step with gradients that are not finite.

        After 2,000 good steps in a row it doubles, up to 2**24.
        """
        good_steps = self.good_steps + 1
        is_growing = good_steps == GROWTH_INTERVAL
        grown = jnp.where(is_growing, self.factor * 2, self.factor)
        factor = jnp.where(is_good, grown, self.factor / 2)
        good_steps = jnp.where(is_growing | ~is_good, 0, good_steps)
        return LossScale(jnp.clip(factor, SMALLEST_FACTOR, LARGEST_FACTOR), good_steps)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Everything that changes from step to step, and nothing else.

    `step` is the number of steps taken: the next one, counted from 1, is `step + 1`.
    Parameters, batch statistics and what the optimizer keeps of each are packed:
    `models.packing.unpack` makes plain Flax variables of them. `average` is the moving average of
    parameters and batch statistics, or None. `sums` are running sums over the epoch, so that a run
    resumed within an epoch continues them. Only float16 has a `loss_scale`.
    """

    step: Array
    params: Packed
    batch_stats: Packed
    opt_state: Any
    average: Any
    sums: Metrics
    loss_scale: LossScale | None = None

    @property
    def variables(self) -> dict[str, Packed]:
        """Returns the variables to evaluate, packed: the moving average if there is one."""
        if self.average is not None:
            return self.average
        return {"params": self.params, "batch_stats": self.batch_stats}


@dataclasses.dataclass(frozen=True, eq=False)
class TrainStep:
    """The training step of one recipe: everything about it that never changes.

    The first `mixing_steps` steps mix images. `accumulation` is the number of parts that a
    batch is divided into, processed one after the other; batch normalisation sees one part at a
    time. `average_decay` is the decay per step of the weights' moving average, 0 for no average.
    The state's sums restart every `steps_per_epoch` steps.

    With `is_trunk_frozen` only the head is trained. The trunk runs as in evaluation: without
    dropout, with the running statistics, and without a backward pass. The gradient norm is the
    head's. `joins_arrays` is what a GPU gains from and a CPU loses by, and `kernel_order` how its
    convolutions read kernels: see `models.packing`.
    """

    model: models.Model
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    augment: Augment
    mixing_steps: int
    steps_per_epoch: int
    label_smoothing: float = 0.0
    accumulation: int = 1
    average_decay: float = 0.0
    is_trunk_frozen: bool = False
    joins_arrays: bool = True
    kernel_order: Order = CHANNELS_LAST

    def init(self, key: Array, *, num_channels: int) -> TrainState:
        """Draws a fresh state for images with `num_channels` channels."""
        size = self.model.image_size
        variables: Any = self.model.init(key, jnp.zeros((1, size, size, num_channels)))
        params, batch_stats = (
            pack(variables.get(name, {}), joins=self.joins_arrays, kernel_order=self.kernel_order)
            for name in ("params", "batch_stats")
        )
        trained: Any = self._trained_part(params)[0]
        average = loss_scale = None
        if self.average_decay:
            # A copy: the state is donated, and one buffer cannot be given away twice.
            average = jax.tree.map(jnp.copy, {"params": params, "batch_stats": batch_stats})
        if self.model.dtype == jnp.float16:
            factor = jnp.asarray(FIRST_FACTOR, jnp.float32)
            loss_scale = LossScale(factor, jnp.zeros((), jnp.int32))
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=batch_stats,
            opt_state=self.optimizer.init(trained),
            average=average,
            sums=empty_sums(),
            loss_scale=loss_scale,
        )

    def __call__(
        self, state: TrainState, images: Array, labels: Array, key: Array
    ) -> tuple[TrainState, Metrics]:
        """Takes one step on images uint8 [batch, height, width, channels], labels int32 [batch].

        `key` is the run's. Augmented images of another size than the model's are resized. If the
        state has a loss scale, a step whose gradients are not finite changes only the step number
        and the scale, and counts in no sum.
        """
        # The key follows from the step number, so a resumed run draws the same numbers.
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step))
        images, targets = self.augment(augment_key, images, labels, state.step < self.mixing_steps)
        loss, accuracy, batch_stats, grads = self.gradients(state, images, targets, dropout_key)
        learning_rate = jnp.asarray(self.schedule(state.step), jnp.float32)
        # Optax's types know no packed variables.
        trained: Any
        trained, frozen = self._trained_part(state.params)
        directions, opt_state = self.optimizer.update(grads, state.opt_state, trained)
        # The one place where the learning rate meets the parameters: the optimizer gives
        # directions without it.
        trained = jax.tree.map(lambda p, d: p - learning_rate * d, trained, directions)
        latest = {"params": frozen | trained, "batch_stats": batch_stats}
        is_new_epoch = state.step % self.steps_per_epoch == 0
        after = TrainState(
            step=state.step + 1,
            **latest,
            opt_state=opt_state,
            average=self._averaged(state, latest),
            sums=jax.tree.map(
                lambda old, empty: jnp.where(is_new_epoch, empty, old), state.sums, empty_sums()
            ),
        )
        metrics = {
            "loss": loss,
            "accuracy_mixed": accuracy,
            "gradient_norm": optax.tree.norm(grads),
            "learning_rate": learning_rate,
        }
        if state.loss_scale is not None:
            metrics["loss_scale"] = state.loss_scale.factor
        return count_step(state, after, metrics), metrics

    def gradients(
        self, state: TrainState, images: Array, targets: Array, key: Array
    ) -> tuple[Array, Array, Packed, Any]:
        """Returns loss, accuracy, new batch statistics and gradients, averaged over the parts."""
        trained, frozen = self._trained_part(state.params)
        factor = None if state.loss_scale is None else state.loss_scale.factor

        def part_gradients(
            batch_stats: Packed, part: tuple[Array, Array, Array]
        ) -> tuple[Any, Any]:
            (loss, (batch_stats, accuracy)), grads = jax.value_and_grad(self.loss, has_aux=True)(
                trained, frozen, batch_stats, *part, factor
            )
            return batch_stats, (loss, accuracy, grads)

        if self.accumulation == 1:
            batch_stats, means = part_gradients(state.batch_stats, (images, targets, key))
        else:
            batch_stats, means = self._accumulate(part_gradients, state, images, targets, key)
        loss, accuracy, grads = means
        if factor is not None:
            loss, grads = jax.tree.map(lambda x: x / factor, (loss, grads))
        return loss, accuracy, batch_stats, grads

    def loss(
        self,
        trained: Packed,
        frozen: Packed,
        batch_stats: Packed,
        images: Array,
        targets: Array,
        key: Array,
        factor: Array | None,
    ) -> tuple[Array, tuple[Packed, Array]]:
        """Returns the cross-entropy times `factor`, the new batch statistics and the accuracy.

        The accuracy is the share of the mixed target that belongs to the predicted class.
        """
        # Calls the model: `ViT.__call__` or another. A step needs no more than the kernels' own
        # gradients.
        logits, updated = self.model.clone(has_kernels=True).apply(
            unpack({"params": frozen | trained, "batch_stats": batch_stats}),
            # Resized here, so that only one part of the batch takes memory at a time.
            resize(images, self.model.image_size),
            is_training=not self.is_trunk_frozen,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        smooth = targets
        if self.label_smoothing:
            smooth = optax.smooth_labels(targets, self.label_smoothing)
        loss = jnp.mean(optax.softmax_cross_entropy(logits, smooth))
        predicted = jnp.argmax(logits, axis=-1)
        hit = jnp.take_along_axis(targets, predicted[:, None], axis=1)
        scaled = loss if factor is None else loss * factor
        batch_stats = repack(batch_stats, updated.get("batch_stats", {}))
        return scaled, (batch_stats, jnp.mean(hit))

    def _accumulate(
        self,
        part_gradients: Callable[..., tuple[Any, Any]],
        state: TrainState,
        images: Array,
        targets: Array,
        key: Array,
    ) -> tuple[Any, Any]:
        """Processes the batch in equal parts, one after the other, and averages their results."""
        num_parts = self.accumulation

        def cut(x: Array) -> Array:
            # Every n-th example, so that no part needs examples from another device.
            return x.reshape(-1, num_parts, *x.shape[1:]).swapaxes(0, 1)

        def body(carry: tuple[Any, Any], part: Any) -> tuple[tuple[Any, Any], None]:
            batch_stats, total = carry
            batch_stats, new = part_gradients(batch_stats, part)
            return (batch_stats, jax.tree.map(jnp.add, total, new)), None

        zero = jnp.zeros((), jnp.float32)
        trained, _ = self._trained_part(state.params)
        start = (state.batch_stats, (zero, zero, jax.tree.map(jnp.zeros_like, trained)))
        parts = (cut(images), cut(targets), jax.random.split(key, num_parts))
        (batch_stats, total), _ = scan(body, start, parts)
        return batch_stats, jax.tree.map(lambda x: x / num_parts, total)

    def _trained_part(self, params: Packed) -> tuple[Packed, Packed]:
        """Splits the parameters into trained ones, all or only the head's, and frozen ones."""
        return params.split_head() if self.is_trunk_frozen else (params, params.with_arrays())

    def _averaged(self, before: TrainState, latest: Any) -> Any:
        if before.average is None:
            return None
        # A smaller decay at first: otherwise the random initial weights would dominate for long.
        decay = jnp.minimum(self.average_decay, (1.0 + before.step) / (10.0 + before.step))
        return optax.incremental_update(latest, before.average, 1.0 - decay)


def predict_logits(
    model: models.Model,
    variables: Any,
    images: Array,
    *,
    mean: np.ndarray,
    std: np.ndarray,
) -> Array:
    """Maps images uint8 [batch, height, width, channels] to logits float32 [batch, classes].

    Images of another size than the model's are resized.
    """
    images = unaugmented(images, mean, std, image_size=model.image_size)
    # As in training: nothing is differentiated here.
    fast = model.clone(has_kernels=True)
    return jnp.asarray(fast.apply(variables, images, is_training=False))


def empty_sums() -> Metrics:
    """Returns the sums of an epoch before its first step."""
    zero = jnp.zeros((), jnp.float32)
    return {
        "loss": zero,
        "accuracy_mixed": zero,
        "gradient_norm": zero,
        "num_steps": zero,
        "first_bad_step": jnp.asarray(NEVER, jnp.int32),
    }


def count_step(before: TrainState, after: TrainState, metrics: Metrics) -> TrainState:
    """Adds the step to the sums; reverts it instead if gradients overflowed in float16."""
    is_good = jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["gradient_norm"])
    is_bad = ~is_good
    added = {name: after.sums[name] + metrics[name] for name in metrics if name in after.sums}
    added["num_steps"] = after.sums["num_steps"] + 1
    counted = dataclasses.replace(after, sums=after.sums | added)
    scale = before.loss_scale
    if scale is not None:
        # At the smallest factor, the overflow has another cause than the factor.
        is_bad &= scale.factor <= SMALLEST_FACTOR
        reverted = dataclasses.replace(before, step=after.step, sums=after.sums, loss_scale=None)
        # Selecting array by array is cheaper on a device than a branch.
        kept = jax.tree.map(lambda new, old: jnp.where(is_good, new, old), counted, reverted)
        counted = dataclasses.replace(kept, loss_scale=scale.after_step(is_good))
    first_bad_step = jnp.where(is_bad, after.step, NEVER)
    first_bad_step = jnp.minimum(after.sums["first_bad_step"], first_bad_step)
    return dataclasses.replace(counted, sums=counted.sums | {"first_bad_step": first_bad_step})


def scan(body: Callable, carry: Any, xs: Any) -> Any:
    """Runs `jax.lax.scan`, unrolled on a CPU, where convolutions inside a loop are very slow."""
    loop = partial(jax.lax.scan, body)
    unrolled = partial(jax.lax.scan, body, unroll=True)
    return jax.lax.platform_dependent(carry, xs, cpu=unrolled, default=loop)
