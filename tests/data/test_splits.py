"""Selected classes, stratified nested subsets, and held-out splits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxcmp.data.splits import held_out, select_classes, stratified_fraction
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


def test_the_fraction_one_is_every_example_in_order():
    labels = np.array([2, 0, 1, 1, 0])
    np.testing.assert_array_equal(stratified_fraction(rng(0), labels, 1.0), np.arange(5))


def test_the_choice_within_a_class_is_random():
    chosen = stratified_fraction(rng(0), np.zeros(1000, int), 0.5)
    assert 400 < chosen.mean() < 600
    assert (chosen < 500).sum() not in (0, 500)


@given(LABELS, st.floats(0.0, 0.99), st.integers(0, 100))
def test_held_out_and_kept_examples_are_a_partition_without_empty_classes(labels, fraction, seed):
    try:
        kept, held = held_out(rng(seed), labels, fraction)
    except CommandError:
        return  # Classes so small that none gives an example.
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    assert (np.diff(kept) > 0).all() and (np.diff(held) > 0).all()
    assert set(labels[kept]) == set(labels)
    for label in np.unique(labels):
        size, out = (labels == label).sum(), (labels[held] == label).sum()
        assert out == size - 1 or abs(out - fraction * size) <= 0.5 + 1e-9


@given(LABELS, st.lists(st.integers(0, 5), min_size=2, unique=True))
def test_selected_classes_keep_all_examples_renumbered_in_the_given_order(labels, classes):
    positions, renumbered = select_classes(labels, classes)
    np.testing.assert_array_equal(positions, np.flatnonzero(np.isin(labels, classes)))
    assert [classes[label] for label in renumbered] == labels[positions].tolist()
    assert renumbered.dtype == np.int32


def test_no_examples_give_no_selection():
    none = np.array([], np.int32)
    positions, labels = select_classes(none, (2, 0))
    assert positions.size == labels.size == 0
    assert stratified_fraction(rng(0), none, 0.5).size == 0
    assert [part.size for part in held_out(rng(0), none, 0.0)] == [0, 0]
