"""Accuracy on the host; the loss is tested with the likelihood of the comparison."""

import numpy as np
import pytest

from jaxcmp.runs.metrics import accuracy


def test_accuracy_is_the_share_of_right_rows():
    logits = np.array([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0]], np.float32)
    assert accuracy(logits, np.array([0, 1, 1])) == pytest.approx(2 / 3)
