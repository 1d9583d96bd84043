"""The names of timm's ViT."""

from sample_weights import published

from jaxcmp import models
from jaxcmp.pretrained.timm_vit import entries, fields


def test_the_names_are_timms():
    names = [name for each in entries(models.ViT()) for name in each.theirs]
    assert len(names) == 152
    for name in (
        "cls_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "blocks.11.norm1.weight",
        "blocks.0.norm2.bias",
        "blocks.3.attn.qkv.weight",
        "blocks.3.attn.proj.bias",
        "blocks.7.mlp.fc2.weight",
        "norm.weight",
        "head.bias",
    ):
        assert name in names


def test_kernels_are_turned_as_pytorch_has_them():
    shapes = {name: array.shape for name, array in published("timm_vit").items()}
    assert shapes["patch_embed.proj.weight"] == (8, 3, 2, 2)
    assert shapes["blocks.1.attn.qkv.weight"] == (24, 8)
    assert shapes["blocks.1.mlp.fc1.weight"] == (12, 8)
    assert fields(shapes) == {"depth": 2, "width": 8, "mlp_width": 12}
