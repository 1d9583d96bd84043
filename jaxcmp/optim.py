"""Optimizers as directions and schedules as factors: the step multiplies one by the other."""

import inspect
import math
from typing import Any

import jax
import optax

from jaxcmp.errors import CommandError


def make_schedule(
    *, peak_learning_rate: float, warmup_steps: int, total_steps: int
) -> optax.Schedule:
    """Linear warm-up from 0 to the peak, then a cosine to 0 (Loshchilov and Hutter 2017)."""
    if not 0 < peak_learning_rate < math.inf:
        raise CommandError(f"schedule.peak_learning_rate={peak_learning_rate} must be above 0")
    if warmup_steps >= total_steps:
        raise CommandError(
            f"a warm-up of {warmup_steps} steps does not fit into {total_steps}; "
            "lower schedule.warmup_epochs or raise num_epochs"
        )
    if not warmup_steps:
        return optax.cosine_decay_schedule(peak_learning_rate, total_steps)
    return optax.warmup_cosine_decay_schedule(0.0, peak_learning_rate, warmup_steps, total_steps)


def is_decayed(params: Any) -> Any:
    """True for kernels of dense and convolution layers: no bias, norm, position, class token."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def adamw(*, beta_1: float, beta_2: float, weight_decay: float) -> optax.GradientTransformation:
    """Adam with decoupled weight decay on the kernels alone (Loshchilov and Hutter 2019)."""
    return optax.chain(
        optax.scale_by_adam(beta_1, beta_2),
        optax.add_decayed_weights(weight_decay, is_decayed),
    )


def sgd(*, momentum: float, weight_decay: float) -> optax.GradientTransformation:
    """Nesterov momentum; the decay of every parameter is part of the gradient (He et al. 2016)."""
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.trace(momentum, nesterov=True),
    )


OPTIMIZERS = {"adamw": adamw, "sgd": sgd}


def make_optimizer(name: str, *, clip_norm: float, **options: Any) -> optax.GradientTransformation:
    """An optimizer without its learning rate: the update is minus the rate times its output.

    Gradients whose global norm is above `clip_norm` are scaled down to it; 0 leaves them as they
    are. Raises CommandError for an unknown name or option, or a value out of range.
    """
    if name not in OPTIMIZERS:
        raise CommandError(f"optimizer.name={name!r} is unknown; there are {', '.join(OPTIMIZERS)}")
    expected = set(inspect.signature(OPTIMIZERS[name]).parameters)
    if expected != set(options):
        raise CommandError(
            f"optimizer {name!r} takes {', '.join(sorted(expected))}, "
            f"not {', '.join(sorted(options)) or 'nothing'}"
        )
    for option, value in {"clip_norm": clip_norm, **options}.items():
        is_rate = option in ("momentum", "beta_1", "beta_2")
        if not 0 <= value < (1 if is_rate else math.inf):
            bound = " and below 1" if is_rate else ""
            raise CommandError(f"optimizer.{option}={value} must be at least 0{bound}")
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm else optax.identity()
    return optax.chain(clip, OPTIMIZERS[name](**options))
