"""The names of the best-known PyTorch ViT, timm's `vit_*_patch*`."""

from collections.abc import Collection, Mapping
from typing import Any

from jaxcmp.models import ViT
from jaxcmp.pretrained.forms import (
    CONVOLUTION,
    DENSE,
    Entry,
    Layout,
    Shape,
    count_numbers,
    entry,
)

# Norms and dense layers of a block: ours and theirs.
NORMS = {"attention_norm": "norm1", "mlp_norm": "norm2"}
DENSE_LAYERS = {
    "attention/qkv": "attn.qkv",
    "attention/projection": "attn.proj",
    "mlp/expand": "mlp.fc1",
    "mlp/contract": "mlp.fc2",
}


def entries(model: ViT, names: Collection[str] = ()) -> list[Entry]:
    """Wightman (2019). Queries, keys and values are one kernel there too, in the same order."""
    del names  # There is one way.
    table = [
        entry("params/patch_embedding/kernel", "patch_embed.proj.weight", form=CONVOLUTION),
        entry("params/patch_embedding/bias", "patch_embed.proj.bias"),
        entry("params/cls", "cls_token"),
        entry("params/positions", "pos_embed"),
    ]
    for i in range(model.depth):
        for ours, theirs in NORMS.items():
            table += _norm(f"params/block_{i}/{ours}", f"blocks.{i}.{theirs}")
        for ours, theirs in DENSE_LAYERS.items():
            table += _dense(f"params/block_{i}/{ours}", f"blocks.{i}.{theirs}")
    return [*table, *_norm("params/norm", "norm"), *_dense("params/head", "head")]


def fields(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Width, depth and MLP of the model that the shapes are of; they do not tell the heads."""
    found: dict[str, Any] = {"depth": count_numbers(shapes, "blocks.")}
    sizes = {"width": "patch_embed.proj.weight", "mlp_width": "blocks.0.mlp.fc1.weight"}
    return found | {field: shapes[name][0] for field, name in sizes.items() if shapes.get(name)}


def _norm(ours: str, theirs: str) -> list[Entry]:
    return [entry(f"{ours}/scale", f"{theirs}.weight"), entry(f"{ours}/bias", f"{theirs}.bias")]


def _dense(ours: str, theirs: str) -> list[Entry]:
    return [
        entry(f"{ours}/kernel", f"{theirs}.weight", form=DENSE),
        entry(f"{ours}/bias", f"{theirs}.bias"),
    ]


LAYOUT = Layout(
    title="a ViT as timm names it",
    model_name="vit",
    signs=("patch_embed.proj.weight", "blocks.0.attn.qkv.weight"),
    entries=entries,
    fields=fields,
    dropped={"pre_logits.*": "a layer for pretraining alone"},
    foreign={
        "dist_token": "it has a token for distillation",
        "head_dist.*": "it has a token for distillation",
        "reg_token": "it has register tokens",
        "norm_pre.*": "it has a norm before its blocks",
        "fc_norm.*": "it averages its tokens",
        "attn_pool.*": "it reads its tokens out by attention",
        "*.ls?.gamma": "its blocks have layer scale",
        "*.?_norm.*": "it normalises queries and keys",
    },
)
