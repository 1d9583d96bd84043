"""The lines of a model card, run as a reader would paste them: they see what ours sees."""

import shlex
from typing import Any

import numpy as np
import processes
import pytest
from sample_models import draw_images, make_trained

from jaxcmp import cli, main, models
from jaxcmp.export.formats import named_weights, program
from jaxcmp.export.snippets import loading, new_run

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
    words = shlex.split(new_run(trained, NAME, DATA))
    assert words[:3] == ["python", "-m", "jaxcmp.main"]
    config = cli.parse(main.make_parser(), words[3:]).config
    assert config.init.path == NAME
    assert (config.data.name, config.data.dir) == ("digits", "")
    # How a network is trained is the new run's own.
    free = {"zero_init_residual": False, "drop_path_rate": 0.0}
    expected = trained.model.clone(**free if name == "resnet" else {})
    num_classes = config.model.num_classes or 10
    assert models.build(**config.model.to_dict() | {"num_classes": num_classes}) == expected


def test_the_new_run_scales_its_pixels_as_the_weights_have_seen_them(monkeypatch):
    monkeypatch.chdir(processes.ROOT)
    data = DATA | {"mean": [0.5, 0.25, 0.1], "std": [1.0, 2.0, 3.0]}
    words = shlex.split(new_run(make_trained("vit"), NAME, data))
    found = cli.parse(main.make_parser(), words[3:]).config.data
    assert (found.mean, found.std) == ((0.5, 0.25, 0.1), (1.0, 2.0, 3.0))


def test_sizes_that_are_the_defaults_are_not_given():
    trained = make_trained("vit", image_size=32, patch_size=4, num_classes=10)
    words = shlex.split(new_run(trained, NAME, DATA))
    flags = [word.partition("=")[0] for word in words if word.startswith("--config.model.")]
    assert flags == [f"--config.model.{field}" for field in ("width", "depth", "mlp_width")]


@pytest.mark.parametrize("name", ["folder", "npz", "parquet"])
def test_a_run_on_ones_own_images_names_their_folder_without_its_place(name, monkeypatch):
    monkeypatch.chdir(processes.ROOT)
    data = {"name": name, "dir": "/home/me/photos", "image_size": 64, "fit": "pad"}
    data |= {"test_fraction": 0.2}
    words = shlex.split(new_run(make_trained("vit"), NAME, data))
    found = cli.parse(main.make_parser(), words[3:]).config.data
    assert (found.name, found.dir, found.image_size, found.fit) == (name, "photos", 64, "pad")
    # Without it, undivided images would have nothing to test on.
    assert found.test_fraction == 0.2


def test_the_size_is_given_where_the_images_have_another():
    trained = make_trained("vit", image_size=32, patch_size=4, images=(64, 64))
    assert "--config.model.image_size=32" in new_run(trained, NAME, DATA)


def test_the_program_runs_by_the_lines_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = make_trained("vit")
    name = 'it\'s "猫" 😀.stablehlo'
    (tmp_path / name).write_bytes(program(trained)[0])
    names: dict[str, Any] = {}
    exec(loading(trained, name, "stablehlo"), names)
    expected = trained.predict(np.zeros((1, 8, 8, 3), np.uint8))
    np.testing.assert_allclose(names["probabilities"], expected, rtol=0, atol=1e-6)


def test_what_no_library_can_make_is_not_promised():
    assert not loading(make_trained("resnet"), NAME, "safetensors")
    # timm rounds the width times the ratio down, here to 0.
    assert int(49 * (1 / 49)) == 0
    assert not loading(make_trained("vit", width=49, num_heads=7, mlp_width=1), NAME, "npz")


RESNET_10 = {"stage_widths": (64, 128, 256, 512), "stage_depths": (1, 1, 1, 1), "image_size": 32}
VIT_TINY = {"width": 192, "depth": 12, "num_heads": 3, "mlp_width": 768}


@pytest.mark.parametrize(
    ("model", "format", "channels", "fields"),
    [
        ("vit", "safetensors", 3, {}),
        ("vit", "safetensors", 1, {}),
        ("vit", "npz", 3, {"images": (12, 5)}),
        ("vit", "npz", 1, {}),
        ("vit", "safetensors", 3, VIT_TINY),
        ("resnet", "safetensors", 1, RESNET_10),
        ("resnet", "safetensors", 3, RESNET_10 | {"stem": "imagenet"}),
        ("resnet", "safetensors", 1, RESNET_10 | {"stem": "imagenet"}),
    ],
)
def test_their_probabilities_are_ours(tmp_path, monkeypatch, model, format, channels, fields):
    # Skips where one of PyTorch's packages is missing.
    from torch_models import torch

    monkeypatch.chdir(tmp_path)
    trained = make_trained(model, channels=channels, **fields)
    (tmp_path / NAME).write_bytes(named_weights(trained, format)[0])
    images = draw_images(trained, 3)
    names: dict[str, Any] = {"images": torch.from_numpy(images.transpose(0, 3, 1, 2).copy())}
    exec(loading(trained, NAME, format), names)
    expected = np.asarray(trained.predict(images))
    np.testing.assert_allclose(names["probabilities"].numpy(), expected, atol=1e-5)
    # Not all on one class, where every model would agree.
    assert expected.max(axis=1).min() < 0.999
