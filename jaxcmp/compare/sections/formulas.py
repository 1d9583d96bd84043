"""Where a model's parameters and work lie, as formulas that a reader can check.

A product is written with the numbers of the run and counted from those same numbers. Components
bear the names of cost.json and stand in the order in which an image passes through them.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class Term:
    """One component: how its count comes about, such as "65 tokens × 192", and the count."""

    component: str
    formula: str
    count: int


@dataclasses.dataclass(frozen=True)
class _Amount:
    """A number and how it is written; sums and products of amounts write themselves."""

    count: int
    text: str
    is_sum: bool = False

    def __mul__(self, other: Self) -> "_Amount":
        texts = [f"({x.text})" if x.is_sum else x.text for x in (self, other)]
        return _Amount(self.count * other.count, " × ".join(texts))

    def __add__(self, other: Self) -> "_Amount":
        return _Amount(self.count + other.count, f"{self.text} + {other.text}", is_sum=True)

    def named(self, component: str) -> Term:
        return Term(component, self.text, self.count)


def _amount(count: int, unit: str = "") -> _Amount:
    """A count of units, which are given in the singular."""
    if unit and count != 1:
        unit += "es" if unit.endswith(("ch", "ss")) else "s"
    return _Amount(count, f"{count} {unit}".rstrip())


TWO, THREE = _amount(2), _amount(3)
KERNEL = THREE * THREE
SEVEN = _amount(7)


FIELDS = {
    "vit": {"image_size", "patch_size", "width", "depth", "mlp_width", "num_classes"},
    "resnet": {"image_size", "stage_widths", "stage_depths", "num_classes"},
}


def parameter_terms(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    """The trained parameters by component; nothing for a model that is not known here.

    `model` is a run's config["model"], `num_channels` how many channels its images have.
    """
    terms = {"vit": _vit_parameters, "resnet": _resnet_parameters}
    return terms[model["name"]](model, num_channels) if _is_known(model) else []


def multiply_add_terms(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    """The multiply-adds of one image's forward pass, without norms, activations and softmax.

    Arguments are those of `parameter_terms`; nothing for a model that is not known here.
    """
    terms = {"vit": _vit_work, "resnet": _resnet_work}
    return terms[model["name"]](model, num_channels) if _is_known(model) else []


def num_tokens(model: Mapping[str, Any]) -> int | None:
    """A ViT's patches and its class token; None for a model without tokens."""
    return _tokens(model) if _is_known(model) and model["name"] == "vit" else None


def attention_share(model: Mapping[str, Any], num_channels: int) -> float | None:
    """How much of the multiply-adds grows with the square of the tokens, in [0, 1].

    That is QK^T, and the weights times the values (Vaswani et al. 2017). It is 0 for a model
    without attention and None for one that is not known here.
    """
    work = _counts(multiply_add_terms(model, num_channels))
    return _quadratic(work) / sum(work.values()) if work else None


def tokens_for_half(model: Mapping[str, Any], num_channels: int) -> float | None:
    """With how many tokens the quadratic part would be half of the multiply-adds.

    Only the image grows: patch size, width, depth, MLP and classes are kept. The class token is
    counted, but is not embedded from a patch. None for a model without attention.
    """
    work, tokens = _counts(multiply_add_terms(model, num_channels)), num_tokens(model)
    if tokens is None:
        return None
    per_patch = work["patch_embedding"] / (tokens - 1)
    linear = ("blocks.qkv", "blocks.projection", "blocks.mlp")
    # Half of the work is quadratic where a t^2 = b t + c.
    a = _quadratic(work) / tokens**2
    b = sum(work[name] for name in linear) / tokens + per_patch
    c = work["head"] - per_patch
    return (b + math.sqrt(b**2 + 4 * a * c)) / (2 * a)


def _is_known(model: Mapping[str, Any]) -> bool:
    name = model.get("name")
    return name in FIELDS and FIELDS[name] <= model.keys()


def _tokens(model: Mapping[str, Any]) -> int:
    return (model["image_size"] // model["patch_size"]) ** 2 + 1


def _counts(terms: list[Term]) -> dict[str, int]:
    return {term.component: term.count for term in terms}


def _quadratic(work: Mapping[str, int]) -> int:
    parts = ("blocks.attention_scores", "blocks.attention_values")
    return sum(work.get(part, 0) for part in parts)


def _vit_parameters(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    tokens, width = _amount(_tokens(model), "token"), _amount(model["width"])
    blocks, classes = _amount(model["depth"], "block"), _amount(model["num_classes"], "class")
    patch, hidden = _amount(model["patch_size"]), _amount(model["mlp_width"])
    qkv = _amount(3 * model["width"])
    return [
        (patch * patch * _amount(num_channels, "channel") * width + width).named("patch_embedding"),
        width.named("cls"),
        (tokens * width).named("positions"),
        (blocks * (TWO * width)).named("blocks.attention_norm"),
        (blocks * (width * qkv + qkv + width * width + width)).named("blocks.attention"),
        (blocks * (TWO * width)).named("blocks.mlp_norm"),
        (blocks * (width * hidden + hidden + hidden * width + width)).named("blocks.mlp"),
        (TWO * width).named("norm"),
        (width * classes + _amount(model["num_classes"])).named("head"),
    ]


def _vit_work(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    tokens, patches = _amount(_tokens(model), "token"), _amount(_tokens(model) - 1, "patch")
    blocks, width = _amount(model["depth"], "block"), _amount(model["width"])
    patch, hidden = _amount(model["patch_size"]), _amount(model["mlp_width"])
    pixels = patch * patch * _amount(num_channels, "channel")
    quadratic = blocks * tokens * tokens * width
    return [
        (patches * pixels * width).named("patch_embedding"),
        (blocks * tokens * width * _amount(3 * model["width"])).named("blocks.qkv"),
        quadratic.named("blocks.attention_scores"),
        quadratic.named("blocks.attention_values"),
        (blocks * tokens * width * width).named("blocks.projection"),
        (blocks * tokens * TWO * width * hidden).named("blocks.mlp"),
        (width * _amount(model["num_classes"], "class")).named("head"),
    ]


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Sizes of one stage; the shortcut is projected where the shape changes."""

    name: str
    size: int
    width_in: int
    width: int
    depth: int
    is_projected: bool

    def weights(self) -> _Amount:
        """The convolutions' weights: two in a block, the first of which may widen."""
        first, width = _amount(self.width_in), _amount(self.width)
        if self.width_in == self.width:
            total = _amount(2 * self.depth, "convolution") * KERNEL * width * width
        else:
            rest = _amount(2 * self.depth - 1, "convolution")
            total = KERNEL * first * width + rest * KERNEL * width * width
        shortcut = _Amount(self.width, f"{self.width} shortcut")
        return total + first * shortcut if self.is_projected else total

    def norms(self) -> _Amount:
        return _amount(2 * self.depth + self.is_projected, "norm") * TWO * _amount(self.width)


def _is_pooled(model: Mapping[str, Any]) -> bool:
    """Whether the stem is that of ImageNet; runs from before there were two do not say."""
    return model.get("stem", "cifar") == "imagenet"


def _stem_kernel(model: Mapping[str, Any]) -> _Amount:
    return SEVEN * SEVEN if _is_pooled(model) else KERNEL


def _stem_sizes(model: Mapping[str, Any]) -> tuple[int, int]:
    """The image's side after the stem's convolution, and after its pooling."""
    size = model["image_size"]
    halved = (size + 1) // 2
    return (halved, (halved + 1) // 2) if _is_pooled(model) else (size, size)


def _stages(model: Mapping[str, Any]) -> list[_Stage]:
    """Every stage but the first halves the image, a pixel left over being kept."""
    stages, size, width_in = [], _stem_sizes(model)[1], model["stage_widths"][0]
    for i, width in enumerate(model["stage_widths"]):
        size_in, size = size, size if i == 0 else (size + 1) // 2
        is_projected = (size_in, width_in) != (size, width)
        depth = model["stage_depths"][i]
        stages.append(_Stage(f"stage_{i + 1}", size, width_in, width, depth, is_projected))
        width_in = width
    return stages


def _resnet_parameters(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    channels, stem = _amount(num_channels, "channel"), _amount(model["stage_widths"][0])
    stages = [(stage.weights() + stage.norms()).named(stage.name) for stage in _stages(model)]
    width, classes = _amount(model["stage_widths"][-1]), _amount(model["num_classes"], "class")
    head = width * classes + _amount(model["num_classes"])
    stem_weights = _stem_kernel(model) * channels * stem
    return [(stem_weights + TWO * stem).named("stem"), *stages, head.named("head")]


def _resnet_work(model: Mapping[str, Any], num_channels: int) -> list[Term]:
    channels, stem = _amount(num_channels, "channel"), _amount(model["stage_widths"][0])
    width, classes = _amount(model["stage_widths"][-1]), _amount(model["num_classes"], "class")
    stages = [(_pixels(stage.size) * stage.weights()).named(stage.name) for stage in _stages(model)]
    pixels = _pixels(_stem_sizes(model)[0])
    first = (pixels * _stem_kernel(model) * channels * stem).named("stem")
    return [first, *stages, (width * classes).named("head")]


def _pixels(size: int) -> _Amount:
    return _amount(size) * _amount(size, "pixel")
