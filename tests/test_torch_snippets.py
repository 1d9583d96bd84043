"""PyTorch's libraries load an exported file by the lines of its card, and see what ours sees."""

from typing import Any

import numpy as np
import pytest
from sample_models import draw_images, make_trained
from torch_models import torch

from jaxcmp.export.named_weights import named_weights
from jaxcmp.export.snippets import snippets

NAME = "a model.file"
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
    monkeypatch.chdir(tmp_path)
    trained = make_trained(model, channels=channels, **fields)
    (tmp_path / NAME).write_bytes(named_weights(trained, format)[0])
    images = draw_images(trained, 3)
    (code,) = [
        each.code for each in snippets(trained, NAME, format, {}) if "import torch" in each.code
    ]
    names: dict[str, Any] = {"images": torch.from_numpy(images.transpose(0, 3, 1, 2).copy())}
    exec(code, names)
    expected = np.asarray(trained.predict(images))
    np.testing.assert_allclose(names["probabilities"].numpy(), expected, atol=1e-5)
    # Not all on one class, where every model would agree.
    assert expected.max(axis=1).min() < 0.999
