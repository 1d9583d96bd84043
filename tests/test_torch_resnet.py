"""The names of PyTorch's ResNets; their logits are compared in test_torch_logits.py."""

import pytest
from sample_weights import RESNET, published, random_variables

from jaxcmp import models
from jaxcmp.pretrained.layouts import to_published
from jaxcmp.pretrained.torch_resnet import entries, fields


def test_the_names_are_torchvisions():
    names = [name for each in entries(models.ResNet()) for name in each.theirs]
    # Of the 122 entries of its state, 20 count batches.
    assert len(names) == 102
    for name in (
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.conv1.weight",
        "layer2.0.downsample.0.weight",
        "layer4.0.downsample.1.running_mean",
        "layer4.1.bn2.bias",
        "fc.weight",
    ):
        assert name in names
    assert not [name for name in names if name.startswith("layer1.0.downsample")]


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_shapes_tell_the_stem_and_the_stages(stem):
    model = RESNET.clone(stem=stem)
    arrays = to_published("torch_resnet", random_variables(model), model)
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes["conv1.weight"] == ((4, 3, 7, 7) if stem == "imagenet" else (4, 3, 3, 3))
    assert fields(shapes) == {"stage_widths": (4, 6), "stage_depths": (1, 2), "stem": stem}


def test_statistics_are_the_running_ones():
    arrays = published("torch_resnet")
    assert arrays["layer2.1.bn2.running_mean"].shape == (6,)
    assert (arrays["bn1.running_var"] > 0).all()
