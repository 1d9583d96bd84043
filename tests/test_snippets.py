"""The lines of a model card, run as a reader would paste them."""

import shlex
from typing import Any

import numpy as np
import processes
import pytest
from sample_models import make_trained

from jaxcmp import models
from jaxcmp.export.portable import portable_program
from jaxcmp.export.snippets import snippets
from jaxcmp.main import parse
from jaxcmp.predict import Trained

NAME = "vit seed 0.safetensors"
DATA = {"name": "digits", "dir": "somewhere", "image_size": 0}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("vit", {}),
        ("resnet", {}),
        ("resnet", {"stem": "imagenet", "zero_init_residual": True, "drop_path_rate": 0.1}),
    ],
)
def test_the_command_begins_a_run_of_the_files_sizes(name, fields, monkeypatch):
    monkeypatch.chdir(processes.ROOT)
    trained = make_trained(name, **fields)
    words = shlex.split(snippets(trained, NAME, "safetensors", DATA)[0].code)
    assert words[:3] == ["python", "-m", "jaxcmp.main"]
    config = parse(words[2:]).config
    assert config.init.path == NAME
    assert (config.data.name, config.data.dir) == ("digits", "")
    # How a network is trained is the new run's own.
    free = {"zero_init_residual": False, "drop_path_rate": 0.0}
    expected = trained.model.clone(**free if name == "resnet" else {})
    assert models.build(**config.model) == expected


def test_the_command_scales_pixels_as_the_weights_have_seen_them(monkeypatch):
    monkeypatch.chdir(processes.ROOT)
    data = {**DATA, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 0.5]}
    words = shlex.split(snippets(make_trained("vit"), NAME, "npz", data)[0].code)
    config = parse(words[2:]).config
    assert (config.data.mean, config.data.std) == ((0.5, 0.5, 0.5), (0.25, 0.5, 0.5))


def test_sizes_that_are_the_defaults_are_not_told():
    trained = make_trained("vit", image_size=32, patch_size=4, num_classes=10)
    words = shlex.split(snippets(trained, NAME, "npz", DATA)[0].code)
    flags = [word.partition("=")[0] for word in words if word.startswith("--config.model.")]
    assert flags == [f"--config.model.{field}" for field in ("width", "depth", "mlp_width")]


def test_the_program_runs_by_the_lines_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = make_trained("vit")
    (tmp_path / "a.stablehlo").write_bytes(portable_program(trained, ["cpu"])[0])
    (only,) = snippets(trained, "a.stablehlo", "stablehlo", DATA)
    names: dict[str, Any] = {}
    exec(only.code, names)
    expected = trained.predict(np.zeros((1, 8, 8, 3), np.uint8))
    np.testing.assert_allclose(names["probabilities"], expected, rtol=0, atol=1e-6)


def test_a_vit_of_a_known_size_goes_by_its_name():
    sizes: dict[str, Any] = {"width": 192, "depth": 12, "num_heads": 3, "mlp_width": 768}
    code = for_torch(make_trained("vit", **sizes), "safetensors")
    assert 'timm.create_model("vit_tiny_patch16_224",' in code
    assert "img_size=8, patch_size=2, in_chans=3, num_classes=3)" in code


def test_what_no_library_can_make_is_not_promised():
    assert not for_torch(make_trained("resnet"), "safetensors")
    # timm rounds the width times the ratio down, here to 0.
    assert int(49 * (1 / 49)) == 0
    assert not for_torch(make_trained("vit", width=49, num_heads=7, mlp_width=1), "npz")


def for_torch(trained: Trained, format: str) -> str:
    """Empty where there are no such lines."""
    return "".join(
        s.code for s in snippets(trained, NAME, format, DATA) if "import torch" in s.code
    )
