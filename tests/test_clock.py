"""Epochs and steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.clock import Clock


def test_an_epoch_has_only_whole_batches():
    clock = Clock.of(103, batch_size=10, num_epochs=3)
    assert (clock.steps_per_epoch, clock.total_steps) == (10, 30)


def test_steps_and_epochs_count_from_one():
    clock = Clock(steps_per_epoch=10, num_epochs=3)
    assert [clock.epoch(step) for step in (0, 1, 10, 11, 30)] == [0, 1, 1, 2, 3]


def test_the_last_epoch_ends_whatever_the_interval():
    clock = Clock(steps_per_epoch=2, num_epochs=5)
    assert [step for step in range(1, 11) if clock.is_epoch_end(step)] == [2, 4, 6, 8, 10]
    assert [step for step in range(1, 11) if clock.is_epoch_end(step, every=3)] == [6, 10]
    assert not any(clock.is_epoch_end(step, every=0) for step in range(1, 11))


def test_an_interval_of_zero_is_never_due():
    clock = Clock(steps_per_epoch=2, num_epochs=5)
    assert [step for step in range(1, 11) if clock.is_due(step, every=4)] == [4, 8]
    assert not any(clock.is_due(step, every=0) for step in range(1, 11))


def groups(clock, step=0, **options):
    return [list(steps) for steps in clock.dispatches(step, **options)]


def test_a_group_of_steps_ends_with_the_epoch_or_before_it():
    clock = Clock(steps_per_epoch=5, num_epochs=2)
    expected = [[1, 2], [3, 4], [5], [6, 7], [8, 9], [10]]
    assert groups(clock, most=2, log_every=0) == expected
    assert groups(clock, most=5, log_every=0) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


@given(
    steps_per_epoch=st.integers(1, 20),
    num_epochs=st.integers(1, 4),
    most=st.integers(1, 9),
    log_every=st.integers(0, 12),
    data=st.data(),
)
def test_every_step_is_taken_once_and_due_steps_end_their_group(
    steps_per_epoch, num_epochs, most, log_every, data
):
    clock = Clock(steps_per_epoch, num_epochs)
    start = data.draw(st.integers(0, clock.total_steps))
    chunks = groups(clock, start, most=most, log_every=log_every)
    assert sum(chunks, []) == list(range(start + 1, clock.total_steps + 1))
    assert {len(steps) for steps in chunks} <= {1, most}
    for steps in chunks:
        for step in steps[:-1]:
            assert not clock.is_epoch_end(step) and not clock.is_due(step, every=log_every)


@pytest.mark.parametrize(
    ("steps_per_epoch", "log_every", "most", "expected", "has_leftovers"),
    [
        # CIFAR-10 in batches of 128, logged every 50 steps: 8 would leave steps over.
        (390, 50, 10, 10, False),
        (390, 0, 10, 10, False),
        (390, 50, 8, 5, False),
        (351, 50, 10, 10, True),
        (56, 50, 10, 10, True),
        (5, 50, 10, 5, False),
        (390, 3, 10, 3, False),
        (390, 50, 1, 1, False),
    ],
)
def test_a_dispatch_takes_a_number_of_steps_that_leaves_none_over_if_it_can(
    steps_per_epoch, log_every, most, expected, has_leftovers
):
    clock = Clock(steps_per_epoch, num_epochs=3)
    num_steps = clock.steps_per_dispatch(most, log_every=log_every)
    assert num_steps == expected
    assert clock.has_leftovers(num_steps, log_every=log_every) == has_leftovers
    sizes = {len(steps) for steps in groups(clock, most=num_steps, log_every=log_every)}
    assert sizes == ({1, num_steps} if has_leftovers else {num_steps})


@given(steps_per_epoch=st.integers(1, 20), most=st.integers(1, 9), log_every=st.integers(0, 12))
def test_a_run_that_goes_on_takes_the_dispatches_of_one_that_was_not_interrupted(
    steps_per_epoch, most, log_every
):
    clock = Clock(steps_per_epoch, num_epochs=3)
    whole = groups(clock, most=most, log_every=log_every)
    for number, steps in enumerate(whole, start=1):
        assert groups(clock, steps[-1], most=most, log_every=log_every) == whole[number:]
