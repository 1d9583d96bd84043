"""Optimizers without a learning rate, and learning rate schedules; the step multiplies the two."""

import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import optax
from jax import Array

from jaxcmp.errors import CommandError
from jaxcmp.models.packing import repack, unpack


def make_schedule(
    *, peak_learning_rate: float, warmup_steps: int, total_steps: int
) -> optax.Schedule:
    """Returns a linear warm-up from 0 and a cosine back to 0 (Loshchilov and Hutter 2017).

    Raises CommandError for a warm-up as long as the run.
    """
    if warmup_steps >= total_steps:
        raise CommandError(
            f"a warm-up of {warmup_steps} steps does not fit into {total_steps}; "
            "lower schedule.warmup_epochs or raise num_epochs"
        )
    if not warmup_steps:
        return optax.cosine_decay_schedule(peak_learning_rate, total_steps)
    return optax.warmup_cosine_decay_schedule(0.0, peak_learning_rate, warmup_steps, total_steps)


def is_decayed(params: Any) -> Any:
    """Marks kernels of dense and convolution layers True; biases, norms, positions, cls False."""
    marks = jax.tree_util.tree_map_with_path(
        lambda path, _: path[-1].key == "kernel", unpack(params)
    )
    # Arrays that are joined have one name.
    return repack(params, marks, join=lambda marks, _: all(marks))


def adamw(*, beta_1: float, beta_2: float, weight_decay: float) -> optax.GradientTransformation:
    """Returns Adam with decoupled weight decay on kernels only (Loshchilov and Hutter 2019)."""
    return optax.chain(
        optax.scale_by_adam(beta_1, beta_2),
        optax.add_decayed_weights(weight_decay, is_decayed),
    )


def sgd(*, momentum: float, weight_decay: float) -> optax.GradientTransformation:
    """Returns Nesterov momentum; weight decay is part of every gradient (He et al. 2016)."""
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.trace(momentum, nesterov=True),
    )


def decay_by_layer(decay: float) -> optax.GradientTransformation:
    """Scales updates by `decay` once for each layer above (Clark et al. 2020; Bao et al. 2022).

    `layers_above` counts the layers. Weight decay is scaled too, as by a learning rate per layer.
    """

    def scale(directions: Any, params: Any) -> Any:
        above = layers_above(unpack(directions))
        factors = jax.tree.map(lambda number: decay**number, above)
        return jax.tree.map(_times, directions, repack(directions, factors, join=np.repeat))

    return optax.stateless(scale)


def _times(direction: Array, factor: np.ndarray | float) -> Array:
    """Multiplies an array by a factor, or by one for each index of its first axis."""
    factors = np.asarray(factor, direction.dtype)
    return direction * factors.reshape(*factors.shape, *[1] * (direction.ndim - factors.ndim))


def layers_above(params: Any) -> Any:
    """Counts the layers above each parameter.

    Each block is a layer. Everything before the first block is one layer, and everything after the
    last block (the final norm and the head) is another, with none above it.
    """
    paths_and_params, structure = jax.tree_util.tree_flatten_with_path(params)
    positions = [_position([key.key for key in path]) for path, _ in paths_and_params]
    from_top = sorted(set(positions), reverse=True)
    return jax.tree.unflatten(structure, [from_top.index(position) for position in positions])


def _position(names: Sequence[str]) -> tuple[float, ...]:
    """Returns the numbers of a parameter's stage and block; infinite outside all blocks."""
    if names[0] in ("patch_embedding", "cls", "positions", "stem"):
        return (-math.inf,)
    if names[0] in ("norm", "head"):
        return (math.inf,)
    matches = (re.fullmatch(r"(?:stage|block)_(\d+)", name) for name in names[:2])
    return tuple(int(match[1]) for match in matches if match)


OPTIMIZERS = {"adamw": adamw, "sgd": sgd}


def make_optimizer(
    name: str, *, clip_norm: float, layer_decay: float, **options: Any
) -> optax.GradientTransformation:
    """Makes an optimizer without its learning rate: an update is minus the rate times its output.

    Gradients whose global norm exceeds `clip_norm` are scaled down to it; 0 turns clipping off. The
    learning rate of a layer is `layer_decay` times that of the layer above it. The settings have
    checked names and ranges.
    """
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm else optax.identity()
    parts = [clip, OPTIMIZERS[name](**options)]
    # Left out at 1, so that compiled programs and checkpoints are the same as without it.
    parts += [decay_by_layer(layer_decay)] if layer_decay < 1 else []
    return optax.chain(*parts)
