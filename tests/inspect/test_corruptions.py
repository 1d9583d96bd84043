"""Corruptions against SciPy, Pillow and colorsys, and noise against its own moments."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from jaxcmp.inspect import corruptions
from jaxcmp.inspect.corruptions import PARAMETERS, corruption

# Smooth enough to be bent, with colours of every hue.
NOISE = np.random.default_rng(0).random((2, 32, 32, 3))
IMAGES = (255 * ndimage.gaussian_filter(NOISE, (0, 1, 1, 0), mode="wrap")).astype(np.uint8)
GREY = np.full((16, 32, 32, 1), 128, np.uint8)


def key():
    return jax.random.key(7)


def corrupted(kind, severity, images=IMAGES):
    rows = jnp.arange(len(images))
    return np.asarray(corruption(kind, severity).apply(jnp.asarray(images), rows)).astype(int)


def test_there_are_thirteen_at_five_severities_and_one_needs_colour():
    assert len(PARAMETERS) == 13 and all(len(each) == 5 for each in PARAMETERS.values())
    assert len(corruptions.corruptions(3)) == 65
    assert {each.kind for each in corruptions.corruptions(1)} == PARAMETERS.keys() - {"saturation"}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_severities_move_images_further_and_the_same_image_is_always_changed_alike(kind):
    mild, strong = (corrupted(kind, severity) for severity in (1, 5))
    distances = [np.abs(changed - IMAGES).mean() for changed in (mild, strong)]
    # By design, the first elastic change bends the whole image, and the last one small parts of it.
    assert 0.05 < distances[0] and (distances[0] < distances[1] or kind == "elastic")
    turned = corruption(kind, 5).apply(jnp.asarray(IMAGES[::-1]), jnp.array([1, 0]))
    np.testing.assert_array_equal(turned[::-1], strong)


@pytest.mark.parametrize(
    ("kind", "deviation"),
    [
        ("Gaussian noise", lambda c: c),
        ("speckle noise", lambda c: c * 128 / 255),
        ("shot noise", lambda c: np.sqrt(128 / 255 / c)),
    ],
)
def test_noise_has_its_mean_and_its_deviation(kind, deviation):
    for severity in (1, 5):
        levels = corrupted(kind, severity, GREY) + 0.5
        c = PARAMETERS[kind][severity - 1]
        assert levels.mean() == pytest.approx(128, abs=0.6)
        assert levels.std() == pytest.approx(255 * deviation(c), rel=0.03)


def test_impulse_noise_replaces_its_share_by_black_and_white_alike():
    changed = corrupted("impulse noise", 5, GREY)
    assert np.mean(changed != 128) == pytest.approx(0.07, rel=0.05)
    assert np.mean(changed == 255) == pytest.approx(0.035, rel=0.1)
    assert set(np.unique(changed)) == {0, 128, 255}


@pytest.mark.parametrize("severity", [1, 5])
def test_gaussian_blur_is_scipys(severity):
    sigma = PARAMETERS["Gaussian blur"][severity - 1]
    levels = IMAGES / 255
    expected = ndimage.gaussian_filter(levels, (0, sigma, sigma, 0), mode="nearest")
    assert np.abs(corrupted("Gaussian blur", severity) - 255 * expected).max() < 1.01


@pytest.mark.parametrize("severity", range(1, 6))
def test_defocus_blur_is_a_convolution_with_a_disc(severity):
    kernel = corruptions.disc(*PARAMETERS["defocus blur"][severity - 1])
    assert kernel.sum() == pytest.approx(1) and kernel.shape == (17, 17)
    expected = [ndimage.convolve(IMAGES[0, ..., c] / 255, kernel, mode="mirror") for c in range(3)]
    changed = corrupted("defocus blur", severity)[0]
    assert np.abs(changed - 255 * np.stack(expected, axis=-1)).max() < 1.01


def test_the_disc_of_the_last_severity_is_three_by_three_pixels():
    kernel = corruptions.disc(1.5, 0.1)[7:10, 7:10]
    np.testing.assert_allclose(kernel, 1 / 9, atol=1e-6)


def test_zoom_blur_is_the_mean_of_the_image_and_its_enlargements():
    image = IMAGES[0] / 255
    zoomed = [image]
    for factor in (1, 1.01, 1.02, 1.03, 1.04, 1.05):
        kept = int(np.ceil(32 / factor))
        start = (32 - kept) // 2
        part = image[start : start + kept, start : start + kept]
        large = np.asarray(ndimage.zoom(part, (factor, factor, 1), order=1))
        trimmed = (len(large) - 32) // 2
        zoomed.append(large[trimmed : trimmed + 32, trimmed : trimmed + 32])
    assert np.abs(corrupted("zoom blur", 1)[0] - 255 * np.mean(zoomed, axis=0)).max() < 1.01


@pytest.mark.parametrize("severity", range(1, 6))
def test_pixelation_is_pillows_box_filter_there_and_back(severity):
    side = int(32 * PARAMETERS["pixelation"][severity - 1])
    small = Image.fromarray(IMAGES[0]).resize((side, side), Image.Resampling.BOX)
    expected = np.asarray(small.resize((32, 32), Image.Resampling.BOX), int)
    # Pillow rounds after each of its four passes.
    assert np.abs(corrupted("pixelation", severity)[0] - expected).max() <= 2


@pytest.mark.parametrize("severity", range(1, 6))
def test_brightness_and_saturation_are_those_of_hsv(severity):
    amount, (factor, offset) = (PARAMETERS[k][severity - 1] for k in ("brightness", "saturation"))
    pixels = np.array([[0, 0, 0], [90, 90, 90], [200, 40, 90], [3, 250, 9], [20, 30, 240]])
    image = np.tile(pixels.astype(np.uint8)[None, None], (1, 1, 1, 1))

    def hsv(change):
        return [
            255 * np.array(colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*pixel / 255))))
            for pixel in pixels
        ]

    brighter = hsv(lambda h, s, v: (h, s, min(v + amount, 1)))
    assert np.abs(corrupted("brightness", severity, image)[0, 0] - brighter).max() < 1.01
    coloured = hsv(lambda h, s, v: (h, min(s * factor + offset, 1), v))
    assert np.abs(corrupted("saturation", severity, image)[0, 0] - coloured).max() < 1.01


def test_contrast_keeps_the_mean_of_each_channel():
    image = jnp.asarray(IMAGES[0], jnp.float32) / 255
    changed = 255 * corruptions.corrupt(key(), image, kind="contrast", parameters=(0.15,))
    means = IMAGES[0].mean(axis=(0, 1))
    np.testing.assert_allclose(changed, (IMAGES[0] - means) * 0.15 + means, atol=0.01)


def test_clouds_are_rougher_where_details_fade_more_slowly_and_meet_at_the_edges():
    draw = jax.jit(jax.vmap(corruptions.clouds, (0, None, None)), static_argnums=1)

    def roughness(decay):
        clouds = np.asarray(draw(jax.random.split(key(), 40), 32, decay))
        assert clouds.min() == 0 and clouds.max() == 1
        steps = np.abs(clouds - np.roll(clouds, 1, axis=1))
        # Across the edge it is no rougher than within.
        assert steps[:, 0].mean() < 1.2 * steps.mean()
        return steps.mean()

    assert roughness(3.0) < roughness(2.0) < roughness(1.75)


def test_fog_lightens_and_keeps_the_largest_value_within_range():
    image = jnp.asarray(IMAGES[0], jnp.float32) / 255
    cloud = jax.jit(corruptions.clouds, static_argnums=1)(key(), 32, 2.0)
    foggy = np.asarray(jax.jit(corruptions.fog)(key(), image, 1.0, 2.0))
    largest = float(image.max())
    expected = (np.asarray(image) + np.asarray(cloud)[..., None]) * largest / (largest + 1)
    np.testing.assert_allclose(foggy, expected, atol=1e-5)


def test_an_elastic_change_without_amount_and_jitter_changes_nothing():
    same = np.eye(32, dtype=np.float32)
    image = jnp.asarray(IMAGES[0], jnp.float32) / 255
    unchanged = jax.jit(corruptions.elastic)(key(), image, same, same, 0.0, 0.0)
    np.testing.assert_allclose(unchanged, image, atol=1e-4)


def test_elastic_waves_move_pixels_as_scipy_does():
    down, across, amount, _ = corruptions.prepared("elastic", 3, 32, 32)
    image = IMAGES[0] / 255
    bent = jax.jit(corruptions.elastic)(key(), jnp.asarray(image), down, across, amount, 0.0)
    noise = np.asarray(jax.random.uniform(key(), (6 + 2 * 32 * 32,), minval=-1, maxval=1))
    waves = [
        amount * ndimage.gaussian_filter(each, 0.06 * 32, mode="reflect", truncate=3)
        for each in noise[6:].reshape(2, 32, 32)
    ]
    rows, columns = np.mgrid[:32, :32]
    places = [rows + waves[0], columns + waves[1]]
    expected = [
        ndimage.map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)
    ]
    np.testing.assert_allclose(bent, np.stack(expected, axis=-1), atol=1e-4)
