"""What is said of weights that do not fit: one line, with what to set."""

import pytest

from jaxcmp.pretrained.complaints import Complainer

PLAIN = Complainer("w.npz", {})
SMALL = Complainer("S_16.npz", {"width": 384, "num_heads": 6})
DEEP = Complainer("resnet34.safetensors", {"stage_depths": (3, 4, 6, 3)})
STEM = Complainer("resnet18.safetensors", {"stem": "imagenet"})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            SMALL.other_shape("params/cls", "cls", (1, 1, 384), (1, 1, 192)),
            "S_16.npz does not fit the model: cls is [1, 1, 384] there and [1, 1, 192] here; "
            "--config.model.width=384 --config.model.num_heads=6 would fit",
        ),
        (
            PLAIN.other_shape("params/cls", "cls", (3,), (1, 1, 192)),
            "cls is [3] there and [1, 1, 192] here; it is of another architecture",
        ),
        (
            STEM.other_shape("params/stem/conv/kernel", "conv1.weight", (4, 3, 7, 7), (4, 3, 3, 3)),
            "has the ImageNet stem (7x7 at stride 2, then pooling) and the model the CIFAR stem "
            "(3x3 at full resolution): conv1.weight is [4, 3, 7, 7] there and [4, 3, 3, 3] here; "
            "--config.model.stem=imagenet takes it, and --config.init.allow_missing='stem/*' "
            "--config.init.allow_unused='conv1.*,bn1.*' all but the stem",
        ),
        (
            PLAIN.other_channels("embedding/kernel", 3, 1),
            "embedding/kernel is for 3 channels and they have 1",
        ),
        (
            PLAIN.missing([("params/head/kernel", "head.weight"), ("params/head/bias", "b")]),
            "w.npz lacks head.weight, which is head/kernel here, and 1 more; "
            "--config.init.allow_missing='head/kernel' lets it stay new",
        ),
        (
            DEEP.unused(["layer1.2.conv1.weight", "x"], (64, 64, 3, 3), ""),
            "has layer1.2.conv1.weight [64, 64, 3, 3], and 1 more, for which the model has no "
            "place; --config.model.stage_depths='(3,4,6,3)' would fit",
        ),
        (
            PLAIN.unused(["dist_token"], (1, 1, 8), "it has a token for distillation"),
            "no place: it has a token for distillation; --config.init.allow_unused='dist_token' "
            "leaves it out",
        ),
        (
            Complainer("runs/a", {"num_heads": 6}).other_heads(),
            "runs/a has another number of heads; --config.model.num_heads=6 would fit",
        ),
        (
            PLAIN.other_model("resnet", "vit", "conv1.weight", (64, 3, 7, 7)),
            "w.npz holds weights of a resnet, and the model is a vit, which has no place for "
            "conv1.weight [64, 3, 7, 7]; give a configuration whose model.name is resnet",
        ),
    ],
)
def test_each_reason_is_one_line_that_says_what_to_set(error, words):
    assert words in str(error)
    assert "\n" not in str(error) and error.exit_code == 2
