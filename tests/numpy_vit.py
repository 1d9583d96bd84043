"""A Vision Transformer in NumPy, as the paper describes it (Dosovitskiy et al. 2021): an oracle."""

from typing import Any

import jax
import numpy as np
from scipy.special import erf, softmax


def vit_logits(trained: Any, images: np.ndarray) -> np.ndarray:
    """Computes logits [n, classes] of a restored ViT for images uint8 [n, H, W, C] of its size."""
    levels = (images / 255 - trained.mean) / trained.std
    return logits_of(trained.model, trained.variables["params"], levels)


def logits_of(model: Any, params: Any, levels: np.ndarray) -> np.ndarray:
    """Computes logits [n, classes] for normalised images [n, H, W, C], in float64."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    x = embed(model, p, levels)
    for i in range(model.depth):
        block = p[f"block_{i}"]
        x = x + _attend(norm(x, block["attention_norm"]), block["attention"], model)
        hidden = dense(norm(x, block["mlp_norm"]), block["mlp"]["expand"])
        hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
        x = x + dense(hidden, block["mlp"]["contract"])
    return dense(norm(x[:, 0], p["norm"]), p["head"])


def embed(model: Any, p: Any, levels: np.ndarray) -> np.ndarray:
    """Computes the tokens that enter the first block, [n, tokens, width]."""
    n, side, _, channels = levels.shape
    size = model.patch_size
    grid = side // size
    patches = levels.reshape(n, grid, size, grid, size, channels).transpose(0, 1, 3, 2, 4, 5)
    kernel = p["patch_embedding"]["kernel"].reshape(size * size * channels, -1)
    x = patches.reshape(n, grid * grid, -1) @ kernel + p["patch_embedding"]["bias"]
    cls = np.broadcast_to(p["cls"], (n, 1, x.shape[-1]))
    return np.concatenate([cls, x], axis=1) + p["positions"]


def dense(x: np.ndarray, layer: Any) -> np.ndarray:
    return x @ layer["kernel"] + layer["bias"]


def norm(x: np.ndarray, layer: Any) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
    return centred / deviation * layer["scale"] + layer["bias"]


def _attend(x: np.ndarray, layer: Any, model: Any) -> np.ndarray:
    n, tokens, width = x.shape
    qkv = dense(x, layer["qkv"]).reshape(n, tokens, 3, model.num_heads, -1)
    query, key, value = qkv.transpose(2, 0, 3, 1, 4)
    weights = softmax(query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1]), axis=-1)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(n, tokens, width)
    return dense(mixed, layer["projection"])
