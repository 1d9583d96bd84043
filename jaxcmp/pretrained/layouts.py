"""Layouts: how the arrays of our models are named and shaped in files of weights."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import numpy as np

from jaxcmp.models import MODELS, Model, ResNet, ViT

Shape = tuple[int, ...]
# PyTorch has dense kernels as [out, in], ours are [in, out].
DENSE = (1, 0)
# And those of convolutions as [out, in, height, width], ours are [height, width, in, out].
CONVOLUTION = (2, 3, 1, 0)
# What follows the name of a layer, for each of our arrays of it.
TORCH_ENDINGS = {
    "kernel": ".weight",
    "scale": ".weight",
    "bias": ".bias",
    "mean": ".running_mean",
    "var": ".running_var",
}
FLAX_ENDINGS = {"kernel": "/kernel", "scale": "/scale", "bias": "/bias"}
# The axis of ours for which Flax has two, heads and the width of a head.
FLAX_HEADS = {("qkv", "kernel"): 1, ("qkv", "bias"): 0, ("projection", "kernel"): 0}
# Arrays by which a file is recognised, by the model's name. The first one has a name that no part
# of another model has.
SIGNS = {
    "vit": ("patch_embedding/kernel", "block_0/mlp/expand/kernel", "positions"),
    "resnet": ("stage_1/block_0/conv_1/kernel", "stem/conv/kernel"),
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """An array of ours, by its path ("params/head/kernel"), and its place in a file.

    Several names are parts that lie side by side along our last axis. `axes` are theirs in our
    order, none where the order is the same. `heads` is the axis of ours for which they have two,
    heads and the width of a head, and the number of heads.
    """

    ours: str
    theirs: tuple[str, ...]
    axes: tuple[int, ...] = ()
    heads: tuple[int, int] | None = None

    def read(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Converts the file's arrays, in the order of `theirs`, to ours."""
        parts = [array.transpose(self.axes) if self.axes else array for array in arrays]
        if self.heads is not None:
            axis, _ = self.heads
            parts = [x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :]) for x in parts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def write(self, array: np.ndarray) -> list[np.ndarray]:
        """Converts our array to those of the file; the exact inverse of `read`."""
        parts = np.split(array, len(self.theirs), axis=-1) if len(self.theirs) > 1 else [array]
        if self.heads is not None:
            axis, num_heads = self.heads
            parts = [x.reshape(*x.shape[:axis], num_heads, -1, *x.shape[axis + 1 :]) for x in parts]
        return [part.transpose(np.argsort(self.axes)) if self.axes else part for part in parts]

    def shapes_in_file(self, shape: Shape) -> list[Shape]:
        """The shapes of the file's arrays for one of ours that has `shape`."""
        # Takes no memory, whatever the shape.
        return [part.shape for part in self.write(np.broadcast_to(np.float32(0), shape))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout: the names that files give to the arrays of one of our models.

    `layers` has their name of each of our layers, {} standing for the numbers of a block; queries,
    keys and values may be three of theirs. In PyTorch's files kernels are transposed; in those of
    Flax (`is_flax`) attention has an axis of its own for the heads. `title` says whose the layout
    is. `dropped` and `foreign` are patterns of names with reasons: what no model of ours needs, and
    what makes a model another one than ours. `written_as` is the format of files that are written
    so, none where they are only read.
    """

    name: str
    title: str
    model_name: str
    layers: Mapping[str, str | tuple[str, str, str]]
    dropped: Mapping[str, str]
    foreign: Mapping[str, str]
    is_flax: bool = False
    written_as: str = ""

    @functools.cached_property
    def signs(self) -> tuple[str, ...]:
        """Names by which a file is recognised: one of the first two, and as many as possible."""
        return tuple(self.their_name(path) for path in SIGNS[self.model_name])

    def their_name(self, path: str) -> str:
        """Their name of one of our parameters of any such model, the first of several."""
        return self._their_names[f"params/{path}"]

    @functools.cached_property
    def _their_names(self) -> dict[str, str]:
        """Their names of our default model's arrays."""
        return {each.ours: each.theirs[0] for each in self.entries(MODELS[self.model_name]())}

    def entries(self, model: Model) -> list[Entry]:
        """The table of all arrays of a model, block after block."""
        if isinstance(model, ViT):
            blocks = [(i,) for i in range(model.depth)]
        elif isinstance(model, ResNet):
            depths = enumerate(model.stage_depths, start=1)
            blocks = [(stage, i) for stage, depth in depths for i in range(depth)]
        else:
            assert_never(model)
        table: list[Entry] = []
        for is_numbered, group in itertools.groupby(self.layers, lambda layer: "{}" in layer):
            layers = list(group)
            for numbers in blocks if is_numbered else [()]:
                # The first block of each stage but the first one has another width before it.
                has_shortcut = len(numbers) == 2 and numbers[0] > 1 and numbers[1] == 0
                for layer in layers:
                    if "/shortcut_" not in layer or has_shortcut:
                        table += self._layer(layer, numbers, model)
        return table

    def fields(self, shapes: Mapping[str, Shape]) -> dict[str, Any]:
        """The fields of the model that a file is of, as far as the shapes of its arrays tell."""
        return {"vit": self._vit_fields, "resnet": _resnet_fields}[self.model_name](shapes)

    def _vit_fields(self, shapes: Mapping[str, Shape]) -> dict[str, Any]:
        before_number = self.their_name("block_0/mlp/expand/bias").partition("0")[0]
        fields: dict[str, Any] = {"depth": count_numbers(shapes, before_number)}
        if width := shapes.get(self.their_name("patch_embedding/bias")):
            fields["width"] = width[0]
        query = shapes.get(self.their_name("block_0/attention/qkv/bias"), ())
        if self.is_flax and len(query) == 2:
            fields["num_heads"] = query[0]
        if mlp_width := shapes.get(self.their_name("block_0/mlp/expand/bias")):
            fields["mlp_width"] = mlp_width[0]
        return fields

    def _layer(self, layer: str, numbers: tuple[int, ...], model: Model) -> list[Entry]:
        names, ours = self.layers[layer], layer.format(*numbers)
        parts = [names] if isinstance(names, str) else names
        theirs = [part.format(*numbers) for part in parts]
        kind = layer.rpartition("/")[2]
        if kind in ("cls", "positions"):
            return [Entry(f"params/{ours}", tuple(theirs))]
        if "conv" in kind:
            arrays = ["params/kernel"]
        elif "norm" in kind:
            statistics = ["batch_stats/mean", "batch_stats/var"]
            arrays = ["params/scale", "params/bias"]
            arrays += statistics if isinstance(model, ResNet) else []
        else:
            arrays = ["params/kernel", "params/bias"]
        table = []
        for collection, array in (path.split("/") for path in arrays):
            endings = FLAX_ENDINGS if self.is_flax else TORCH_ENDINGS
            axes, heads = (), None
            if array == "kernel" and not self.is_flax:
                is_convolution = "conv" in kind or kind == "patch_embedding"
                axes = CONVOLUTION if is_convolution else DENSE
            if isinstance(model, ViT) and self.is_flax and (kind, array) in FLAX_HEADS:
                heads = (FLAX_HEADS[kind, array], model.num_heads)
            in_file = tuple(name + endings[array] for name in theirs)
            table.append(Entry(f"{collection}/{ours}/{array}", in_file, axes, heads))
        return table


def count_numbers(names: Mapping[str, Any], before: str) -> int:
    """Counts the different numbers that follow `before` in the names: blocks, for example."""
    rests = [name[len(before) :] for name in names if name.startswith(before)]
    digits = [rest[: len(rest) - len(rest.lstrip("0123456789"))] for rest in rests]
    return len(set(filter(None, digits)))


def _resnet_fields(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    stages = range(1, count_numbers(shapes, "layer") + 1)
    widths = [shapes.get(f"layer{stage}.0.conv1.weight", ()) for stage in stages]
    if widths and all(widths):
        fields["stage_widths"] = tuple(shape[0] for shape in widths)
        fields["stage_depths"] = tuple(count_numbers(shapes, f"layer{x}.") for x in stages)
    if stem := shapes.get("conv1.weight"):
        fields["stem"] = "imagenet" if stem[-1] == 7 else "cifar"
    return fields
