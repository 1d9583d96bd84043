"""Small models with random variables, and files of them in the published names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file
from sample_files import CONFIG, DATA, INIT, session

from jaxcmp import models, runs
from jaxcmp.checkpoint import trees
from jaxcmp.checkpoint.manager import Checkpoints
from jaxcmp.errors import JaxcmpError
from jaxcmp.models import Model
from jaxcmp.pretrained import fit, read
from jaxcmp.pretrained.layouts import Layout
from jaxcmp.pretrained.published import to_published, written_layouts

VIT = models.ViT(
    image_size=8, patch_size=2, width=8, depth=2, num_heads=2, mlp_width=12, num_classes=3
)
RESNET = models.ResNet(image_size=8, stage_widths=(4, 6), stage_depths=(1, 2), num_classes=3)
LAYOUTS = {"vit_npz": VIT, "timm_vit": VIT, "torch_resnet": RESNET}


def shapes_of(model: Model, num_channels: int = 3) -> dict[str, Any]:
    """ShapeDtypeStructs of the model's variables."""
    images = jnp.zeros((1, model.image_size, model.image_size, num_channels))
    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    return {"batch_stats": {}, **shapes}


def random_variables(model: Model, seed: int = 0, num_channels: int = 3) -> dict[str, Any]:
    """Makes every number random, so that no zero or one hides a mistake; variances positive."""
    rng = np.random.default_rng(seed)
    shapes = shapes_of(model, num_channels)
    variables = jax.tree.map(lambda x: 0.2 * rng.standard_normal(x.shape, np.float32), shapes)
    variables["batch_stats"] = jax.tree.map(lambda x: np.abs(x) + 0.1, variables["batch_stats"])
    return variables


def named(variables: Any) -> dict[str, np.ndarray]:
    return trees.to_host(variables)


def layout_of(name: str) -> Layout:
    """The layout that is written under this name."""
    return written_layouts(LAYOUTS[name])[name]


def published(layout: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The small model's arrays in the names of a layout."""
    model = LAYOUTS[layout]
    return to_published(layout_of(layout), random_variables(model, seed), model)


def load(path: Path, model: Model, template: Any = None, **options: Any) -> tuple[Any, Any]:
    """Reads and fits weights; returns variables and init.json. Shapes do for a template."""
    return fit(read(path, **options), shapes_of(model) if template is None else template, model)


def assert_same(variables: Any, expected: Any) -> None:
    np.testing.assert_equal(named(variables), named(expected))


def assert_loads_whole(path: Path, model: Model, **options: Any) -> dict[str, Any]:
    """Loads the model's random variables, to the bit; returns the content of init.json."""
    variables, said = load(path, model, **options)
    assert_same(variables, random_variables(model))
    assert {row["what"] for row in said["rows"]} == {"loaded"}
    return said


def refusal(error: type[JaxcmpError], call: Callable[..., Any], *arguments: Any) -> str:
    """Returns the one line, of exactly this kind, with which a call is refused."""
    with pytest.raises(error) as caught:
        call(*arguments)
    assert type(caught.value) is error and "\n" not in str(caught.value)
    return str(caught.value)


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Writes the weights in the format that the suffix names."""
    if path.suffix == ".npz":
        np.savez(path, allow_pickle=False, **arrays)
    else:
        save_file(arrays, path)
    return path


CLASS_NAMES = ("cat", "dog", "frog")
VIT_FIELDS = {
    "name": "vit",
    "image_size": 8,
    "patch_size": 2,
    "width": 8,
    "depth": 2,
    "num_heads": 2,
    "mlp_width": 12,
    "num_classes": 3,
    "dropout_rate": 0.0,
    "drop_path_rate": 0.0,
}


def write_run(folder: Path, *states: Any, seen: dict[str, Any] | None = None) -> Path:
    """A run of the small ViT whose checkpoints, at steps 10, 20 and so on, are these states."""
    config = CONFIG | {"seed": 3, "batch_size": 16, "model": VIT_FIELDS}
    data = {"name": "pets", "num_train": 80, "class_names": list(CLASS_NAMES)}
    with runs.open_run(folder, config) as run:
        run.write_environment(session(data=DATA | data))
        if seen is not None:
            run.write_json(runs.INIT, INIT | {"seen": seen})
    with Checkpoints(folder / runs.CHECKPOINTS, keep_every=10, keep_best=True) as checkpoints:
        for number, state in enumerate(states, start=1):
            checkpoints.save(10 * number, state, {"validation_accuracy": 1 / number})
    return folder
