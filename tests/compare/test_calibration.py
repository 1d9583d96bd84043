"""Calibration measures against their definitions, written out, and printed examples."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from jaxcmp.compare.statistics.calibration import (
    brier_score,
    ece_interval,
    equal_mass_bins,
    equal_width_bins,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from jaxcmp.runs.metrics import cross_entropy

# Few values, so that many are equal.
confidences = st.lists(st.integers(0, 12).map(lambda n: n / 12), min_size=1, max_size=60)


def draw(num: int, *, sharpness: float = 1.0, seed: int = 0, classes: int = 5):
    """Logits that are too sure by a factor: labels are drawn from what they were before it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(num, classes))
    labels = np.array([rng.choice(classes, p=each) for each in probabilities(logits)])
    return logits * sharpness, labels


def probabilities(logits) -> list[list[float]]:
    exps = [[math.exp(value - max(row)) for value in row] for row in logits]
    return [[value / sum(row) for value in row] for row in exps]


def logits_of(confidence: float, num_right: int, num: int):
    """Returns answers that are always class 0 with one confidence, and right so many times."""
    logits = np.tile(np.log([confidence, 1 - confidence]), (num, 1))
    return logits, (np.arange(num) >= num_right).astype(int)


def written_out_error(logits, labels, num_bins) -> float:
    """The calibration error as Naeini et al. 2015 define it, for confidences that all differ."""
    pairs = zip(probabilities(logits), labels, strict=True)
    rows = sorted((max(p), p.index(max(p)) == label) for p, label in pairs)
    error = 0.0
    for images in np.array_split(np.array(rows), num_bins):
        confidence, accuracy = images.mean(axis=0)
        error += len(images) / len(rows) * abs(accuracy - confidence)
    return error


def test_the_likelihood_agrees_with_its_definition_and_with_scikit_learn():
    logits, labels = draw(60)
    table = probabilities(logits)
    expected = -sum(math.log(p[y]) for p, y in zip(table, labels, strict=True)) / 60
    assert cross_entropy(logits, labels) == pytest.approx(expected)
    assert expected == pytest.approx(log_loss(labels, table, labels=range(5)))
    assert cross_entropy(np.zeros((4, 10)), np.arange(4)) == pytest.approx(math.log(10))


def test_logits_of_any_size_overflow_nowhere():
    logits, labels = np.array([[3e4, -3e4], [3e4, -3e4]], np.float32), np.array([0, 1])
    assert cross_entropy(logits, labels) == pytest.approx(3e4)
    assert brier_score(logits, labels) == pytest.approx(1)
    assert expected_calibration_error(logits, labels) == pytest.approx(0.5)
    assert fit_temperature(logits, labels) == pytest.approx(20, rel=1e-3)


def test_the_forecasts_of_rain_have_the_score_that_brier_gives_them():
    # Brier 1950: ten forecasts, of which three saw rain; P = 0.19.
    rain = np.array([0.7, 0.9, 0.8, 0.4, 0.2, 0, 0, 0, 0, 0.1])
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    table = np.clip(np.stack([rain, 1 - rain], axis=1), 1e-300, 1)
    assert brier_score(np.log(table), labels) == pytest.approx(0.19)


def test_the_brier_score_agrees_with_its_definition():
    logits, labels = draw(40)
    pairs = zip(probabilities(logits), labels, strict=True)
    total = sum((p[c] - (c == label)) ** 2 for p, label in pairs for c in range(5))
    assert brier_score(logits, labels) == pytest.approx(total / 40)
    sure = np.array([[1000.0, 0.0]])
    scores = [brier_score(sure, np.array([label])) for label in (0, 1)]
    assert scores == pytest.approx([0, 2])


@given(confidences, st.integers(1, 20))
def test_bins_rise_with_confidence_without_a_gap_and_keep_equals_together(values, num_bins):
    bins = equal_mass_bins(np.array(values), num_bins)
    assert sorted(set(bins)) == list(range(max(bins) + 1)) and max(bins) < num_bins
    ordered = sorted(zip(values, bins, strict=True))
    assert [each for _, each in ordered] == sorted(bins)
    assert len(set(ordered)) == len(set(values))
    backwards = equal_mass_bins(np.array(values[::-1]), num_bins)
    assert list(backwards[::-1]) == list(bins)


@given(st.integers(1, 100), st.integers(1, 20))
def test_bins_of_different_confidences_have_equal_mass(num, num_bins):
    confidence = np.random.default_rng(num).permutation(num) / num
    sizes = np.bincount(equal_mass_bins(confidence, num_bins))
    assert len(sizes) == min(num, num_bins)
    assert sizes.max() - sizes.min() <= 1


def test_images_of_one_confidence_share_the_bin_of_their_middle():
    # By their first they would join the third image, which is less sure than they are.
    bins = equal_mass_bins(np.array([0.1, 0.2, 0.3] + [1.0] * 7), 5)
    assert list(bins) == [0, 0, 1] + [2] * 7


def test_the_calibration_error_agrees_with_its_definition_and_with_scikit_learn():
    logits, labels = draw(150, sharpness=3)
    error = expected_calibration_error(logits, labels)
    assert error == pytest.approx(written_out_error(logits, labels, 15))
    table = np.array(probabilities(logits))
    accuracy, confidence = calibration_curve(
        table.argmax(axis=1) == labels, table.max(axis=1), n_bins=15, strategy="quantile"
    )
    assert error == pytest.approx(np.abs(accuracy - confidence).mean())


def test_a_model_that_is_sure_of_nine_tenths_and_right_seven_times_in_ten_errs_by_two_tenths():
    assert expected_calibration_error(*logits_of(0.9, 7, 10)) == pytest.approx(0.2)
    assert expected_calibration_error(*logits_of(0.7, 7, 10)) == pytest.approx(0, abs=1e-12)


def test_reliability_has_the_mean_confidence_and_accuracy_of_each_bin():
    logits, labels = draw(152, sharpness=2)
    confidences, accuracies, bins = reliability(logits, labels)
    table = np.array(probabilities(logits))
    is_right = table.argmax(axis=1) == labels
    assert len(accuracies) == bins.max() + 1 > 2
    for index, pair in enumerate(zip(confidences, accuracies, strict=True)):
        own = bins == index
        assert pair == pytest.approx((table.max(axis=1)[own].mean(), is_right[own].mean()))
    assert (np.diff(confidences) > 0).all()


def test_bins_of_equal_width_are_tenths_joined_where_they_hold_few():
    # Three images in the first tenth wait for the fifth; one in the eighth for the last.
    confidence = np.array([0.05, 0.06, 0.07, 0.41, 0.42, 0.75] + [0.95] * 5 + [1.0])
    assert list(equal_width_bins(confidence, least=5)) == [0] * 5 + [1] * 7
    assert list(equal_width_bins(confidence, least=1)) == [0] * 3 + [1] * 2 + [2] + [3] * 6
    # A last bin that would hold too few is joined with the one before.
    assert list(equal_width_bins(np.array([0.1] * 5 + [0.9] * 2), least=5)) == [0] * 7


def too_sure(num: int, sharpness: float, rng: np.random.Generator, classes: int = 10):
    """Draws like `draw`, in one go, answers that are right three times in four."""
    logits = rng.normal(scale=4, size=(num, classes))
    sums = softmax(logits, axis=1).cumsum(axis=1)
    return logits * sharpness, (sums > rng.random((num, 1))).argmax(axis=1)


@pytest.mark.parametrize("sharpness", [1.0, 1.1, 2.0])
@pytest.mark.parametrize(("num", "num_draws"), [(360, 100), (10_000, 100)])
def test_the_interval_holds_the_true_error_as_often_as_it_says(sharpness, num, num_draws):
    rng = np.random.default_rng(0)
    # Of a calibrated model it is zero, of another that of so many images that chance adds nothing.
    true = (
        expected_calibration_error(*too_sure(2_000_000, sharpness, rng)) if sharpness > 1 else 0.0
    )
    held = 0
    for _ in range(num_draws):
        logits, labels = too_sure(num, sharpness, rng)
        low, high = ece_interval([logits], labels, rng=rng, num_resamples=200)
        held += low <= true <= high
        assert low <= expected_calibration_error(logits, labels) <= high
    assert held >= 0.9 * num_draws


def test_runs_on_the_same_images_leave_no_more_to_chance_than_one_does():
    # Each run sees the class through noise of its own, and is exactly as sure as it should be.
    rng, held = np.random.default_rng(0), 0
    for _ in range(100):
        labels = rng.integers(5, size=360)
        means = 1.5 * np.eye(5)[labels]
        runs = [1.5 * (means + rng.normal(size=(360, 5))) for _ in range(3)]
        held += ece_interval(runs, labels, rng=rng, num_resamples=200)[0] == 0
    assert held >= 90


def test_an_interval_is_as_wide_as_the_choice_of_images_makes_an_error_that_is_far_from_zero():
    rng = np.random.default_rng(0)
    errors, widths = [], []
    for i in range(120):
        logits, labels = too_sure(3000, 3.0, rng)
        errors.append(expected_calibration_error(logits, labels))
        if i < 4:
            low, high = ece_interval([logits], labels, rng=rng)
            widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(errors), rel=0.15)


def test_the_interval_is_a_matter_of_the_seed():
    logits, labels = draw(50)
    first, again = (
        ece_interval([logits], labels, rng=np.random.default_rng(3), num_resamples=75)
        for _ in range(2)
    )
    assert first == again and first[0] < first[1]


def test_images_that_are_all_right_do_not_say_how_many_others_are_wrong():
    labels = np.zeros(10, int)
    for confidence in (0.9, 1 - 1e-12):
        logits, _ = logits_of(confidence, 10, 10)
        low, high = ece_interval([logits] * 2, labels, rng=np.random.default_rng(0))
        # Ten of ten are compatible with a share of 10 / (10 + 1.96 ** 2), Wilson 1927.
        assert low == 0 and high > confidence - 0.7225


def test_many_runs_and_images_are_resampled_in_little_memory():
    rng = np.random.default_rng(0)
    runs, labels = list(rng.normal(size=(20, 10_000, 10))), rng.integers(10, size=10_000)
    tracemalloc.start()
    ece_interval(runs, labels, rng=rng, num_resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_a_model_that_is_three_times_too_sharp_is_given_a_temperature_of_three():
    logits, labels = draw(4000, sharpness=3)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(3, rel=0.1)
    # Guo et al. 2017: at the best T the mean logit of the labels is the one the model expects.
    table = np.array(probabilities(logits / temperature))
    expected = (table * logits).sum(axis=1).mean()
    assert logits[np.arange(4000), labels].mean() == pytest.approx(expected, abs=1e-4)
    cooled = expected_calibration_error(logits / temperature, labels)
    assert cooled < expected_calibration_error(logits, labels) / 5


def test_a_temperature_without_a_best_value_ends_where_the_search_does():
    logits = np.random.default_rng(0).normal(size=(30, 4))
    assert fit_temperature(logits, logits.argmax(axis=1)) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(logits, logits.argmin(axis=1)) == pytest.approx(20, rel=1e-3)
