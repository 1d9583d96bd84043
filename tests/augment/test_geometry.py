"""Crops and flips against NumPy, resizing against Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcmp.augment import geometry

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def test_a_crop_is_a_window_of_the_padded_image():
    crop = jax.jit(geometry.crop, static_argnames="padding")
    image = IMAGE[:20]
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
    np.testing.assert_array_equal(geometry.flip(jnp.asarray(IMAGE)), IMAGE[:, ::-1])
    keys = jax.random.split(jax.random.key(0), 400)
    image = jnp.asarray(IMAGE[:2, :3])
    flips = np.asarray(jax.vmap(lambda key: geometry.random_flip(key, image))(keys))
    is_flipped = (flips == image[None, :, ::-1]).all(axis=(1, 2, 3))
    assert (is_flipped | (flips == image[None]).all(axis=(1, 2, 3))).all()
    assert 150 < is_flipped.sum() < 250


@pytest.mark.parametrize("shape", [(8, 8), (20, 32), (32, 20), (32, 32)])
def test_resizing_is_pillows_bicubic_without_its_rounding(shape):
    images = IMAGE[None, : shape[0], : shape[1]].astype(np.float32)
    resized = jax.jit(geometry.resize, static_argnums=1)(images, 24)
    assert resized.shape == (1, 24, 24, 3)
    for channel in range(3):
        # A picture of floats, which Pillow does not round.
        picture = Image.fromarray(images[0, :, :, channel])
        expected = np.asarray(picture.resize((24, 24), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(resized[0, :, :, channel], expected, atol=2e-2)


def test_a_uniform_colour_stays_uniform_to_the_edge():
    grey = jnp.full((2, 5, 7, 1), 0.3)
    np.testing.assert_allclose(geometry.resize(grey, 16), 0.3, rtol=1e-5)


def test_images_of_the_right_size_cost_no_operation():
    images = jnp.zeros((3, 24, 24, 1))
    assert not jax.make_jaxpr(lambda x: geometry.resize(x, 24))(images).eqns
    assert jax.make_jaxpr(lambda x: geometry.resize(x[:, 1:], 24))(images).eqns
