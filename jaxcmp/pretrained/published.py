"""The layouts of published weights as tables, and how a file is recognised as one of them."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from jaxcmp import models
from jaxcmp.checkpoint import trees
from jaxcmp.errors import JaxcmpError
from jaxcmp.models import Model, stem
from jaxcmp.pretrained.layouts import Entry, Layout

PRETRAINING = "a layer for pretraining alone"
DISTILLATION = "it has a token for distillation"


def _vit_npz(positions: str, attention: str, mlp_norm: str, mlp: str) -> Layout:
    """Dosovitskiy et al. (2021) and Steiner et al. (2022).

    Those networks were trained with the exact GELU or with its tanh form. Ours is exact, and so is
    the PyTorch port that most people fine-tune.
    """
    block = "Transformer/encoderblock_{}"
    query, key, value = (f"{block}/{attention}/{part}" for part in ("query", "key", "value"))
    return Layout(
        name="vit_npz",
        title="a ViT as the published .npz files name it",
        model_name="vit",
        layers={
            "patch_embedding": "embedding",
            "cls": "cls",
            "positions": positions,
            "block_{}/attention_norm": f"{block}/LayerNorm_0",
            "block_{}/attention/qkv": (query, key, value),
            "block_{}/attention/projection": f"{block}/{attention}/out",
            "block_{}/mlp_norm": f"{block}/{mlp_norm}",
            "block_{}/mlp/expand": f"{block}/{mlp}/Dense_0",
            "block_{}/mlp/contract": f"{block}/{mlp}/Dense_1",
            "norm": "Transformer/encoder_norm",
            "head": "head",
        },
        dropped={
            "*pre_logits/*": PRETRAINING,
            "opt/*": "the optimizer's state",
            "state/*": "the optimizer's state",
        },
        foreign={
            "conv_root/*": "it begins with a ResNet's stem",
            "block?/*": "it begins with a ResNet's blocks",
            "*MAPHead_0/*": "it reads its tokens out by attention",
        },
        is_flax=True,
        written_as="npz",
    )


# Wightman (2019). Queries, keys and values are one kernel there too, in the same order.
TIMM_VIT = Layout(
    name="timm_vit",
    title="a ViT as timm names it",
    model_name="vit",
    layers={
        "patch_embedding": "patch_embed.proj",
        "cls": "cls_token",
        "positions": "pos_embed",
        "block_{}/attention_norm": "blocks.{}.norm1",
        "block_{}/attention/qkv": "blocks.{}.attn.qkv",
        "block_{}/attention/projection": "blocks.{}.attn.proj",
        "block_{}/mlp_norm": "blocks.{}.norm2",
        "block_{}/mlp/expand": "blocks.{}.mlp.fc1",
        "block_{}/mlp/contract": "blocks.{}.mlp.fc2",
        "norm": "norm",
        "head": "head",
    },
    dropped={"pre_logits.*": PRETRAINING},
    foreign={
        "dist_token": DISTILLATION,
        "head_dist.*": DISTILLATION,
        "reg_token": "it has register tokens",
        "norm_pre.*": "it has a norm before its blocks",
        "fc_norm.*": "it averages its tokens",
        "attn_pool.*": "it reads its tokens out by attention",
        "*.ls?.gamma": "its blocks have layer scale",
        "*.?_norm.*": "it normalises queries and keys",
    },
    written_as="safetensors",
)

# Wolf et al. (2020): `ViTForImageClassification`, and `ViTModel`, which has no head. Its norms add
# 1e-12 to the variance where timm's and ours add 1e-6, which moves logits by about 1e-5.
HUGGINGFACE_VIT = Layout(
    name="huggingface_vit",
    title="a ViT as Hugging Face names it",
    model_name="vit",
    layers={
        "patch_embedding": "embeddings.patch_embeddings.projection",
        "cls": "embeddings.cls_token",
        "positions": "embeddings.position_embeddings",
        "block_{}/attention_norm": "encoder.layer.{}.layernorm_before",
        "block_{}/attention/qkv": (
            "encoder.layer.{}.attention.attention.query",
            "encoder.layer.{}.attention.attention.key",
            "encoder.layer.{}.attention.attention.value",
        ),
        "block_{}/attention/projection": "encoder.layer.{}.attention.output.dense",
        "block_{}/mlp_norm": "encoder.layer.{}.layernorm_after",
        "block_{}/mlp/expand": "encoder.layer.{}.intermediate.dense",
        "block_{}/mlp/contract": "encoder.layer.{}.output.dense",
        "norm": "layernorm",
        "head": "classifier",
    },
    dropped={"pooler.*": PRETRAINING, "embeddings.mask_token": "a token for pretraining alone"},
    foreign={
        "embeddings.distillation_token": DISTILLATION,
        "distillation_classifier.*": DISTILLATION,
        "*.layer_scale?.*": "its blocks have layer scale",
        "*.relative_position_bias.*": "its positions are relative",
    },
)
# From release 5 of the library on.
HUGGINGFACE_5_VIT = dataclasses.replace(
    HUGGINGFACE_VIT,
    layers={
        **HUGGINGFACE_VIT.layers,
        "block_{}/attention_norm": "layers.{}.layernorm_before",
        "block_{}/attention/qkv": (
            "layers.{}.attention.q_proj",
            "layers.{}.attention.k_proj",
            "layers.{}.attention.v_proj",
        ),
        "block_{}/attention/projection": "layers.{}.attention.o_proj",
        "block_{}/mlp_norm": "layers.{}.layernorm_after",
        "block_{}/mlp/expand": "layers.{}.mlp.fc1",
        "block_{}/mlp/contract": "layers.{}.mlp.fc2",
    },
)

# He et al. (2016).
TORCH_RESNET = Layout(
    name="torch_resnet",
    title="a ResNet as torchvision and timm name it",
    model_name="resnet",
    layers={
        "stem/conv": "conv1",
        "stem/norm": "bn1",
        "stage_{}/block_{}/conv_1": "layer{}.{}.conv1",
        "stage_{}/block_{}/norm_1": "layer{}.{}.bn1",
        "stage_{}/block_{}/conv_2": "layer{}.{}.conv2",
        "stage_{}/block_{}/norm_2": "layer{}.{}.bn2",
        "stage_{}/block_{}/shortcut_conv": "layer{}.{}.downsample.0",
        "stage_{}/block_{}/shortcut_norm": "layer{}.{}.downsample.1",
        "head": "fc",
    },
    dropped={"*num_batches_tracked": "a counter"},
    foreign={
        "layer?.*.conv3.weight": "it has bottleneck blocks, as ResNet-50 has",
        "conv1.0.weight": "its stem has several convolutions",
        "*.se.*": "its blocks weigh their channels",
    },
    written_as="safetensors",
)

# As Flax numbered layers when the files were published, and as it numbers them since.
NUMBERINGS = (
    ("MultiHeadDotProductAttention_1", "LayerNorm_2", "MlpBlock_3"),
    ("MultiHeadDotProductAttention_0", "LayerNorm_1", "MlpBlock_0"),
)
POSITIONS = ("Transformer/posembed_input/pos_embedding", "pos_embedding")
VIT_NPZ = [_vit_npz(name, *numbers) for numbers in NUMBERINGS for name in POSITIONS]

# Of several with one name, the first is the one that is written.
LAYOUTS: tuple[Layout, ...] = (
    *VIT_NPZ,
    TIMM_VIT,
    TORCH_RESNET,
    HUGGINGFACE_VIT,
    HUGGINGFACE_5_VIT,
)


def name_of(model: Model) -> str:
    """The name of a model in a configuration, `model.name`."""
    return next(name for name, kind in models.MODELS.items() if isinstance(model, kind))


def has_conv_stem(model: Model) -> bool:
    return isinstance(model, models.ViT) and model.stem == "conv"


def written_layouts(model: Model) -> dict[str, Layout]:
    """The layouts in which this model's weights can be written, by name.

    None of a ViT with a convolutional stem: no such ViTs of this size are published.
    """
    if has_conv_stem(model):
        return {}
    fitting = [x for x in LAYOUTS if x.model_name == name_of(model) and x.written_as]
    return {layout.name: layout for layout in reversed(fitting)}


def recognise(names: Collection[str]) -> Layout | None:
    """The layout of a file with these names; None if it is of none that is known here."""
    possible = [x for x in LAYOUTS if any(sign in names for sign in x.signs[:2])]
    scores = [sum(sign in names for sign in layout.signs) for layout in possible]
    return possible[scores.index(max(scores))] if possible else None


def without_prefix(path: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Takes away what a wrapper, or a checkpoint of training, has put before the names of a layout.

    That is `module.` of DataParallel, `_orig_mod.` of compiled models, `vit.`, `params/` or any
    other. Names that begin with a part of it lose that part; those that do not, such as a head's,
    stay as they are. Raises JaxcmpError where a file holds several models, or one array twice.
    """
    if recognise(arrays):
        return dict(arrays)
    # Of a layout's signs the first is one that no part of another model is called.
    signs = {layout.signs[0] for layout in LAYOUTS}
    starts = {name.removesuffix(sign) for name in arrays for sign in signs if name.endswith(sign)}
    prefixes = sorted(start for start in starts if start.endswith((".", "/")))
    if not prefixes:
        return dict(arrays)
    if len(prefixes) > 1:
        raise JaxcmpError(
            f"{path} holds several models, whose names begin with {' and '.join(prefixes)}: give a "
            "file of one of them"
        )
    (prefix,) = prefixes
    ends = [i + 1 for i, letter in enumerate(prefix) if letter in "./"]
    parts = [prefix[:end] for end in reversed(ends)]
    stripped = [
        name.removeprefix(next((part for part in parts if name.startswith(part)), ""))
        for name in arrays
    ]
    name, times = Counter(stripped).most_common(1)[0]
    if times > 1:
        raise JaxcmpError(f"{path} holds {name} twice, with and without {prefix} before it")
    return dict(zip(stripped, arrays.values(), strict=True))


def own_entries(model: Model) -> list[Entry]:
    """The table of a run's arrays, which are named by our own paths."""
    layout = next((x for x in LAYOUTS if x.model_name == name_of(model)), None)
    if layout is None:
        raise LookupError(f"no layout in {__name__} names the arrays of a {name_of(model)}")
    paths = [entry.ours for entry in layout.entries(model)]
    if has_conv_stem(model):
        rest = [path for path in paths if not path.startswith("params/patch_embedding/")]
        paths = [*stem.paths(), *rest]
    return [Entry(path, (path,)) for path in paths]


def to_published(
    layout: Layout, variables: Mapping[str, Any], model: Model
) -> dict[str, np.ndarray]:
    """Names variables {"params": ..., "batch_stats": ...} as files of a layout do.

    The arrays are exactly those that loading reads. Raises ValueError where the layout has no place
    for one.
    """
    ours, published = trees.to_host(variables), {}
    for entry in layout.entries(model):
        if entry.ours in ours:
            parts = map(np.ascontiguousarray, entry.write(ours.pop(entry.ours)))
            published |= dict(zip(entry.theirs, parts, strict=True))
    if ours:
        raise ValueError(f"{layout.name} has no place for {', '.join(ours)}")
    return published
