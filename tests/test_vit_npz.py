"""The names of the published ViT checkpoints."""

import numpy as np
import pytest
from sample_weights import VIT, published, random_variables

from jaxcmp import models
from jaxcmp.pretrained.layouts import from_published, recognise, to_published
from jaxcmp.pretrained.vit_npz import entries, fields


def test_the_names_are_those_of_the_published_files():
    names = [name for each in entries(models.ViT(), ()) for name in each.theirs]
    assert len(names) == 200
    for name in (
        "cls",
        "embedding/kernel",
        "Transformer/posembed_input/pos_embedding",
        "Transformer/encoderblock_11/LayerNorm_0/scale",
        "Transformer/encoderblock_0/LayerNorm_2/bias",
        "Transformer/encoderblock_3/MultiHeadDotProductAttention_1/query/kernel",
        "Transformer/encoderblock_3/MultiHeadDotProductAttention_1/out/bias",
        "Transformer/encoderblock_7/MlpBlock_3/Dense_1/kernel",
        "Transformer/encoder_norm/scale",
        "head/bias",
    ):
        assert name in names


def later(name):
    """The numbering of files that were written later."""
    for old, new in (
        ("MultiHeadDotProductAttention_1", "MultiHeadDotProductAttention_0"),
        ("LayerNorm_2", "LayerNorm_1"),
        ("MlpBlock_3", "MlpBlock_0"),
        ("Transformer/posembed_input/pos_embedding", "pos_embedding"),
    ):
        name = name.replace(old, new)
    return name


@pytest.mark.parametrize("prefix", ["", "params/", "opt/target/"])
def test_the_later_numbering_is_read_as_the_published_one(prefix):
    arrays = published("vit_npz")
    renamed = {f"{prefix}{later(name)}": array for name, array in arrays.items()}
    assert recognise(renamed) == "vit_npz"
    expected = from_published("vit_npz", arrays, VIT)
    found = from_published("vit_npz", renamed, VIT)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    shapes = {name: array.shape for name, array in renamed.items()}
    assert fields(shapes) == {"depth": 2, "width": 8, "num_heads": 2, "mlp_width": 12}


def test_attention_has_an_axis_of_heads_in_the_file():
    arrays = to_published("vit_npz", random_variables(VIT), VIT)
    attention = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1"
    assert arrays[f"{attention}/key/kernel"].shape == (8, 2, 4)
    assert arrays[f"{attention}/value/bias"].shape == (2, 4)
    assert arrays[f"{attention}/out/kernel"].shape == (2, 4, 8)
