"""Agreement of two runs: equal answers, errors on the same images, accuracy together."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.special import softmax
from sklearn.metrics import cohen_kappa_score


@dataclasses.dataclass(frozen=True)
class RightShares:
    """Shares of the images, in [0, 1] and 1 together, by which of two runs is right."""

    only_first: float
    only_second: float
    both: float
    neither: float


def agreement(first_answers: np.ndarray, second_answers: np.ndarray) -> float:
    """The share of images, in [0, 1], that two runs give the same class, right or wrong.

    Class indices [n] of the same images. Raises ValueError if they do not fit together.
    """
    first, second = _paired(first_answers, second_answers)
    return float((first == second).mean())


def error_consistency(first_right: np.ndarray, second_right: np.ndarray) -> float | None:
    """Returns how much more often than by chance two runs are right, or wrong, on the same images.

    Bool [n] of the same images. Cohen's kappa: 1 where they err on the same images, 0 where they
    do so as often as their accuracies make them, below 0 where less often. None where both are
    right about all images or wrong about all, which leaves nothing to be consistent in. Raises
    ValueError if they do not fit together. Source: Cohen 1960; Geirhos et al. 2020.
    """
    first, second = _paired(np.asarray(first_right, bool), np.asarray(second_right, bool))
    if (first.all() and second.all()) or not (first.any() or second.any()):
        return None
    return float(cohen_kappa_score(first, second))


def only_one_right(first_right: np.ndarray, second_right: np.ndarray) -> RightShares:
    """The shares of images that only one of two runs, both, or neither is right about.

    Bool [n] of the same images. Raises ValueError if they do not fit together.
    """
    first, second = _paired(np.asarray(first_right, bool), np.asarray(second_right, bool))
    return RightShares(
        only_first=float((first & ~second).mean()),
        only_second=float((second & ~first).mean()),
        both=float((first & second).mean()),
        neither=float((~first & ~second).mean()),
    )


def ensemble_accuracy(logits: Sequence[np.ndarray], labels: np.ndarray) -> float:
    """The accuracy, in [0, 1], of runs that answer together: the mean of their probabilities.

    Logits [n, classes] of each run and labels [n] of the same images. Raises ValueError without
    runs or images. Source: Lakshminarayanan et al. 2017.
    """
    if not len(logits) or not len(labels):
        raise ValueError("no runs or no images")
    # Added up one by one: forty runs of a large test set would take much memory as one array.
    total = np.zeros(logits[0].shape)
    for each in logits:
        total += softmax(np.asarray(each, np.float64), axis=1)
    return float((total.argmax(axis=1) == labels).mean())


def _paired(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or not len(first):
        raise ValueError(f"runs of {first.shape} and {second.shape} images are not paired")
    return first, second
