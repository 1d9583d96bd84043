"""The names of PyTorch's ResNets of basic blocks, which torchvision and timm share."""

from collections.abc import Collection, Mapping
from typing import Any

from jaxcmp.models import ResNet
from jaxcmp.pretrained.forms import (
    CONVOLUTION,
    DENSE,
    Entry,
    Layout,
    Shape,
    count_numbers,
    entry,
)


def entries(model: ResNet, names: Collection[str] = ()) -> list[Entry]:
    """He et al. (2016). The same names for both stems, whose kernels differ in size."""
    del names  # There is one way.
    table = _conv_and_norm("stem/conv", "stem/norm", "conv1", "bn1")
    for stage, depth in enumerate(model.stage_depths, start=1):
        for block in range(depth):
            ours, theirs = f"stage_{stage}/block_{block}", f"layer{stage}.{block}"
            for i in (1, 2):
                norms = f"{ours}/norm_{i}", f"{theirs}.bn{i}"
                table += _conv_and_norm(f"{ours}/conv_{i}", norms[0], f"{theirs}.conv{i}", norms[1])
            if block == 0 and stage > 1:
                table += _conv_and_norm(
                    f"{ours}/shortcut_conv",
                    f"{ours}/shortcut_norm",
                    f"{theirs}.downsample.0",
                    f"{theirs}.downsample.1",
                )
    return [
        *table,
        entry("params/head/kernel", "fc.weight", form=DENSE),
        entry("params/head/bias", "fc.bias"),
    ]


def fields(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Stem, widths and depths of the model that the shapes are of."""
    found: dict[str, Any] = {}
    stages = range(1, count_numbers(shapes, "layer") + 1)
    widths = [shapes.get(f"layer{stage}.0.conv1.weight", ()) for stage in stages]
    if widths and all(widths):
        found["stage_widths"] = tuple(shape[0] for shape in widths)
        found["stage_depths"] = tuple(count_numbers(shapes, f"layer{s}.") for s in stages)
    stem = shapes.get("conv1.weight", ())
    if stem:
        found["stem"] = "imagenet" if stem[-1] == 7 else "cifar"
    return found


def _conv_and_norm(conv: str, norm: str, their_conv: str, their_norm: str) -> list[Entry]:
    return [
        entry(f"params/{conv}/kernel", f"{their_conv}.weight", form=CONVOLUTION),
        entry(f"params/{norm}/scale", f"{their_norm}.weight"),
        entry(f"params/{norm}/bias", f"{their_norm}.bias"),
        entry(f"batch_stats/{norm}/mean", f"{their_norm}.running_mean"),
        entry(f"batch_stats/{norm}/var", f"{their_norm}.running_var"),
    ]


LAYOUT = Layout(
    title="a ResNet as torchvision and timm name it",
    model_name="resnet",
    signs=("layer1.0.conv1.weight", "conv1.weight"),
    entries=entries,
    fields=fields,
    dropped={"*num_batches_tracked": "a counter"},
    foreign={
        "layer?.*.conv3.weight": "it has bottleneck blocks, as ResNet-50 has",
        "conv1.0.weight": "its stem has several convolutions",
        "*.se.*": "its blocks weigh their channels",
    },
)
