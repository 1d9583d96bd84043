"""One training step: state, examples and a key in, the next state and its metrics out."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

Metrics = dict[str, Array]
NEVER = jnp.iinfo(jnp.int32).max


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that changes from step to step, and nothing else.

    `average` holds the moving average of parameters and statistics, or None. `sums` are the
    epoch's running sums: a run that stops within an epoch goes on with the same ones.
    """

    step: Array
    params: Any
    batch_stats: Any
    opt_state: Any
    average: Any
    sums: Metrics

    @property
    def variables(self) -> dict[str, Any]:
        """What evaluation uses: the averaged variables where there is an average."""
        if self.average is not None:
            return self.average
        return {"params": self.params, "batch_stats": self.batch_stats}


def empty_sums() -> Metrics:
    zero = jnp.zeros((), jnp.float32)
    return {
        "loss": zero,
        "accuracy_mixed": zero,
        "gradient_norm": zero,
        "num_steps": zero,
        "first_bad_step": jnp.asarray(NEVER, jnp.int32),
    }


def init_state(
    key: Array,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    is_averaging: bool,
) -> TrainState:
    """A fresh state for images of `image_shape` [height, width, channels]."""
    variables = model.init(key, jnp.zeros((1, *image_shape)))
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    # A copy: the state is donated, and one buffer cannot be given away twice.
    average = {"params": params, "batch_stats": batch_stats} if is_averaging else None
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=optimizer.init(params),
        average=jax.tree.map(jnp.copy, average),
        sums=empty_sums(),
    )


def make_train_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    schedule: optax.Schedule,
    augment: Callable[..., tuple[Array, Array]],
    *,
    mixing_steps: int,
    label_smoothing: float,
    accumulation: int,
    average_decay: float,
    steps_per_epoch: int,
) -> Callable[..., tuple[TrainState, Metrics]]:
    """Binds what never changes; the result is pure and ready for `jax.jit`.

    The step takes the state, all images uint8 [n, height, width, channels], all labels int32 [n],
    the batch's indices int32 [batch] and the run's key. `mixing_steps` is the last step that
    mixes images, `accumulation` the number of parts the batch is worked through in, one after
    the other (batch normalisation sees a part at a time), and `average_decay` the weight average's
    decay per step, 0 for none. The state's sums start anew every `steps_per_epoch` steps.
    """

    def loss_fn(params, batch_stats, images, targets, dropout_key):
        logits, updated = model.apply(
            {"params": params, "batch_stats": batch_stats},
            images,
            is_training=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        smooth = optax.smooth_labels(targets, label_smoothing) if label_smoothing else targets
        loss = jnp.mean(optax.softmax_cross_entropy(logits, smooth))
        # The share of the mixed target that lies on the predicted class.
        predicted = jnp.argmax(logits, axis=-1)
        hit = jnp.take_along_axis(targets, predicted[:, None], axis=1)
        return loss, (updated.get("batch_stats", {}), jnp.mean(hit))

    grad_fn = jax.value_and_grad(loss_fn, has_aux=True)

    def train_step(
        state: TrainState, all_images: Array, all_labels: Array, indices: Array, key: Array
    ) -> tuple[TrainState, Metrics]:
        # The step number picks the key, so a resumed run draws what it would have drawn.
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step))
        is_mixing = state.step < mixing_steps
        images, targets = augment(augment_key, all_images[indices], all_labels[indices], is_mixing)
        (loss, (batch_stats, accuracy)), grads = _in_parts(grad_fn, accumulation)(
            state.params, state.batch_stats, images, targets, dropout_key
        )
        directions, opt_state = optimizer.update(grads, state.opt_state, state.params)
        learning_rate = jnp.asarray(schedule(state.step), jnp.float32)
        params = jax.tree.map(lambda p, d: p - learning_rate * d, state.params, directions)
        average = state.average
        if average is not None:
            latest = {"params": params, "batch_stats": batch_stats}
            # At the start the random weights would weigh for too long.
            decay = jnp.minimum(average_decay, (1.0 + state.step) / (10.0 + state.step))
            average = optax.incremental_update(latest, average, 1.0 - decay)
        step = state.step + 1
        metrics = {
            "loss": loss,
            "accuracy_mixed": accuracy,
            "gradient_norm": optax.tree.norm(grads),
            "learning_rate": learning_rate,
        }
        is_new_epoch = state.step % steps_per_epoch == 0
        sums = jax.tree.map(
            lambda old, empty: jnp.where(is_new_epoch, empty, old), state.sums, empty_sums()
        )
        sums = _add(sums, metrics, step)
        return TrainState(step, params, batch_stats, opt_state, average, sums), metrics

    return train_step


def _in_parts(grad_fn: Callable, num_parts: int) -> Callable:
    """Averages loss, accuracy and gradients over equal parts of the batch, in turn."""
    if num_parts == 1:
        return grad_fn

    def cut(x: Array) -> Array:
        # Every n-th example: a part then needs nothing that lies on another device.
        return x.reshape(-1, num_parts, *x.shape[1:]).swapaxes(0, 1)

    def accumulated(params, batch_stats, images, targets, key):
        def body(carry, part):
            batch_stats, totals = carry
            part_images, part_targets, part_key = part
            (loss, (batch_stats, accuracy)), grads = grad_fn(
                params, batch_stats, part_images, part_targets, part_key
            )
            return (batch_stats, jax.tree.map(jnp.add, totals, (loss, accuracy, grads))), None

        parts = (cut(images), cut(targets), jax.random.split(key, num_parts))
        zero = jnp.zeros((), jnp.float32)
        empty = (batch_stats, (zero, zero, jax.tree.map(jnp.zeros_like, params)))
        # XLA's CPU convolutions are some 50 times slower inside a loop, so there is none there.
        is_unrolled = jax.default_backend() == "cpu"
        (batch_stats, totals), _ = jax.lax.scan(body, empty, parts, unroll=is_unrolled)
        loss, accuracy, grads = jax.tree.map(lambda x: x / num_parts, totals)
        return (loss, (batch_stats, accuracy)), grads

    return accumulated


def _add(sums: Metrics, metrics: Metrics, step: Array) -> Metrics:
    is_bad = ~(jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["gradient_norm"]))
    return {
        **{
            name: sums[name] + metrics[name] for name in ("loss", "accuracy_mixed", "gradient_norm")
        },
        "num_steps": sums["num_steps"] + 1,
        "first_bad_step": jnp.minimum(sums["first_bad_step"], jnp.where(is_bad, step, NEVER)),
    }
