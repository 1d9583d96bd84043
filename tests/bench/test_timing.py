"""Timing: what a sample is, and that compared calls take turns."""

import pytest

from jaxcmp.bench.timing import describe, spread, warm_up


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 1), (0.05, 1), (0.02, 3), (0, 10_000)])
def test_a_short_call_is_repeated_until_a_sample_is_long_enough(seconds, calls):
    assert warm_up(lambda num_calls: seconds) == calls


def test_samples_are_described_by_median_p95_extremes_and_n():
    figures = {"median": 2.0, "min": 1.0, "max": 3.0, "n": 3}
    assert spread([3.0, 1.0, 2.0]) == figures
    assert describe([3.0, 1.0, 2.0]) == figures | {"p95": pytest.approx(2.9)}
