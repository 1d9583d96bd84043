"""Accuracy and loss on the host."""

import numpy as np
import pytest

from jaxcmp.runs.metrics import accuracy, cross_entropy


def test_accuracy_is_the_share_of_right_rows():
    logits = np.array([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0]], np.float32)
    assert accuracy(logits, np.array([0, 1, 1])) == pytest.approx(2 / 3)


def test_cross_entropy_is_the_mean_negative_log_of_the_softmax():
    logits = np.array([[0.5, -1.0, 2.0], [1.0, 1.0, 1.0]], np.float32)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(softmax[0, 2]) + np.log(softmax[1, 0])) / 2
    assert cross_entropy(logits, np.array([2, 0])) == pytest.approx(expected, rel=1e-6)


def test_large_logits_neither_overflow_nor_vanish():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]], np.float32)
    assert cross_entropy(logits, np.array([0, 0])) == pytest.approx(500.0)
