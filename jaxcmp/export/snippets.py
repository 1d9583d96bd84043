"""How an exported file is loaded: lines to paste, for jaxcmp, for PyTorch's libraries, for JAX."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcmp.models import ResNet, ViT
from jaxcmp.predict import Trained

# The sizes that timm has a name for: width, depth, heads, width of the MLP.
TIMM_SIZES = {
    (192, 12, 3, 768): "tiny",
    (384, 12, 6, 1536): "small",
    (768, 12, 12, 3072): "base",
    (1024, 24, 16, 4096): "large",
}
# What of the settings of the data says which images there are and how their pixels are scaled.
DATA = ("name", "image_size", "classes", "mean", "std")
TORCHVISION_WIDTHS = (64, 128, 256, 512)


@dataclasses.dataclass(frozen=True)
class Snippet:
    """A sentence, and lines of a language that do what it says."""

    words: str
    language: str
    code: str


def snippets(trained: Trained, name: str, format: str, data: Mapping[str, Any]) -> list[Snippet]:
    """Every way to load the file of that name; `data` are the settings of the run's images."""
    if format == "stablehlo":
        return [_program(trained, name)]
    others = _of_torch(trained, name, format)
    return [_begin_a_run(trained, name, data), *others]


def _begin_a_run(trained: Trained, name: str, data: Mapping[str, Any]) -> Snippet:
    model = trained.model
    kind = type(model).__name__.lower()
    defaults = type(model)()
    # What is drawn at random while training, and how it starts, is no part of a file of weights.
    sizes = [
        field.name
        for field in dataclasses.fields(model)
        if field.name not in ("parent", "name", "dtype", "zero_init_residual")
        and not field.name.endswith("_rate")
        and getattr(model, field.name) != getattr(defaults, field.name)
    ]
    # JSON knows no tuples, and a configuration no lists.
    settings = {
        key: tuple(data[key]) if isinstance(data[key], list) else data[key]
        for key in DATA
        if data.get(key)
    }
    flags = [f"--config.data.{key}={value}" for key, value in settings.items()]
    flags += [f"--config.model.{size}={getattr(model, size)}" for size in sizes]
    start = ["python", "-m", "jaxcmp.main", f"--config=configs/{kind}.py"]
    words = (
        "A run of jaxcmp begins from it with `init.path`, here on the same images; data and recipe "
        "are free, and the head is made anew where the classes are others."
    )
    return Snippet(words, "sh", shlex.join([*start, *flags, f"--config.init.path={name}"]))


def _program(trained: Trained, name: str) -> Snippet:
    shape = ", ".join(map(str, (*trained.image_size, len(trained.mean))))
    lines = [
        "from pathlib import Path",
        "",
        "import numpy as np",
        "from jax import export",
        "",
        f"program = export.deserialize(bytearray(Path({json.dumps(name)}).read_bytes()))",
        f"images = np.zeros([1, {shape}], np.uint8)  # any number of them",
        f"probabilities = np.asarray(program.call(images))  # [1, {trained.model.num_classes}]",
    ]
    words = "With JAX and flatbuffers (`pip install jax flatbuffers`), and nothing of jaxcmp:"
    return Snippet(words, "python", "\n".join(lines))


def _of_torch(trained: Trained, name: str, format: str) -> list[Snippet]:
    model = trained.model
    channels = len(trained.mean)
    made = _timm(model, channels) if isinstance(model, ViT) else _torchvision(model, channels)
    if made is None:
        return []
    imports, lines, words = made
    if format == "npz":
        imports = [each for each in imports if "safetensors" not in each]
        loaded = f"model.load_pretrained({json.dumps(name)})"
    else:
        loaded = f"model.load_state_dict(load_file({json.dumps(name)}))"
    code = [
        *imports,
        "",
        *lines,
        loaded,
        f"mean, std = (torch.tensor(x).view(-1, 1, 1) for x in ({_row(trained.mean)}, "
        f"{_row(trained.std)}))",
        "x = (images / 255 - mean) / std  # images: uint8 [n, channels, height, width]",
        *_resized(trained),
        "with torch.no_grad():",
        "    probabilities = model.eval()(x).softmax(-1)",
    ]
    return [Snippet(words, "python", "\n".join(code))]


def _resized(trained: Trained) -> list[str]:
    size = trained.model.image_size
    if trained.image_size == (size, size):
        return []
    how = f'({size}, {size}), mode="bicubic", antialias=True'
    return [f"x = torch.nn.functional.interpolate(x, {how})"]


def _timm(model: ViT, channels: int) -> tuple[list[str], list[str], str] | None:
    """Imports, lines that make the model, and words; None where timm cannot have its sizes."""
    ratio = model.mlp_width / model.width
    if int(model.width * ratio) != model.mlp_width:
        return None
    free = f"in_chans={channels}, num_classes={model.num_classes}"
    sizes = (model.width, model.depth, model.num_heads, model.mlp_width)
    images = f"img_size={model.image_size}, patch_size={model.patch_size}, {free}"
    if sizes in TIMM_SIZES:
        first = "import timm"
        made = [
            f'model = timm.create_model("vit_{TIMM_SIZES[sizes]}_patch16_224",',
            f"    {images})",
        ]
    else:
        first = "from timm.models.vision_transformer import VisionTransformer"
        blocks = f"embed_dim={model.width}, depth={model.depth}, num_heads={model.num_heads}"
        made = [f"model = VisionTransformer({images},", f"    {blocks}, mlp_ratio={ratio!r})"]
    imports = ["import torch", first, "from safetensors.torch import load_file"]
    return imports, made, "As a PyTorch module, with timm:"


def _torchvision(model: ResNet, channels: int) -> tuple[list[str], list[str], str] | None:
    """As `_timm`; torchvision's four stages have fixed widths."""
    if model.stage_widths != TORCHVISION_WIDTHS:
        return None
    imports = [
        "import torch",
        "from safetensors.torch import load_file",
        "from torchvision.models.resnet import BasicBlock, ResNet",
    ]
    depths = list(model.stage_depths)
    lines = [f"model = ResNet(BasicBlock, {depths}, num_classes={model.num_classes})"]
    conv = "model.conv1 = torch.nn.Conv2d"
    if model.stem == "cifar":
        lines += [
            f"{conv}({channels}, 64, 3, 1, 1, bias=False)",
            "model.maxpool = torch.nn.Identity()",
        ]
    elif channels != 3:
        lines += [f"{conv}({channels}, 64, 7, 2, 3, bias=False)"]
    stem = "the 3x3 stem without pooling" if model.stem == "cifar" else "the 7x7 stem"
    return imports, lines, f"As a PyTorch module, with torchvision and {stem}:"


def _row(values: np.ndarray) -> str:
    """Each to the digits that float32 tells apart."""
    return f"[{', '.join(str(each) for each in np.asarray(values, np.float32))}]"
