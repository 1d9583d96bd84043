"""Counts of right answers, consistency and ensembles against definitions and an example."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcmp.compare.statistics.agreement import (
    ensemble_accuracy,
    error_consistency,
    right_counts,
)

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


def test_the_widely_printed_example_of_kappa_is_reproduced():
    # Two readers and fifty grant proposals: both yes 20, only the first 5, only the second 10,
    # both no 15. Observed 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5, so Cohen's kappa is 0.4.
    assert error_consistency(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_error_consistency_agrees_with_the_definition_of_geirhos(answers):
    first, second = np.array(answers).T
    observed = sum(one == other for one, other in answers) / len(answers)
    p, q = first.sum() / len(answers), second.sum() / len(answers)
    expected = p * q + (1 - p) * (1 - q)
    kappa = error_consistency(right_counts(first, second))
    if expected == 1:
        assert kappa is None
    else:
        assert kappa == pytest.approx((observed - expected) / (1 - expected), abs=1e-12)


def test_runs_without_an_error_or_without_a_right_answer_have_no_consistency():
    assert error_consistency(np.array([[5, 0], [0, 0]])) is None
    assert error_consistency(np.array([[0, 0], [0, 5]])) is None
    assert error_consistency(np.array([[0, 5], [0, 0]])) == 0


@given(pairs)
def test_every_image_belongs_to_one_of_the_four_counts(answers):
    counts = right_counts(*np.array(answers).T)
    for row, first in zip(counts, (True, False), strict=True):
        assert row.tolist() == [answers.count((first, True)), answers.count((first, False))]


def test_runs_together_answer_by_the_mean_of_their_probabilities():
    # Two runs lean to class 0 with 0.6, one is sure of class 1 with 0.9: a vote says 0, the mean
    # probability of class 1 is (0.4 + 0.4 + 0.9) / 3 = 0.567.
    lean, sure = np.log([[0.6, 0.4]]), np.log([[0.1, 0.9]])
    assert ensemble_accuracy([lean, lean, sure], np.array([1])) == 1
    # One run that is certain outweighs no two others: the mean of logits would say 0 here.
    certain = np.array([[1000.0, 0.0]])
    other = np.log([[0.1, 0.9]])
    assert ensemble_accuracy([certain, other, other], np.array([1])) == 1


def test_an_ensemble_agrees_with_probabilities_written_out():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 40, 4)).astype(np.float32)
    labels = rng.integers(4, size=40)
    num_right = 0
    for image in range(40):
        total = [0.0] * 4
        for run in logits:
            exps = [math.exp(value) for value in run[image]]
            total = [t + e / sum(exps) for t, e in zip(total, exps, strict=True)]
        num_right += total.index(max(total)) == labels[image]
    assert ensemble_accuracy(list(logits), labels) == num_right / 40


def test_runs_on_other_images_or_on_none_are_not_compared():
    for num in (3, 0):
        with pytest.raises(ValueError, match="not paired"):
            right_counts(np.ones(num, bool), np.ones(num and 1, bool))
    with pytest.raises(ValueError, match="no runs"):
        ensemble_accuracy([], np.array([1]))
