"""Layouts of published weights: their names, round trips to the bit, files recognised by names."""

import numpy as np
import pytest
from sample_weights import LAYOUTS, RESNET, VIT, layout_of, named, published, random_variables

from jaxcmp import models
from jaxcmp.pretrained.layouts import count_numbers
from jaxcmp.pretrained.published import (
    HUGGINGFACE_VIT,
    own_entries,
    recognise,
    to_published,
    without_prefix,
)

NAMES = {
    "timm_vit": (
        152,
        "cls_token pos_embed patch_embed.proj.weight blocks.11.norm1.weight blocks.0.norm2.bias "
        "blocks.3.attn.qkv.weight blocks.3.attn.proj.bias blocks.7.mlp.fc2.weight norm.weight "
        "head.bias",
    ),
    "vit_npz": (
        200,
        "cls embedding/kernel Transformer/posembed_input/pos_embedding "
        "Transformer/encoderblock_11/LayerNorm_0/scale "
        "Transformer/encoderblock_0/LayerNorm_2/bias "
        "Transformer/encoderblock_3/MultiHeadDotProductAttention_1/query/kernel "
        "Transformer/encoderblock_3/MultiHeadDotProductAttention_1/out/bias "
        "Transformer/encoderblock_7/MlpBlock_3/Dense_1/kernel Transformer/encoder_norm/scale "
        "head/bias",
    ),
    # Of the 122 entries of torchvision's state, 20 count batches.
    "torch_resnet": (
        102,
        "conv1.weight bn1.running_var layer1.0.conv1.weight layer2.0.downsample.0.weight "
        "layer4.0.downsample.1.running_mean layer4.1.bn2.bias fc.weight",
    ),
}
SHAPES = {
    "timm_vit": {
        "patch_embed.proj.weight": (8, 3, 2, 2),
        "blocks.1.attn.qkv.weight": (24, 8),
        "blocks.1.mlp.fc1.weight": (12, 8),
    },
    "vit_npz": {
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/key/kernel": (8, 2, 4),
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/value/bias": (2, 4),
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/out/kernel": (2, 4, 8),
    },
    "torch_resnet": {"conv1.weight": (4, 3, 3, 3), "layer2.1.bn2.running_mean": (6,)},
}


def read_all(arrays, model):
    """Our arrays by path, from those of a file."""
    layout = recognise(arrays)
    assert layout is not None
    entries = layout.entries(model)
    return {x.ours: x.read([arrays[name] for name in x.theirs]) for x in entries}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_names_are_those_of_the_published_files_each_once(layout):
    model = models.ViT() if LAYOUTS[layout] is VIT else models.ResNet()
    names = [name for entry in layout_of(layout).entries(model) for name in entry.theirs]
    num_names, some = NAMES[layout]
    assert len(names) == len(set(names)) == num_names
    assert not set(some.split()) - set(names)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_have_the_shapes_of_the_published_files(layout):
    arrays = published(layout)
    assert {name: arrays[name].shape for name in SHAPES[layout]} == SHAPES[layout]


@pytest.mark.parametrize("layout", [*LAYOUTS, "huggingface_vit"])
def test_an_entry_knows_the_shapes_in_the_file_and_undoes_itself(layout):
    table = HUGGINGFACE_VIT if layout == "huggingface_vit" else layout_of(layout)
    model = LAYOUTS.get(layout, VIT)
    arrays = named(random_variables(model))
    for entry in table.entries(model):
        parts = entry.write(arrays[entry.ours])
        assert entry.shapes_in_file(arrays[entry.ours].shape) == [x.shape for x in parts]
        np.testing.assert_array_equal(entry.read(parts), arrays[entry.ours], err_msg=entry.ours)


def later(name):
    """The numbering of files that were written later."""
    for old, new in (
        ("MultiHeadDotProductAttention_1", "MultiHeadDotProductAttention_0"),
        ("LayerNorm_2", "LayerNorm_1"),
        ("MlpBlock_3", "MlpBlock_0"),
    ):
        name = name.replace(old, new)
    return name


@pytest.mark.parametrize("prefix", ["", "params/", "opt/target/"])
@pytest.mark.parametrize("is_later", [False, True])
@pytest.mark.parametrize("positions", ["Transformer/posembed_input/", ""])
def test_other_numberings_and_prefixes_are_read_as_the_published_ones(prefix, is_later, positions):
    arrays = published("vit_npz")
    renamed = {
        prefix
        + (later(name) if is_later else name).replace("Transformer/posembed_input/", positions): x
        for name, x in arrays.items()
    }
    stripped = without_prefix("w.npz", renamed | {"opt/state/step": np.ones(1)})
    layout = recognise(stripped)
    assert layout is not None and layout.name == "vit_npz"
    np.testing.assert_equal(read_all(stripped, VIT), read_all(arrays, VIT))
    shapes = {name: array.shape for name, array in stripped.items()}
    sizes = {"depth": 2, "width": 8, "num_heads": 2, "mlp_width": 12}
    assert layout.fields(shapes) == sizes


@pytest.mark.parametrize(
    ("layout", "model", "fields"),
    [
        ("timm_vit", VIT, {"depth": 2, "width": 8, "mlp_width": 12}),
        ("torch_resnet", RESNET, {"stage_widths": (4, 6), "stage_depths": (1, 2), "stem": "cifar"}),
        (
            "torch_resnet",
            RESNET.clone(stem="imagenet"),
            {"stage_widths": (4, 6), "stage_depths": (1, 2), "stem": "imagenet"},
        ),
    ],
)
def test_shapes_tell_what_model_they_are_of(layout, model, fields):
    arrays = to_published(layout_of(layout), random_variables(model), model)
    shapes = {name: array.shape for name, array in arrays.items()}
    assert layout_of(layout).fields(shapes) == fields


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shapes_of_a_strange_file_tell_nothing_and_do_no_harm(layout):
    table = layout_of(layout)
    assert not any(table.fields({}).values())
    strange = {name: () for name in published(layout)}
    assert not {"width", "mlp_width", "stage_widths", "stem"} & table.fields(strange).keys()


def test_numbered_parts_are_counted_once():
    names = ["blocks.0.a", "blocks.0.b", "blocks.11.a", "blocks", "norm", "blocks.x"]
    assert count_numbers(dict.fromkeys(names), "blocks.") == 2


def test_an_array_without_a_place_is_never_dropped_silently():
    variables = random_variables(RESNET)
    variables["params"]["gate"] = {"kernel": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="torch_resnet has no place for params/gate/kernel"):
        to_published(layout_of("torch_resnet"), variables, RESNET)


@pytest.mark.parametrize("model", [VIT, RESNET])
def test_a_runs_arrays_are_named_by_our_own_paths(model):
    entries = own_entries(model)
    assert {entry.ours for entry in entries} == named(random_variables(model)).keys()
    assert all(entry.theirs == (entry.ours,) for entry in entries)
