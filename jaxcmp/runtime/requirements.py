"""The least memory that training takes, estimated from sizes without allocating anything."""

from typing import assert_never

from jaxcmp.errors import CommandError
from jaxcmp.runtime.memory_errors import size
from jaxcmp.settings import Settings
from jaxcmp.settings.models import Model, ResNet, ViT

# Weights, gradients and the optimizer's moments, all of the same size.
COPIES = {"sgd": 3, "adamw": 4}


def check_memory(
    settings: Settings,
    *,
    num_devices: int,
    free: int,
    keeps_scores: bool = True,
) -> None:
    """Raises CommandError if a step cannot fit into the `free` bytes of all devices together.

    A step that passes may still not fit: only memory that is certainly in use at once is counted.
    `keeps_scores` is False where attention may keep no scores, as cuDNN's does.
    """
    needed = least_bytes(settings, num_devices=num_devices, keeps_scores=keeps_scores)
    if needed <= free:
        return
    model = settings.model
    raise CommandError(
        f"training takes at least {size(needed)} of memory and {size(free)} are free: "
        f"model.image_size={model.image_size}, batch_size={settings.batch_size} in "
        f"{settings.accumulation} part{'' if settings.accumulation == 1 else 's'}, "
        f"{size(4 * num_parameters(model))} of weights; lower one of these"
    )


def least_bytes(settings: Settings, *, num_devices: int, keeps_scores: bool = True) -> int:
    """Estimates the memory of all devices: the weights on each, and a step's activations.

    Images are taken to be grey, which takes the least.
    """
    model = settings.model
    copies = 1 if settings.frozen_trunk else COPIES[str(settings.optimizer.__struct_config__.tag)]
    weights = 4 * copies * num_devices * num_parameters(model)
    item_bytes = 4 if settings.compute_dtype == "float32" else 2
    blocks = block_values(model, keeps_scores=keeps_scores)
    # The backward pass needs the forward pass's results in each block; half of them may be
    # recomputed instead.
    kept = max(blocks) if settings.frozen_trunk else max(sum(blocks) // 2, max(blocks))
    pixels, stored = 4 * model.image_size**2, settings.data.image_size**2
    num_images = -(-settings.batch_size // settings.accumulation)
    return weights + num_images * (item_bytes * kept + pixels + stored)


def num_parameters(model: Model) -> int:
    """Counts the parameters of kernels and positions, for one channel: all but a thousandth."""
    if isinstance(model, ViT):
        block = 4 * model.width**2 + 2 * model.width * model.mlp_width
        embedding = model.patch_size**2 * model.width
        if model.stem == "conv":
            # Channels from width / 6, doubled three times, then a map to the width.
            embedding = 71 * model.width**2 // 6
        positions = num_tokens(model) * model.width
        return embedding + positions + model.depth * block + model.width * model.num_classes
    if not isinstance(model, ResNet):
        assert_never(model)
    num = (49 if model.stem == "imagenet" else 9) * model.stage_widths[0]
    width_in = model.stage_widths[0]
    for width, depth in zip(model.stage_widths, model.stage_depths, strict=False):
        num += 9 * width_in * width + 9 * width**2 * (2 * depth - 1)
        num += width_in * width if width_in != width else 0
        width_in = width
    return num + width_in * model.num_classes


def block_values(model: Model, *, keeps_scores: bool = True) -> list[int]:
    """Counts one image's activations in each block: attention and MLP, or convolutions."""
    if isinstance(model, ViT):
        tokens = num_tokens(model)
        values = tokens * (3 * model.width + model.mlp_width)
        values += model.num_heads * tokens**2 if keeps_scores else 0
        return [values] * model.depth
    if not isinstance(model, ResNet):
        assert_never(model)
    side = -(-model.image_size // (4 if model.stem == "imagenet" else 1))
    values = []
    for width, depth in zip(model.stage_widths, model.stage_depths, strict=False):
        values += [2 * width * side**2] * depth
        side = -(-side // 2)
    return values


def num_tokens(model: ViT) -> int:
    return (model.image_size // model.patch_size) ** 2 + 1
