"""Resizes position embeddings to another number of patches, and patch kernels to other patches.

Both resize as images are resized here and in most of the field: bicubic with the kernel of
Keys (1981), a = -0.5, widened where the result is smaller (antialias), edges not padded. That is
`jax.image.resize(..., "bicubic", antialias=True)`, and in PyTorch
`interpolate(mode="bicubic", antialias=True, align_corners=False)`. PyTorch without antialias has
a = -0.75 and gives other numbers.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np


def resize_matrix(size: int, new_size: int) -> np.ndarray:
    """Returns the matrix that resizes `size` samples: float64 [new_size, size], rows sum to 1."""
    matrix = jax.image.resize(jnp.eye(size), (new_size, size), "bicubic", antialias=True)
    return np.asarray(matrix, np.float64)


def grid_of(num_tokens: int) -> tuple[int, bool]:
    """Returns the side of the grid of so many positions, and whether the class token has one.

    Raises ValueError where there is no such grid.
    """
    for has_cls in (True, False):
        side = math.isqrt(max(num_tokens - has_cls, 0))
        if side and side**2 == num_tokens - has_cls:
            return side, has_cls
    raise ValueError(
        f"{num_tokens} positions are no square grid, with or without one for the class token"
    )


def resize_positions(positions: np.ndarray, num_tokens: int) -> np.ndarray:
    """Resizes position embeddings [1, tokens, width] to another grid (Dosovitskiy et al. 2021).

    `num_tokens` counts the class token, whose position stands first and is kept; where the
    embeddings have none it is zero, as if none were added. Raises ValueError where there is no
    square grid.
    """
    side, has_cls = grid_of(positions.shape[1])
    new_side, _ = grid_of(num_tokens)
    cls, grid = np.split(positions[0], [int(has_cls)])
    if not has_cls:
        cls = np.zeros_like(grid[:1])
    if new_side != side:
        matrix = resize_matrix(side, new_side)
        grid = grid.reshape(side, side, -1)
        grid = np.einsum("ai,bj,ijw->abw", matrix, matrix, grid, optimize=True)
        grid = grid.reshape(new_side**2, -1).astype(np.float32)
    return np.concatenate([cls, grid])[None]


def resize_patches(kernel: np.ndarray, patch_size: int) -> np.ndarray:
    """Resizes a patch embedding's kernel [size, size, channels, width] to another patch size.

    PI-resize (Beyer et al. 2023, FlexiViT): times the pseudo-inverse of the transposed matrix that
    resizes a patch. A larger patch, resized so from the old one, is then embedded as the old one
    was; of a smaller one the error is the least possible for white noise.
    """
    # The matrix of two dimensions is a Kronecker product, and so is its pseudo-inverse.
    inverse = np.linalg.pinv(resize_matrix(len(kernel), patch_size).T)
    return np.einsum("ai,bj,ijcw->abcw", inverse, inverse, kernel, optimize=True).astype(np.float32)
