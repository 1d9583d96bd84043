"""The lines of a model card, run as a reader would paste them."""

import shlex
from typing import Any

import numpy as np
import processes
import pytest
from sample_models import draw_images, make_trained

from jaxcmp import models
from jaxcmp.export.named_weights import named_weights
from jaxcmp.export.portable import portable_program
from jaxcmp.export.snippets import snippets
from jaxcmp.main import parse
from jaxcmp.predict import Trained

NAME = "vit seed 0.safetensors"
RESNET_18 = {"stage_widths": (64, 128, 256, 512), "stage_depths": (2, 2, 2, 2)}


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
    words = shlex.split(snippets(trained, NAME, "safetensors")[0].code)
    assert words[:3] == ["python", "-m", "jaxcmp.main"]
    config = parse(words[2:]).config
    assert config.init.path == NAME
    # How a network is trained is the new run's own.
    free = {"zero_init_residual": False, "drop_path_rate": 0.0}
    expected = trained.model.clone(**free if name == "resnet" else {})
    assert models.build(**config.model) == expected


def test_sizes_that_are_the_defaults_are_not_told():
    trained = make_trained("vit", image_size=32, patch_size=4, num_classes=10)
    words = shlex.split(snippets(trained, NAME, "npz")[0].code)
    flags = [word.partition("=")[0] for word in words if word.startswith("--config.model.")]
    assert flags == [f"--config.model.{field}" for field in ("width", "depth", "mlp_width")]


def test_the_program_runs_by_the_lines_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = make_trained("vit")
    (tmp_path / "a.stablehlo").write_bytes(portable_program(trained, ["cpu"])[0])
    (only,) = snippets(trained, "a.stablehlo", "stablehlo")
    found = run(only.code, {})
    expected = trained.predict(np.zeros((1, 8, 8, 3), np.uint8))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("format", ["safetensors", "npz"])
@pytest.mark.parametrize("channels", [1, 3])
def test_timm_says_the_same(tmp_path, monkeypatch, format, channels):
    pytest.importorskip("timm", reason="timm is not installed")
    check_with_torch(make_trained("vit", channels=channels), format, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("stem", "channels"), [("cifar", 3), ("cifar", 1), ("imagenet", 3), ("imagenet", 1)]
)
def test_torchvision_says_the_same(tmp_path, monkeypatch, stem, channels):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("torchvision", reason="torchvision is not installed", exc_type=Exception)
    trained = make_trained("resnet", channels=channels, stem=stem, image_size=32, **RESNET_18)
    check_with_torch(trained, "safetensors", tmp_path, monkeypatch)


def test_a_vit_of_a_known_size_goes_by_its_name():
    sizes = {"width": 192, "depth": 12, "num_heads": 3, "mlp_width": 768}
    code = for_torch(make_trained("vit", **sizes), "safetensors")
    assert 'timm.create_model("vit_tiny_patch16_224",' in code
    assert "img_size=8, patch_size=2, in_chans=3, num_classes=3)" in code


def test_what_no_library_can_make_is_not_promised():
    assert not for_torch(make_trained("resnet"), "safetensors")
    # timm rounds the width times the ratio down, here to 0.
    assert int(49 * (1 / 49)) == 0
    assert not for_torch(make_trained("vit", width=49, num_heads=7, mlp_width=1), "npz")


def check_with_torch(trained: Trained, format: str, folder: Any, monkeypatch: Any) -> None:
    """Runs the lines beside the file, and compares with `predict`."""
    import torch  # pyright: ignore[reportMissingImports]

    monkeypatch.chdir(folder)
    (folder / NAME).write_bytes(named_weights(trained, format)[0])
    images = draw_images(trained, 3)
    found = run(
        for_torch(trained, format), {"images": torch.from_numpy(images.transpose(0, 3, 1, 2))}
    )
    np.testing.assert_allclose(found, np.asarray(trained.predict(images)), atol=1e-5)


def for_torch(trained: Trained, format: str) -> str:
    """Empty where there are no such lines."""
    return "".join(s.code for s in snippets(trained, NAME, format) if "import torch" in s.code)


def run(code: str, names: dict[str, Any]) -> np.ndarray:
    exec(code, names)
    return np.asarray(names["probabilities"])
