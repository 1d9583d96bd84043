"""Agreement of two runs: who is right about the same images, and accuracy together."""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax
from statsmodels.stats import contingency_tables, inter_rater


def right_counts(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Counts images by who is right: [[both, only the first], [only the second, neither]].

    `first` and `second` bool [n] say which of the same images two runs are right about. Raises
    ValueError if they do not fit together.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"runs of {first.shape} and {second.shape} images are not paired")
    return np.array([[np.sum(one & two) for two in (second, ~second)] for one in (first, ~first)])


def mcnemar(counts: np.ndarray) -> float:
    """Tests whether two runs are right equally often, by the images on which only one is right.

    `counts` are those of `right_counts`. The p value is two-sided and exact, from the binomial
    distribution, however many images there are. It holds for these two runs: other seeds may
    differ. Source: McNemar 1947.
    """
    result = contingency_tables.mcnemar(counts, exact=True)
    # Pyright does not see the fields of statsmodels' result, which are made when it is filled.
    return float(result.pvalue)  # pyright: ignore[reportAttributeAccessIssue]


def error_consistency(counts: np.ndarray) -> float | None:
    """Returns how much more often than by chance two runs are right, or wrong, on the same images.

    `counts` are those of `right_counts`. Cohen's kappa: 1 where they err on the same images, 0
    where they do so as often as their accuracies make them, below 0 where less often. None where
    both are right about all images or wrong about all, which leaves nothing to be consistent in.
    Sources: Cohen 1960; Geirhos et al. 2020.
    """
    if counts.sum() in (counts[0, 0], counts[1, 1]):
        return None
    return float(np.asarray(inter_rater.cohens_kappa(counts, return_results=False), np.float64))


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
