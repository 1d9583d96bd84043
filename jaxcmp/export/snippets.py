"""Lines to paste that load an exported file: with jaxcmp, PyTorch's libraries, or JAX."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

import jinja2

from jaxcmp.models import ResNet, ViT
from jaxcmp.predict import Trained
from jaxcmp.settings.keys import OWN_DATA

TEMPLATE = Path(__file__).with_name("load.py.jinja")
# The settings that say which images there are and how their pixels are scaled.
DATA = ("name", "image_size", "fit", "skip_bad", "classes", "test_fraction", "mean", "std")
# Fields of a model that say how it computes and is trained, not what it is.
TRAINING_FIELDS = (
    "parent",
    "name",
    "dtype",
    "has_kernels",
    "has_fused_attention",
    "has_onednn",
    "zero_init_residual",
)
TORCHVISION_WIDTHS = (64, 128, 256, 512)


def new_run(trained: Trained, name: str, data: Mapping[str, Any]) -> str:
    """Writes the command that begins a run from the file of that name.

    `data` are the settings of the exported run's images.
    """
    model = trained.model
    kind = type(model).__name__.lower()
    defaults = type(model)()
    # JSON has no tuples, and a configuration no lists.
    settings = {
        f"data.{key}": tuple(data[key]) if isinstance(data[key], list) else data[key]
        for key in DATA
        if data.get(key) and data[key] != "crop"
    }
    if data["name"] in OWN_DATA:
        # Where a reader has them; our own path says nothing to others.
        settings["data.dir"] = Path(data.get("dir") or data["name"]).name
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        is_size = field.name not in TRAINING_FIELDS and not field.name.endswith("_rate")
        is_default = value == getattr(defaults, field.name)
        if field.name == "image_size":
            # Left out, it follows from the data.
            is_default &= trained.image_size == (value, value)
        if is_size and not is_default:
            settings[f"model.{field.name}"] = value
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    start = ["python", "-m", "jaxcmp.main", f"--config=configs/{kind}.py"]
    return shlex.join([*start, *flags, f"--config.init.path={name}"])


def library_for(model: ViT | ResNet, format: str) -> str:
    """Returns "jax", "timm" or "torchvision"; nothing where none can make a model of its sizes."""
    if format == "stablehlo":
        return "jax"
    if isinstance(model, ResNet):
        return "torchvision" if model.stage_widths == TORCHVISION_WIDTHS else ""
    if not isinstance(model, ViT):
        assert_never(model)
    # timm rounds down.
    is_exact = int(model.width * (model.mlp_width / model.width)) == model.mlp_width
    return "timm" if is_exact else ""


def loading(trained: Trained, name: str, format: str) -> str:
    """Writes the Python that loads the file of that name with its library; empty without one."""
    library = library_for(trained.model, format)
    if not library:
        return ""
    template = jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    channels = len(trained.mean)
    return template.render(
        library=library,
        name=ascii(name),
        format=format,
        model=trained.model,
        channels=channels,
        image_size=trained.image_size,
        shape=(*trained.image_size, channels),
        mean=trained.mean,
        std=trained.std,
    )
