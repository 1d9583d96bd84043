"""Linear CKA between layers, and what it comes to for two models."""

import numpy as np


def linear_cka(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the CKA of all pairs of layers, [layers of the first, layers of the second].

    Rows [layers, n] are the likeness of pairs of the same images, centred and with a mean square of
    1; one of zeros has a CKA of 0. It is 1 for layers that are the same up to rotation and scale,
    and 0 on average for independent ones (Kornblith et al. 2019).
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} pairs of images and {second.shape[1]}")
    one, two = _unit(first), _unit(second)
    return one @ two.T


def best_match(matrix: np.ndarray) -> float:
    """Returns the CKA of a layer with the most similar one of the other model, mean over layers."""
    return float((matrix.max(axis=0).mean() + matrix.max(axis=1).mean()) / 2)


def _unit(rows: np.ndarray) -> np.ndarray:
    """Scales rows to length 1, which half precision has not kept exactly."""
    rows = rows.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
