"""The established PyTorch models with random weights; tests skip if they are not installed."""

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
for package in ("torchvision", "timm"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

with warnings.catch_warnings():
    # Theirs, of how they import each other.
    warnings.simplefilter("ignore")
    # Declares what torchvision lacks where its compiled operations do not fit this PyTorch.
    importlib.import_module("jaxcmp.bench.torch_peer")
    timm: Any = importlib.import_module("timm")
    torchvision: Any = importlib.import_module("torchvision")

__all__ = ["images", "logits_of", "randomised", "state_of", "timm", "torch", "torchvision"]


def randomised(model: Any, seed: int = 0) -> Any:
    """Makes every weight and statistic random, of a size that keeps signals alive."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var"):
            tensor.copy_(0.5 + noise.abs())
        elif tensor.ndim == 1:
            tensor.copy_(name.endswith("weight") + 0.1 * noise)
        else:
            tensor.copy_(noise * max(tensor[0].numel(), 1) ** -0.5)
    return model.eval()


def state_of(model: Any) -> dict[str, Any]:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


def images(size: int, num: int = 2) -> np.ndarray:
    """Draws normalised images [num, size, size, 3]."""
    return np.random.default_rng(1).standard_normal((num, size, size, 3), np.float32)


def logits_of(model: Any, batch: np.ndarray) -> np.ndarray:
    """Computes a PyTorch model's logits for images in our layout."""
    with torch.inference_mode():
        return model(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()
