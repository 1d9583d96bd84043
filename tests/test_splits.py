"""Classes are renumbered, subsets stratified and nested; what is held out never trains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.data.splits import check_classes, held_out, of_classes, stratified_fraction
from jaxcmp.errors import CommandError

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(np.array)
FRACTIONS = st.floats(0.001, 1.0)


def rng(seed):
    return np.random.default_rng(seed)


@given(LABELS, FRACTIONS, FRACTIONS, st.integers(0, 100))
def test_a_smaller_fraction_is_a_subset_of_a_larger_one(labels, one, other, seed):
    small = stratified_fraction(rng(seed), labels, min(one, other))
    large = stratified_fraction(rng(seed), labels, max(one, other))
    assert set(small) <= set(large)


@given(LABELS, FRACTIONS, st.integers(0, 100))
def test_every_class_keeps_its_share_and_at_least_one_example(labels, fraction, seed):
    chosen = stratified_fraction(rng(seed), labels, fraction)
    assert (np.diff(chosen) > 0).all()
    for label in np.unique(labels):
        size, kept = (labels == label).sum(), (labels[chosen] == label).sum()
        assert kept >= 1
        assert kept == 1 or abs(kept - fraction * size) <= 0.5 + 1e-9


def test_shares_that_come_out_even_are_exact():
    labels = np.repeat(np.arange(10), 5000)
    chosen = stratified_fraction(rng(0), labels, 0.1)
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [500] * 10)


def test_the_whole_is_every_example_in_order():
    labels = np.array([2, 0, 1, 1, 0])
    np.testing.assert_array_equal(stratified_fraction(rng(0), labels, 1.0), np.arange(5))


def test_two_seeds_choose_different_examples():
    labels = np.repeat(np.arange(4), 50)
    one, other = (stratified_fraction(rng(seed), labels, 0.5) for seed in (0, 1))
    assert set(one) != set(other)


def test_the_choice_within_a_class_is_random():
    chosen = stratified_fraction(rng(0), np.zeros(1000, int), 0.5)
    assert 400 < chosen.mean() < 600
    assert (chosen < 500).sum() not in (0, 500)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_training_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(CommandError, match=r"train_fraction.*\(0, 1\]"):
        stratified_fraction(rng(0), np.zeros(4, int), fraction)


@given(LABELS, st.floats(0.0, 0.99), st.integers(0, 100))
def test_held_out_and_kept_examples_part_the_whole_and_no_class_goes_empty(labels, fraction, seed):
    try:
        kept, held = held_out(rng(seed), labels, fraction)
    except CommandError:
        return  # Classes so small that none gives an example: the test below.
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()
    assert set(labels[kept]) == set(labels)
    for label in np.unique(labels):
        size, out = (labels == label).sum(), (labels[held] == label).sum()
        assert out == size - 1 or abs(out - fraction * size) <= 0.5 + 1e-9


def test_nothing_is_held_out_by_default():
    kept, held = held_out(rng(0), np.array([0, 1, 1]), 0.0)
    assert kept.tolist() == [0, 1, 2] and held.size == 0


def test_a_fraction_that_rounds_to_no_example_is_refused():
    with pytest.raises(CommandError, match="validation_fraction 0.01 of 20 images"):
        held_out(rng(0), np.arange(20) % 2, 0.01)


@pytest.mark.parametrize("fraction", [1.0, -0.1, float("nan")])
def test_a_validation_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(CommandError, match=r"validation_fraction.*\[0, 1\)"):
        held_out(rng(0), np.zeros(4, int), fraction)


@given(LABELS, st.lists(st.integers(0, 5), min_size=2, unique=True))
def test_some_classes_are_all_of_their_examples_numbered_as_they_are_named(labels, classes):
    positions, renumbered = of_classes(labels, classes)
    np.testing.assert_array_equal(positions, np.flatnonzero(np.isin(labels, classes)))
    assert [classes[label] for label in renumbered] == labels[positions].tolist()
    assert renumbered.dtype == np.int32


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((0, 3), "data.classes has 3: it takes whole numbers from 0 to 2"),
        ((-1, 0), "has -1: it takes"),
        (("cat", 0), "has 'cat': it takes"),
        ((0.0, 1), "has 0.0: it takes"),
        ((0, 1, 0), "has 0 twice"),
        ((2,), "has 2 alone: name at least two classes, or none for all"),
    ],
)
def test_classes_that_are_not_there_or_too_few_or_named_twice_are_refused(classes, message):
    with pytest.raises(CommandError, match=message):
        check_classes(classes, ("cat", "dog", "deer"))
    check_classes((), ("cat", "dog", "deer"))
    check_classes((2, 0), ("cat", "dog", "deer"))
