"""The models by name, and what they weigh.

A model is a Flax module with the fields `image_size`, `num_classes`, `dtype` and `has_kernels`, a
call with `is_training`, `validate`, which raises CommandError, and `multiply_adds` by component,
"head" among them. Its last layer is called "head", and what enters that is sown as the intermediate
"features". Blocks that repeat are called "block_0", "block_1" and so on.
"""

import dataclasses
import difflib
import math
import re
from typing import Any

import jax
from jax import Array

from jaxcmp.errors import CommandError
from jaxcmp.models import fused_attention
from jaxcmp.models.resnet import ResNet
from jaxcmp.models.vit import ViT
from jaxcmp.runtime import onednn

__all__ = [
    "Model",
    "ResNet",
    "ViT",
    "build",
    "compiler_options",
    "count_parameters",
    "features",
    "on_cpu",
    "on_gpu",
]

Model = ViT | ResNet
MODELS: dict[str, type[Model]] = {"vit": ViT, "resnet": ResNet}


def build(name: str, **fields: Any) -> Model:
    """Makes a model from its name and fields; raises CommandError where they do not fit."""
    if name not in MODELS:
        raise CommandError(f"model.name={name!r} is unknown; there are {', '.join(MODELS)}")
    model_class = MODELS[name]
    known = [f.name for f in dataclasses.fields(model_class) if f.name not in ("parent", "name")]
    # JSON knows no tuples; a model's fields are hashed.
    fields = {key: tuple(x) if isinstance(x, list) else x for key, x in fields.items()}
    for field, value in fields.items():
        if field not in known:
            near = difflib.get_close_matches(field, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
            raise CommandError(f"model.{field} is unknown to {name!r}; {hint}")
        _check_value(field, value)
    model = model_class(**fields)
    model.validate()
    return model


def on_gpu(model: Model, capability: tuple[int, int] | None) -> Model:
    """Returns the model as GPUs of this compute capability compute it best; None is no GPU.

    Only where it has kernels: a ViT's attention is then cuDNN's, if the GPUs have that.
    """
    if isinstance(model, ViT):
        head_width = model.width // model.num_heads
        is_fused = fused_attention.is_possible(capability, model.dtype, head_width)
        return model.clone(has_fused_attention=is_fused)
    return model


def on_cpu(model: Model) -> Model:
    """Returns the model as this CPU computes it best: bfloat16 convolutions by oneDNN, if it can.

    Only where it has kernels. Its programs then need `compiler_options`.
    """
    if isinstance(model, ResNet):
        return model.clone(has_onednn=onednn.convolves(model.dtype))
    return model


def compiler_options(model: Model) -> dict[str, str | bool]:
    """Returns the options that XLA needs for the programs of a model from `on_cpu`."""
    has_onednn = isinstance(model, ResNet) and model.has_onednn
    return onednn.compiler_options() if has_onednn else {}


def count_parameters(params: Any) -> dict[str, int]:
    """Parameters by component: the top-level parts, a ViT's blocks summed by their parts."""
    counts: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        names = [key.key for key in path]
        is_block = re.fullmatch(r"block_\d+", names[0])
        component = f"blocks.{names[1]}" if is_block else names[0]
        counts[component] = counts.get(component, 0) + math.prod(leaf.shape)
    return counts


def features(model: Model, variables: Any, images: Array) -> Array:
    """Maps images as the model takes them to what enters the head, float32 [batch, width].

    As in evaluation: without dropout, and with running statistics.
    """
    kept: Any
    _, kept = model.apply(variables, images, is_training=False, mutable=["intermediates"])
    (found,) = kept["intermediates"]["features"]
    return found


def _check_value(field: str, value: Any) -> None:
    if isinstance(value, (int, tuple)) and not isinstance(value, bool):
        sizes = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise CommandError(f"model.{field}={value} takes only whole numbers from 1 on")
