"""The order of batches: given by seed and step, with each example once per epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.data.order import batch_indices


def epoch_of(seed, number, *, num_examples, batch_size):
    steps = num_examples // batch_size
    first = number * steps + 1
    return [
        batch_indices(seed, step, num_examples=num_examples, batch_size=batch_size)
        for step in range(first, first + steps)
    ]


@given(st.integers(0, 2**40), st.integers(1, 50), st.integers(1, 10), st.integers(0, 5))
def test_an_epoch_visits_no_example_twice_and_drops_less_than_a_batch(seed, n, batch, epoch):
    batch = min(n, batch)
    batches = epoch_of(seed, epoch, num_examples=n, batch_size=batch)
    visited = np.concatenate(batches)
    assert {len(b) for b in batches} == {batch}
    assert len(set(visited.tolist())) == len(visited) > n - batch
    assert visited.min() >= 0 and visited.max() < n


def test_a_batch_depends_only_on_seed_and_step():
    steps = [7, 1, 30, 2, 7]
    batches = [batch_indices(5, step, num_examples=10, batch_size=3) for step in steps]
    np.testing.assert_array_equal(batches[0], batches[-1])
    np.testing.assert_array_equal(batches[2], batch_indices(5, 30, num_examples=10, batch_size=3))


def test_the_order_is_the_same_in_every_version():
    # A run that is resumed after an upgrade must see the rest of its epoch.
    batches = [batch_indices(0, step, num_examples=20, batch_size=8) for step in (1, 3)]
    assert batches[0].tolist() == [3, 15, 6, 7, 4, 2, 16, 8]
    assert batches[1].tolist() == [18, 16, 4, 8, 10, 6, 0, 14]


def test_epochs_and_seeds_have_different_orders():
    orders = [
        tuple(np.concatenate(epoch_of(seed, epoch, num_examples=40, batch_size=10)))
        for seed in (0, 1, 2**32)
        for epoch in (0, 1)
    ]
    assert len(set(orders)) == len(orders)


def test_indices_are_int32_and_cannot_be_changed_by_accident():
    indices = batch_indices(0, 1, num_examples=10, batch_size=4)
    assert indices.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        indices[0] = 3


def test_step_zero_is_refused():
    with pytest.raises(ValueError, match="count from 1"):
        batch_indices(0, 0, num_examples=10, batch_size=2)
