"""The augmentation as a whole, and its parts that have no other reference than their definition."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxcmp.augment import erasing, geometry, make_augment, mixing, normalise
from jaxcmp.errors import CommandError

MEAN = np.array([0.5, 0.4, 0.3], np.float32)
STD = np.array([0.25, 0.2, 0.3], np.float32)
OFF: dict[str, Any] = dict(
    num_classes=10,
    mean=MEAN,
    std=STD,
    crop_padding=0,
    flip=False,
    trivial_augment=False,
    erase_rate=0.0,
    mixup_alpha=0.0,
    cutmix_alpha=0.0,
    mix_rate=0.0,
    cutmix_rate=0.0,
)
UNMIXED: dict[str, Any] = OFF | dict(
    crop_padding=4, flip=True, trivial_augment=True, erase_rate=0.25
)
FULL: dict[str, Any] = UNMIXED | dict(
    mixup_alpha=1.0, cutmix_alpha=1.0, mix_rate=1.0, cutmix_rate=0.5
)

# One compiled program of each kind serves the whole module: compiling is what takes time.
augment = jax.jit(make_augment(**FULL))
augment_unmixed = jax.jit(make_augment(**UNMIXED))

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


def test_each_image_of_a_batch_gets_draws_of_its_own():
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


def test_without_mixing_targets_are_one_hot_and_images_those_of_the_unmixed_recipe():
    for seed in range(3):
        images, targets = augment(jax.random.key(seed), IMAGES, LABELS, False)
        unmixed, _ = augment_unmixed(jax.random.key(seed), IMAGES, LABELS, False)
        np.testing.assert_array_equal(images, unmixed)
        np.testing.assert_array_equal(targets, np.eye(10)[LABELS])


def test_options_that_are_off_leave_normalisation_alone():
    plain = jax.jit(make_augment(**OFF))
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
def test_each_option_changes_images_without_the_others(option):
    images, _ = jax.jit(make_augment(**OFF | option))(jax.random.key(0), IMAGES, LABELS, True)
    changed = np.abs(images - normalise(IMAGES, MEAN, STD)).max(axis=(1, 2, 3)) > 0.01
    assert changed.any()


@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (2, 9, 14, 3)], ids=str)
def test_any_size_one_channel_and_a_batch_of_one_work(shape):
    channels = shape[-1]
    options: dict[str, Any] = FULL | dict(mean=MEAN[:channels], std=STD[:channels])
    pixels = np.full(shape, 90, np.uint8)
    labels = np.arange(shape[0])
    images, targets = jax.jit(make_augment(**options))(jax.random.key(3), pixels, labels, True)
    assert images.shape == shape and np.isfinite(images).all()
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, rtol=1e-6)
    if shape[0] == 1:
        np.testing.assert_allclose(targets, np.eye(10)[labels], rtol=1e-6)


def test_a_crop_is_a_window_of_the_padded_image():
    crop = jax.jit(geometry.crop, static_argnames="padding")
    image = IMAGES[0, :20]
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    for top in range(9):
        for left in range(9):
            window = padded[top : top + 20, left : left + 32]
            np.testing.assert_array_equal(crop(image, top, left, padding=4), window)


def test_random_crops_reach_every_offset_and_no_other():
    image = np.zeros((9, 9, 1), np.uint8)
    image[4, 4] = 1
    keys = jax.random.split(jax.random.key(0), 400)
    crops = jax.vmap(lambda key: geometry.random_crop(key, jnp.asarray(image), padding=2))(keys)
    assert (np.sum(crops, axis=(1, 2, 3)) == 1).all()
    places = np.sum(crops, axis=(0, 3)) > 0
    np.testing.assert_array_equal(np.pad(np.ones((5, 5), bool), 2), places)


def test_a_flip_mirrors_left_to_right_about_half_of_the_time():
    np.testing.assert_array_equal(geometry.flip(jnp.asarray(IMAGES[0])), IMAGES[0, :, ::-1])
    keys = jax.random.split(jax.random.key(0), 400)
    image = jnp.asarray(IMAGES[0, :2, :3])
    flips = np.asarray(jax.vmap(lambda key: geometry.random_flip(key, image))(keys))
    is_flipped = (flips == image[None, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_flipped | (flips == image[None]).all(axis=(1, 2, 3))).all()
    assert 150 < is_flipped.sum() < 250


@pytest.mark.parametrize("shape", [(60, 60, 1), (40, 90, 1)], ids=str)
def test_erasing_blots_out_one_rectangle_of_the_stated_area_and_rate(shape):
    keys = jax.random.split(jax.random.key(0), 400)
    erase = jax.jit(jax.vmap(lambda key: erasing.random_erase(key, jnp.ones(shape), rate=0.5)))
    is_erased = np.asarray(erase(keys))[..., 0] == 0
    heights, widths = is_erased.any(axis=2).sum(axis=1), is_erased.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(is_erased.sum(axis=(1, 2)), heights * widths)
    heights, widths = heights[heights > 0], widths[widths > 0]
    assert 150 < len(heights) < 250
    # Each side is rounded to whole pixels, so the area misses by up to half a pixel along each.
    size = shape[0] * shape[1]
    slack = (heights + widths) / 2 + 1
    assert (heights * widths >= 0.02 * size - slack).all()
    assert (heights * widths <= 0.33 * size + slack).all()
    assert ((heights - 0.5) / (widths + 0.5) < 3.3).all()
    assert ((heights + 0.5) / (widths - 0.5) > 0.3).all()
    # Some spread, and both ends come near.
    assert (heights * widths).max() > 0.25 * size and (heights * widths).min() < 0.06 * size


def test_an_erased_rectangle_is_zero_and_the_rest_untouched():
    expected = np.array(IMAGES[0], np.float32)
    expected[3:8, 20:32] = 0
    erased = erasing.erase(jnp.asarray(IMAGES[0], jnp.float32), 3, 20, 5, 12)
    np.testing.assert_array_equal(erased, expected)


@jax.jit
def cutmix(key):
    return mixing.random_cutmix(key, 12, 20, alpha=1.0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_cutmix_cuts_one_box_and_its_share_is_the_exact_share_of_pixels(seed):
    keep, share = cutmix(jax.random.key(seed))
    is_cut = np.asarray(keep) == 0
    assert np.isin(keep, (0, 1)).all()
    assert is_cut.sum() == is_cut.any(axis=0).sum() * is_cut.any(axis=1).sum()
    np.testing.assert_allclose(share, np.mean(keep), rtol=1e-6)


def test_mixing_takes_from_the_image_before_as_much_as_the_targets_say():
    # Image i is full of the value i, so that a pixel tells where it comes from.
    images = jnp.broadcast_to(jnp.arange(5.0)[:, None, None, None], (5, 12, 20, 1))
    for cutmix_rate in (1, 0):
        options = dict(mixup_alpha=1.0, cutmix_alpha=1.0, mix_rate=1.0, cutmix_rate=cutmix_rate)
        mix = jax.jit(functools.partial(mixing.random_mix, **options))
        mixed, targets = mix(jax.random.key(4), images, jnp.eye(5), True)
        assert 0 < targets[0, 0] < 1
        assert 0 < targets[0, 4] < 1
        expected = targets @ jnp.arange(5.0)
        np.testing.assert_allclose(jnp.mean(mixed, axis=(1, 2, 3)), expected, rtol=1e-5)
        is_pure = np.isin(mixed[2], (1, 2)).all()
        assert is_pure == (cutmix_rate == 1)


def test_batches_are_mixed_and_switched_at_the_stated_rates():
    images = jnp.broadcast_to(jnp.arange(2.0)[:, None, None, None], (2, 16, 16, 1))
    options = dict(mixup_alpha=1.0, cutmix_alpha=1.0, mix_rate=0.8, cutmix_rate=0.25)

    def draw(key):
        return mixing.random_mix(key, images, jnp.eye(2), True, **options)[0][1]

    first = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 600)))
    is_mixup = ((first > 0) & (first < 1)).any(axis=(1, 2, 3))
    is_cutmix = ~is_mixup & (first == 0).any(axis=(1, 2, 3))
    assert abs(is_mixup.mean() - 0.8 * 0.75) < 0.08
    assert abs(is_cutmix.mean() - 0.8 * 0.25) < 0.06


@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_shares_follow_the_beta_distribution(alpha):
    keys = jax.random.split(jax.random.key(0), 1000)
    shares = jax.jit(jax.vmap(lambda key: mixing.random_share(key, alpha=alpha)))(keys)
    assert stats.kstest(np.asarray(shares), stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(crop_padding=-1), "crop_padding is -1"),
        (dict(erase_rate=1.5), "erase_rate is 1.5"),
        (dict(mix_rate=float("nan")), "mix_rate is nan"),
        (dict(cutmix_rate=-0.1), "cutmix_rate is -0.1"),
        (dict(mixup_alpha=-1.0), "mixup_alpha is -1.0"),
        (dict(cutmix_alpha=float("inf")), "cutmix_alpha is inf"),
        (dict(mix_rate=1.0), "set mix_rate=0"),
        (dict(mix_rate=1.0, mixup_alpha=1.0, cutmix_rate=0.5), "set cutmix_rate=0"),
        (dict(mix_rate=1.0, cutmix_alpha=1.0, cutmix_rate=0.5), "set cutmix_rate=1"),
        (dict(trivial_augment=True, mean=np.zeros(4), std=np.ones(4)), "1 or 3 channels, not of 4"),
    ],
    ids=str,
)
def test_wrong_options_are_named_in_one_line(options, message):
    with pytest.raises(CommandError) as error:
        make_augment(**OFF | options)
    assert message in str(error.value) and "\n" not in str(error.value)
