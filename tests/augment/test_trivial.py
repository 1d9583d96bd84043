"""TrivialAugment as a policy: random choice and application of an operation."""

import jax
import numpy as np

from jaxcmp.augment import trivial


def test_the_policy_is_the_same_plain_jitted_and_vmapped():
    image = np.random.default_rng(0).integers(0, 256, (20, 27, 3)).astype(np.uint8)
    jitted = jax.jit(trivial.apply_operation)
    vmapped = jax.jit(jax.vmap(trivial.apply_operation, in_axes=(None, 0, None, None)))
    together = np.asarray(vmapped(image, np.arange(14), 23, True))
    for operation in range(14):
        np.testing.assert_array_equal(jitted(image, operation, 23, True), together[operation])
    for name in ("rotate", "contrast", "equalize"):
        operation = trivial.OPERATIONS.index(name)
        plain = trivial.apply_operation(jax.numpy.asarray(image), operation, 23, True)
        np.testing.assert_array_equal(plain, together[operation])


def test_a_translation_reaches_32_pixels_but_never_beyond_the_side():
    assert trivial.translations(32)[[0, 15, 30]].tolist() == [0, 16, 32]
    assert trivial.translations(224)[30] == 32
    assert trivial.translations(8)[30] == 8


def test_operations_bins_and_signs_are_drawn_uniformly_and_independently():
    num_draws = 86800
    draws = jax.vmap(trivial.draw_operation)(jax.random.split(jax.random.key(0), num_draws))
    counts = np.zeros((14, 31, 2))
    np.add.at(counts, tuple(np.asarray(draw).astype(int) for draw in draws), 1)
    assert counts.sum() == num_draws
    # A count of 100 expected stays within five standard deviations.
    assert np.abs(counts - 100).max() < 50
