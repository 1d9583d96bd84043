"""The augmentation of a batch."""

from typing import Any

import jax
import numpy as np
import pytest
import trials
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcmp.augment import Augment, normalise
from jaxcmp.errors import CommandError

MEAN = np.array([0.5, 0.4, 0.3], np.float32)
STD = np.array([0.25, 0.2, 0.3], np.float32)
UNMIXED = dict(crop_padding=4, flip=True, trivial_augment=True, erase_rate=0.25)
FULL = UNMIXED | dict(mixup_alpha=1.0, cutmix_alpha=1.0, mix_rate=1.0, cutmix_rate=0.5)


def make(mean: Any = MEAN, std: Any = STD, **options: Any):
    """An augmentation with these options, and the others off."""
    return Augment(10, mean, std, trials.options(**options))


# One compiled program of each kind serves the whole module: compiling is what takes time.
augment = jax.jit(make(**FULL))
augment_unmixed = jax.jit(make(**UNMIXED))

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)
LABELS = rng.integers(0, 10, 8)


def test_the_same_key_gives_the_same_batch_and_another_key_another():
    first, first_targets = augment(jax.random.key(1), IMAGES, LABELS, True)
    again, again_targets = augment(jax.random.key(1), IMAGES, LABELS, True)
    other, _ = augment(jax.random.key(2), IMAGES, LABELS, True)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_targets, again_targets)
    assert np.abs(first - other).max() > 0.1
    assert first.dtype == first_targets.dtype == np.float32
    assert first.shape == IMAGES.shape and first_targets.shape == (8, 10)


def test_each_image_of_a_batch_gets_its_own_random_numbers():
    copies = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    images, _ = augment_unmixed(jax.random.key(0), copies, LABELS, False)
    assert len({np.asarray(image).tobytes() for image in images}) == len(copies)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_targets_are_shares_of_at_most_two_classes(seed):
    images, targets = augment(jax.random.key(seed), IMAGES, LABELS, True)
    assert np.isfinite(images).all()
    assert (np.asarray(targets) >= 0).all()
    assert ((np.asarray(targets) > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, rtol=1e-6)


def test_without_mixing_targets_are_one_hot_and_images_are_unmixed():
    for seed in range(3):
        images, targets = augment(jax.random.key(seed), IMAGES, LABELS, False)
        unmixed, _ = augment_unmixed(jax.random.key(seed), IMAGES, LABELS, False)
        np.testing.assert_array_equal(images, unmixed)
        np.testing.assert_array_equal(targets, np.eye(10)[LABELS])


def test_with_all_options_off_only_normalisation_remains():
    plain = jax.jit(make())
    images, targets = plain(jax.random.key(0), IMAGES, LABELS, True)
    np.testing.assert_allclose(images, (IMAGES / 255 - MEAN) / STD, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(targets, np.eye(10)[LABELS])
    program = str(plain.lower(jax.random.key(0), IMAGES, LABELS, True).compile().as_text())
    for work in ("xor", "gather", "scatter", "pad", "reverse", "select", "conditional", "sort"):
        assert f" {work}(" not in program, work


@pytest.mark.parametrize(
    "option",
    [dict(crop_padding=2), dict(flip=True), dict(trivial_augment=True), dict(erase_rate=0.9)],
    ids=str,
)
def test_each_option_alone_changes_images(option):
    images, _ = jax.jit(make(**option))(jax.random.key(0), IMAGES, LABELS, True)
    changed = np.abs(images - normalise(IMAGES, MEAN, STD)).max(axis=(1, 2, 3)) > 0.01
    assert changed.any()


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (2, 9, 14, 3)], ids=str)
def test_any_size_one_channel_and_a_batch_of_one_work(shape):
    channels = shape[-1]
    whole = jax.jit(make(MEAN[:channels], STD[:channels], **FULL))
    pixels = np.full(shape, 90, np.uint8)
    labels = np.arange(shape[0])
    images, targets = whole(jax.random.key(3), pixels, labels, True)
    assert images.shape == shape and np.isfinite(images).all()
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, rtol=1e-6)
    if shape[0] == 1:
        np.testing.assert_allclose(targets, np.eye(10)[labels], rtol=1e-6)


def test_trivial_augment_needs_one_or_three_channels():
    with pytest.raises(CommandError, match="1 or 3 channels, not of 4"):
        make(np.zeros(4), np.ones(4), trivial_augment=True)
