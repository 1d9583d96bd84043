"""Whether a model is as sure as it is right: likelihood, Brier score, calibration error.

Everywhere logits are [n, classes] and labels class indices [n] of the same n >= 1 images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse, stats
from scipy.special import log_softmax, softmax

from jaxcmp.compare.statistics.means import CONFIDENCE

NUM_BINS = 15
# Resamples that are drawn at once: enough for speed, a few megabytes for 10,000 images.
PART = 50
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Means over the images of each bin, from the least to the most confident; arrays [bins].

    `num` counts the images of a bin; none is empty.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    num: np.ndarray


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log(probability of the right class), in nats; less is better."""
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=1)
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def brier_score(logits: np.ndarray, labels: np.ndarray) -> float:
    """The squared error of the probabilities, summed over classes: 0 is best, 2 is worst.

    Source: Brier 1950, whose score for two classes is twice the one that is often given.
    """
    errors = softmax(np.asarray(logits, np.float64), axis=1)
    errors[np.arange(len(labels)), labels] -= 1
    return float((errors**2).sum(axis=1).mean())


def equal_mass_bins(confidence: np.ndarray, num_bins: int = NUM_BINS) -> np.ndarray:
    """The bin of each image, int [n]: bins of equally many images, by rising confidence.

    Counts differ by one at most, except that images of equal confidence share the bin of their
    middle, so that the order of the images is of no consequence. Bins count from 0 without a gap;
    there are fewer than `num_bins` where there are fewer images, or many equals. Source: Nguyen
    and O'Connor 2015.
    """
    ranks = stats.rankdata(confidence) - 0.5
    wanted = np.floor(ranks * num_bins / len(ranks)).astype(int)
    return np.unique(wanted, return_inverse=True)[1]


def expected_calibration_error(
    logits: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS
) -> float:
    """By how much confidence and accuracy differ, in [0, 1]: a mean over bins of equal mass.

    Each bin counts by its images. Even a perfectly calibrated model has an error above zero, as
    chance moves each bin. Source: Naeini et al. 2015; equal mass: Nguyen and O'Connor 2015.
    """
    bins, excess = _binned_excess(logits, labels, num_bins)
    return float(np.abs(np.bincount(bins, weights=excess)).sum() / len(labels))


def ece_interval(
    logits: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    rng: np.random.Generator,
    num_resamples: int = 1000,
    num_bins: int = NUM_BINS,
) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval, over images, of the mean calibration error of runs.

    `logits` of each run about the same images, which are drawn anew together; each keeps its bin.
    It covers the choice of test images, not of seeds. Chance adds to the error of a resample once
    more, so the interval lies rather high, and that of a well calibrated model may lie above its
    error. Source: Efron 1979.
    """
    num_images = len(labels)
    parts = [_binned_excess(each, labels, num_bins) for each in logits]
    rows = np.concatenate([number * num_bins + bins for number, (bins, _) in enumerate(parts)])
    excess = np.concatenate([excess for _, excess in parts])
    columns = np.tile(np.arange(num_images), len(parts))
    # One row for each bin of each run: times how often an image is drawn, it is the bin's sum.
    sums = sparse.csr_array((excess, (rows, columns)), shape=(len(parts) * num_bins, num_images))
    errors = []
    for start in range(0, num_resamples, PART):
        size = min(PART, num_resamples - start)
        errors.append(np.abs(sums @ _draw_counts(rng, num_images, size)).sum(axis=0))
    means = np.concatenate(errors) / (num_images * len(parts))
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def reliability(logits: np.ndarray, labels: np.ndarray, num_bins: int = NUM_BINS) -> Reliability:
    """Confidence and accuracy by bins of equal mass; see `equal_mass_bins`."""
    confidence, is_right = _confidence(logits, labels)
    bins = equal_mass_bins(confidence, num_bins)
    num = np.bincount(bins)
    return Reliability(
        confidence=np.bincount(bins, weights=confidence) / num,
        accuracy=np.bincount(bins, weights=is_right) / num,
        num=num,
    )


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T for which logits / T have the least negative log likelihood.

    Above 1 it makes a model less sure, below 1 surer; no answer changes. It is to be fitted on
    held-out images, never on those it is judged by. T is searched in [0.05, 20], and is at an end
    of it where no better one exists: at 0.05 if every answer is right. Source: Guo et al. 2017.
    """
    logits = np.asarray(logits, np.float64)
    # The likelihood has one peak in 1 / T, so also in log T, in which steps are of equal size.
    result = optimize.minimize_scalar(
        lambda log_t: negative_log_likelihood(logits / np.exp(log_t), labels),
        bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    # Pyright does not see the fields of scipy's result, which are made when it is filled.
    return float(np.exp(result.x))  # pyright: ignore[reportAttributeAccessIssue]


def _confidence(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the answer, float64 [n], and whether the answer is right, bool [n]."""
    logits = np.asarray(logits, np.float64)
    return softmax(logits, axis=1).max(axis=1), logits.argmax(axis=1) == labels


def _binned_excess(
    logits: np.ndarray, labels: np.ndarray, num_bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each image, and by how much its answer is better than it was sure of."""
    confidence, is_right = _confidence(logits, labels)
    return equal_mass_bins(confidence, num_bins), is_right - confidence


def _draw_counts(rng: np.random.Generator, num_images: int, num_resamples: int) -> np.ndarray:
    """How often each of the images is drawn, float64 [images, resamples]."""
    # Counting draws takes a tenth of the time that multinomial numbers do.
    draws = rng.integers(num_images, size=(num_images, num_resamples))
    places = draws * num_resamples + np.arange(num_resamples)
    counts = np.bincount(places.ravel(), minlength=num_images * num_resamples)
    return counts.reshape(num_images, num_resamples).astype(np.float64)
