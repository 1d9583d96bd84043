"""The largest batch, and what a measurement says."""

import pytest
import sample_measurements

from jaxcmp.gpu.measurements import confirm_batch, estimate_batch


def test_the_estimate_is_the_largest_power_of_two_that_fits():
    assert estimate_batch(1000, 1.0, limit=10_000) == 8192
    assert estimate_batch(1000, 1.0, limit=9_191) == 4096
    assert estimate_batch(1000, 1.0, limit=1_128) == 128
    assert estimate_batch(1000, 1.0, limit=1_127) == 0


@pytest.mark.parametrize("truth", [0, 128, 256, 1024, 8192])
@pytest.mark.parametrize("guess", [0, 128, 512, 8192])
def test_a_confirmed_batch_is_right_whatever_the_guess(guess, truth):
    asked = []

    def does_fit(batch_size):
        asked.append(batch_size)
        return batch_size <= truth

    assert confirm_batch(guess, does_fit) == truth
    assert len(asked) == len(set(asked))
    assert all(128 <= size <= 8192 for size in asked)


def test_a_right_guess_costs_two_compilations():
    asked = []
    assert confirm_batch(1024, lambda size: asked.append(size) or size <= 1024) == 1024
    assert asked == [1024, 2048]


def test_the_roofline_is_the_tighter_bound():
    made = sample_measurements.measurement(memory_seconds=2e-3, compute_seconds=1e-3)
    assert made.roofline_seconds == 2e-3
    made = sample_measurements.measurement(memory_seconds=2e-3, compute_seconds=3e-3)
    assert made.roofline_seconds == 3e-3
