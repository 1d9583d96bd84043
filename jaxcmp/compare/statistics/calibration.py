"""Calibration, which says whether a model is as sure as it is right: likelihood, Brier, ECE.

Everywhere logits are [n, classes] and labels class indices [n] of the same n >= 1 images.
"""

from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse, stats
from scipy.special import softmax

from jaxcmp.compare.statistics.means import CONFIDENCE
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.runs.metrics import cross_entropy

NUM_BINS = 15
# Images in a bin of equal width: of fewer, the accuracy is hardly known.
LEAST = 20
# Resamples that are drawn at once: enough for speed, a few megabytes for 10,000 images.
PART = 50
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


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


def equal_width_bins(confidence: np.ndarray, least: int = LEAST) -> np.ndarray:
    """The bin of each image, int [n]: tenths of [0, 1], some of them joined, counted from 0.

    They lie apart in a figure, where many bins of equal mass may lie on one another. A tenth with
    fewer than `least` images is joined with the next, the last of all with the one before.
    """
    tenths = np.minimum(np.floor(10 * confidence), 9).astype(int)
    counts = np.bincount(tenths, minlength=10)
    bins, own, num = np.zeros(10, int), 0, 0
    for tenth, count in enumerate(counts):
        if num >= least and counts[tenth:].sum() >= least:
            own, num = own + 1, 0
        bins[tenth], num = own, num + count
    return bins[tenths]


def expected_calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns how far confidence and accuracy differ, in [0, 1]: a mean over bins of equal mass.

    Each bin counts by its images. Even a perfectly calibrated model has an error above zero, as
    chance moves each bin: see `ece_interval`. Sources: Naeini et al. 2015; equal mass:
    Nguyen and O'Connor 2015.
    """
    confidence, is_right = _confidence(logits, labels)
    bins = equal_mass_bins(confidence)
    excess = np.bincount(bins, weights=is_right - confidence)
    return float(np.abs(excess).sum() / len(labels))


def ece_interval(
    logits: Sequence[np.ndarray],
    labels: np.ndarray,
    *,
    rng: np.random.Generator,
    num_resamples: int = 1000,
) -> tuple[float, float]:
    """The 95 % interval, over images, of the mean calibration error of runs, without chance's part.

    `logits` of each run are about the same images. Chance moves every bin, and as it only ever adds
    to the error, percentiles of resamples lie above it. Here chance is drawn around zero: each
    image has a random factor that all runs share (Wu 1986). The interval has the errors that the
    one found is a likely outcome of, 2.5 % on either side, were the gaps of all bins so many times
    those found. None of them is a calibrated model, for which this is consistency resampling
    (Broecker and Smith 2007): where chance alone explains the error, the interval begins at 0. It
    always holds the error found, and covers the choice of test images, not of seeds.
    """
    gaps, noise = _gaps_and_noise(logits, labels, rng, num_resamples)
    error = float(np.abs(gaps).sum())

    def outcome(times: float, level: float) -> float:
        errors = np.abs(times * gaps[:, np.newaxis] + noise).sum(axis=0)
        return float(np.quantile(errors, level))

    def times_of(level: float, target: float) -> float:
        """Returns the factor by which the gaps must grow to give the target at this level."""
        if not error or outcome(0, level) >= target:
            return 0.0
        end = 1.0
        while outcome(end, level) < target:
            end *= 2
        root = optimize.brentq(lambda times: outcome(times, level) - target, 0, end)
        return float(root)  # pyright: ignore[reportArgumentType]

    tail = (1 - CONFIDENCE) / 2
    low = error * times_of(1 - tail, error)
    # An error smaller than chance alone would give is luck, and makes the interval no narrower.
    high = error * times_of(tail, max(error, outcome(0, 0.5)))
    spread = outcome(1, 1 - tail) - outcome(1, 0.5)
    high = max(high, error + spread, _error_of_the_unseen(logits, labels))
    return min(low, error), min(high, 1.0)


def _error_of_the_unseen(logits: Sequence[np.ndarray], labels: np.ndarray) -> float:
    """Bounds the error of answers that are all right: no image shows how many others are wrong."""
    pairs = [_confidence(each, labels) for each in logits]
    if not all(is_right.all() for _, is_right in pairs):
        return 0.0
    least = wilson_interval(len(labels), len(labels))[0]
    return float(np.mean([confidence.mean() for confidence, _ in pairs])) - least


def _gaps_and_noise(
    logits: Sequence[np.ndarray], labels: np.ndarray, rng: np.random.Generator, num_resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gaps [bins of all runs], as parts of the mean error, and what chance adds, by resample."""
    num_images, size = len(labels), len(labels) * len(logits)
    gaps, scales, rows = [], [], []
    for each in logits:
        confidence, is_right = _confidence(each, labels)
        bins = equal_mass_bins(confidence)
        excess, num = is_right - confidence, np.bincount(bins)
        sums = np.bincount(bins, weights=excess)
        # A bin varies as its confidence says or as its answers do, whichever is more: where all of
        # a few are right, their own spread says nothing.
        said = np.bincount(bins, weights=confidence * (1 - confidence))
        found = np.bincount(bins, weights=excess**2) - sums**2 / num
        variance = np.maximum(said, found) / num
        gaps.append(sums / size)
        scales.append(np.where(is_right, 1, -1) * np.sqrt(variance[bins]) / size)
        rows.append(bins + sum(map(len, gaps[:-1])))
    total = sum(map(len, gaps))
    columns = np.tile(np.arange(num_images), len(logits))
    places = np.concatenate(rows), columns
    spread = sparse.csr_array((np.concatenate(scales), places), shape=(total, num_images))
    noise = [
        spread @ rng.standard_normal((num_images, min(PART, num_resamples - start)))
        for start in range(0, num_resamples, PART)
    ]
    return np.concatenate(gaps), np.concatenate(noise, axis=1)


def reliability(
    logits: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence and accuracy [bins] in bins of equal width, and the bin of each image [n].

    Bins go from the least to the most confident, and none is empty.
    """
    confidence, is_right = _confidence(logits, labels)
    bins = equal_width_bins(confidence)
    confidences, accuracies = (
        np.bincount(bins, weights=each) / np.bincount(bins) for each in (confidence, is_right)
    )
    return confidences, accuracies, bins


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T for which logits / T have the least negative log likelihood.

    Above 1 it makes a model less sure, below 1 surer; no answer changes. It is to be fitted on
    held-out images, never on those it is judged by. T is searched in [0.05, 20], and is at an end
    of it where no better one exists: at 0.05 if every answer is right. Source: Guo et al. 2017.
    """
    logits = np.asarray(logits, np.float64)
    # The likelihood has one peak in 1 / T, so also in log T, in which steps are of equal size.
    result = optimize.minimize_scalar(
        lambda log_t: cross_entropy(logits / np.exp(log_t), labels),
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
