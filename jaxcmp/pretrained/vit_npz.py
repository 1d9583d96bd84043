"""The names of the published ViT and AugReg checkpoints, which are .npz files."""

from collections.abc import Collection, Mapping
from typing import Any

from jaxcmp.models import ViT
from jaxcmp.pretrained.forms import (
    Entry,
    Layout,
    Shape,
    count_numbers,
    entry,
    fused_heads,
    joined_heads,
)

BLOCK = "Transformer/encoderblock_"
POSITIONS = ("Transformer/posembed_input/pos_embedding", "pos_embedding")
# What all names begin with: nothing in what was published, these in checkpoints of training.
PREFIXES = ("", "params/", "opt/target/")
# Attention, second norm and MLP of a block, as numbered in what was published, and later.
PUBLISHED = ("MultiHeadDotProductAttention_1", "LayerNorm_2", "MlpBlock_3")
LATER = ("MultiHeadDotProductAttention_0", "LayerNorm_1", "MlpBlock_0")


def entries(model: ViT, names: Collection[str]) -> list[Entry]:
    """Dosovitskiy et al. (2021) and Steiner et al. (2022), or the later numbering of the same.

    Kernels are as ours but for attention, whose heads have an axis of their own: query, key and
    value [width, heads, width of a head], out [heads, width of a head, width]. The networks were
    trained with the exact GELU or with its tanh form; ours is exact, and so is the PyTorch port
    that most people fine-tune.
    """
    prefix = _prefix(names)
    is_later = any("/MlpBlock_0/" in name for name in names)
    attention, second_norm, mlp = LATER if is_later else PUBLISHED
    positions = next((name for name in POSITIONS if f"{prefix}{name}" in names), POSITIONS[0])
    fused, joined = fused_heads(model.num_heads), joined_heads(model.num_heads)
    table = [
        entry("params/patch_embedding/kernel", f"{prefix}embedding/kernel"),
        entry("params/patch_embedding/bias", f"{prefix}embedding/bias"),
        entry("params/cls", f"{prefix}cls"),
        entry("params/positions", f"{prefix}{positions}"),
    ]
    for i in range(model.depth):
        ours, theirs = f"params/block_{i}", f"{prefix}{BLOCK}{i}"
        heads = [f"{theirs}/{attention}/{part}" for part in ("query", "key", "value")]
        out = f"{theirs}/{attention}/out"
        table += [
            *_norm(f"{ours}/attention_norm", f"{theirs}/LayerNorm_0"),
            entry(f"{ours}/attention/qkv/kernel", *(f"{x}/kernel" for x in heads), form=fused),
            entry(f"{ours}/attention/qkv/bias", *(f"{x}/bias" for x in heads), form=fused),
            entry(f"{ours}/attention/projection/kernel", f"{out}/kernel", form=joined),
            entry(f"{ours}/attention/projection/bias", f"{out}/bias"),
            *_norm(f"{ours}/mlp_norm", f"{theirs}/{second_norm}"),
            *_dense(f"{ours}/mlp/expand", f"{theirs}/{mlp}/Dense_0"),
            *_dense(f"{ours}/mlp/contract", f"{theirs}/{mlp}/Dense_1"),
        ]
    last_norm = _norm("params/norm", f"{prefix}Transformer/encoder_norm")
    return [*table, *last_norm, *_dense("params/head", f"{prefix}head")]


def fields(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Width, depth, heads and MLP of the model that the shapes are of."""
    prefix = _prefix(shapes)
    block = f"{prefix}{BLOCK}"
    found: dict[str, Any] = {"depth": count_numbers(shapes, block)}
    for name, shape in shapes.items():
        if name == f"{prefix}embedding/kernel" and shape:
            found["width"] = shape[-1]
        elif name.startswith(f"{block}0/") and name.endswith("/query/kernel") and len(shape) == 3:
            found["num_heads"] = shape[1]
        elif name.startswith(f"{block}0/") and name.endswith("/Dense_0/kernel") and shape:
            found["mlp_width"] = shape[-1]
    return found


def _prefix(names: Collection[str]) -> str:
    return next((each for each in PREFIXES if f"{each}embedding/kernel" in names), "")


def _norm(ours: str, theirs: str) -> list[Entry]:
    return [entry(f"{ours}/{part}", f"{theirs}/{part}") for part in ("scale", "bias")]


def _dense(ours: str, theirs: str) -> list[Entry]:
    return [entry(f"{ours}/{part}", f"{theirs}/{part}") for part in ("kernel", "bias")]


LAYOUT = Layout(
    title="a ViT as the published .npz files name it",
    model_name="vit",
    signs=(*(f"{prefix}embedding/kernel" for prefix in PREFIXES), *POSITIONS),
    entries=entries,
    fields=fields,
    dropped={"*pre_logits/*": "a layer for pretraining alone", "opt/*": "the optimizer's state"},
    foreign={
        "conv_root/*": "it begins with a ResNet's stem",
        "block?/*": "it begins with a ResNet's blocks",
        "*MAPHead_0/*": "it reads its tokens out by attention",
    },
)
