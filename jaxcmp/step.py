"""One training step: state, examples and a key in, the next state and its metrics out."""

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from jaxcmp import loss_scale as scaling
from jaxcmp.augment.geometry import resize
from jaxcmp.loops import in_parts, scan

Metrics = dict[str, Array]
NEVER = jnp.iinfo(jnp.int32).max


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that changes from step to step, and nothing else.

    `average` holds the moving average of parameters and statistics, or None. `sums` are the
    epoch's running sums: a run that stops within an epoch goes on with the same ones. `loss_scale`
    is there for float16 alone.
    """

    step: Array
    params: Any
    batch_stats: Any
    opt_state: Any
    average: Any
    sums: Metrics
    loss_scale: scaling.LossScale | None = None

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


def trained_part(params: Any, is_trunk_frozen: bool) -> tuple[Any, Any]:
    """What is trained of the parameters, all or the head alone, and the others."""
    if not is_trunk_frozen:
        return params, {}
    others = {name: part for name, part in params.items() if name != "head"}
    return {"head": params["head"]}, others


def init_state(
    key: Array,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    is_averaging: bool,
    is_scaling: bool = False,
    is_trunk_frozen: bool = False,
) -> TrainState:
    """A fresh state for images of `image_shape` [height, width, channels], as the model takes them.

    `is_scaling` gives it a loss scale, which a model that computes in float16 needs. With
    `is_trunk_frozen` the optimizer knows the head alone.
    """
    variables = model.init(key, jnp.zeros((1, *image_shape)))
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    # A copy: the state is donated, and one buffer cannot be given away twice.
    average = {"params": params, "batch_stats": batch_stats} if is_averaging else None
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=optimizer.init(trained_part(params, is_trunk_frozen)[0]),
        average=jax.tree.map(jnp.copy, average),
        sums=empty_sums(),
        loss_scale=scaling.fresh() if is_scaling else None,
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
    is_trunk_frozen: bool = False,
) -> Callable[..., tuple[TrainState, Metrics]]:
    """Binds what never changes; the result is pure and ready for `jax.jit`.

    The step takes the state, all images uint8 [n, height, width, channels], all labels int32 [n],
    the batch's indices int32 [batch] and the run's key; `take` is how it finds rows where each
    device holds a part of them. `mixing_steps` is the last step that mixes images, `accumulation`
    the number of parts the batch is worked through in, one after the other (batch normalisation
    sees a part at a time), and `average_decay` the weight average's decay per step, 0 for none. The
    state's sums start anew every `steps_per_epoch` steps. Augmented images of another size than the
    model's are resized.

    With `is_trunk_frozen` the head alone is trained, on what the trunk gives in evaluation: without
    dropout, with running statistics that stay as they are, and without a backward pass through it.
    The gradient's norm is then the head's.

    Where the state has a loss scale, a step whose gradients are not finite changes nothing but the
    step number and the scale, and stands in no sum.
    """

    def loss_fn(trained, batch_stats, images, targets, dropout_key, factor, frozen):
        logits, updated = model.apply(
            {"params": frozen | trained, "batch_stats": batch_stats},
            # Here, and not before, so that a part of the batch at a time takes the memory.
            resize(images, model.image_size),
            is_training=not is_trunk_frozen,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_key},
        )
        smooth = optax.smooth_labels(targets, label_smoothing) if label_smoothing else targets
        loss = jnp.mean(optax.softmax_cross_entropy(logits, smooth))
        # The share of the mixed target that lies on the predicted class.
        predicted = jnp.argmax(logits, axis=-1)
        hit = jnp.take_along_axis(targets, predicted[:, None], axis=1)
        scaled = loss if factor is None else loss * factor
        return scaled, (updated.get("batch_stats", {}), jnp.mean(hit))

    grad_fn = in_parts(jax.value_and_grad(loss_fn, has_aux=True), accumulation)

    def averaged(old: Any, latest: dict[str, Any], step: Array) -> Any:
        if old is None:
            return None
        # At the start the random weights would weigh for too long.
        decay = jnp.minimum(average_decay, (1.0 + step) / (10.0 + step))
        return optax.incremental_update(latest, old, 1.0 - decay)

    def train_step(
        state: TrainState,
        all_images: Array,
        all_labels: Array,
        indices: Array,
        key: Array,
        *,
        take: Callable[[Array, Array], Array] = operator.getitem,
    ) -> tuple[TrainState, Metrics]:
        # The step number picks the key, so a resumed run draws what it would have drawn.
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step))
        images, labels = take(all_images, indices), take(all_labels, indices)
        images, targets = augment(augment_key, images, labels, state.step < mixing_steps)
        factor = None if state.loss_scale is None else state.loss_scale.factor
        trained, frozen = trained_part(state.params, is_trunk_frozen)
        (loss, (batch_stats, accuracy)), grads = grad_fn(
            trained, state.batch_stats, images, targets, dropout_key, factor, frozen
        )
        if factor is not None:
            loss, grads = jax.tree.map(lambda x: x / factor, (loss, grads))
        directions, opt_state = optimizer.update(grads, state.opt_state, trained)
        learning_rate = jnp.asarray(schedule(state.step), jnp.float32)
        trained = jax.tree.map(lambda p, d: p - learning_rate * d, trained, directions)
        params = frozen | trained
        latest = {"params": params, "batch_stats": batch_stats}
        average = averaged(state.average, latest, state.step)
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
        after = TrainState(state.step + 1, params, batch_stats, opt_state, average, sums)
        if factor is not None:
            metrics["loss_scale"] = factor
        return _counted(state, after, metrics), metrics

    return train_step


def several_steps(train_step: Callable) -> Callable:
    """Makes one program of as many steps as there are rows of indices [steps, batch].

    Its metrics are those of the last step.
    """

    def train_steps(
        state: TrainState, all_images: Array, all_labels: Array, indices: Array, key: Array
    ) -> tuple[TrainState, Metrics]:
        def body(state: TrainState, indices: Array) -> tuple[TrainState, Metrics]:
            return train_step(state, all_images, all_labels, indices, key)

        state, metrics = scan(body, state, indices)
        return state, jax.tree.map(lambda x: x[-1], metrics)

    return train_steps


def _counted(before: TrainState, after: TrainState, metrics: Metrics) -> TrainState:
    """Adds the step to the sums, and undoes it where gradients overflowed in float16."""
    is_good = jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["gradient_norm"])
    is_bad = ~is_good
    added = {name: after.sums[name] + metrics[name] for name in metrics if name in after.sums}
    added["num_steps"] = after.sums["num_steps"] + 1
    counted = dataclasses.replace(after, sums=after.sums | added)
    scale = before.loss_scale
    if scale is not None:
        # At the smallest factor it is not the factor that makes them infinite.
        is_bad &= scaling.is_exhausted(scale)
        undone = dataclasses.replace(before, step=after.step, sums=after.sums, loss_scale=None)
        kept = scaling.keep_if(is_good, counted, undone)
        counted = dataclasses.replace(kept, loss_scale=scaling.adjust(scale, is_good))
    first_bad_step = jnp.where(is_bad, after.step, NEVER)
    first_bad_step = jnp.minimum(after.sums["first_bad_step"], first_bad_step)
    return dataclasses.replace(counted, sums=counted.sums | {"first_bad_step": first_bad_step})
