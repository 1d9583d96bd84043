"""Erasing: one rectangle, of the stated size and rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcmp.augment import erasing

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(60, 60, 1), (40, 90, 1)], ids=str)
def test_erasing_removes_one_rectangle_of_the_stated_area_and_rate(shape):
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


def test_an_erased_rectangle_is_zero_and_the_rest_unchanged():
    expected = np.array(IMAGE, np.float32)
    expected[3:8, 20:32] = 0
    erased = erasing.erase(jnp.asarray(IMAGE, jnp.float32), 3, 20, 5, 12)
    np.testing.assert_array_equal(erased, expected)
