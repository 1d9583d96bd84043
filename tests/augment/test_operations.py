"""Image operations against Pillow: each magnitude, both signs, one and three channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from jaxcmp.augment import geometry, operations, trivial

SHAPES = [(32, 32, 3), (32, 32, 1), (20, 27, 3), (27, 20, 1)]
ENHANCERS = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "color": ImageEnhance.Color,
    "sharpness": ImageEnhance.Sharpness,
}

affine = jax.jit(geometry.affine)
apply_operation = jax.jit(trivial.apply_operation)


def apply(name: str, image: np.ndarray, magnitude_bin: int = 0) -> jax.Array:
    return apply_operation(image, trivial.OPERATIONS.index(name), magnitude_bin, False)


def make_images(shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x, c = np.indices(shape)
    return {
        "noise": rng.integers(0, 256, shape).astype(np.uint8),
        "gradient": ((5 * x + 3 * y + 40 * c) % 256).astype(np.uint8),
        "constant": np.full(shape, 77, np.uint8),
        "low contrast": rng.integers(100, 121, shape).astype(np.uint8),
        "two levels": rng.choice(np.array([30, 200], np.uint8), shape),
        "one bright pixel": np.where((x == 9) & (y == 7), 255, 0).astype(np.uint8),
    }


def to_pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[:, :, 0] if image.shape[-1] == 1 else image)


def from_pillow(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).reshape(picture.height, picture.width, -1)


def move(picture: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=0
    )


def reference(name: str, image: np.ndarray, magnitude_bin: int, is_negative: bool) -> np.ndarray:
    """Applies TrivialAugmentWide with Pillow alone, with its magnitudes written out."""
    picture = to_pillow(image)
    part = magnitude_bin / 30 * (-1 if is_negative else 1)
    match name:
        case "identity":
            result = picture
        case "shear_x":
            result = move(picture, (1, 0.99 * part, 0, 0, 1, 0))
        case "shear_y":
            result = move(picture, (1, 0, 0, 0.99 * part, 1, 0))
        case "translate_x":
            result = move(picture, (1, 0, -int(min(32, picture.width) * part), 0, 1, 0))
        case "translate_y":
            result = move(picture, (1, 0, 0, 0, 1, -int(min(32, picture.height) * part)))
        case "rotate":
            result = picture.rotate(135 * part, Image.Resampling.NEAREST, fillcolor=0)
        case "posterize":
            result = ImageOps.posterize(picture, 8 - round(magnitude_bin / 5))
        case "solarize":
            # A fraction of a threshold is what the definition asks for; Pillow can, its types not.
            result = ImageOps.solarize(picture, 255 - 8.5 * magnitude_bin)  # pyright: ignore
        case "autocontrast":
            result = ImageOps.autocontrast(picture)
        case "equalize":
            result = ImageOps.equalize(picture)
        case _:
            result = ENHANCERS[name](picture).enhance(1 + 0.99 * part)
    return from_pillow(result)


def test_the_mean_of_a_large_image_is_exact():
    # The sum of its pixels does not fit into an int32.
    image = jnp.full((3000, 4000, 1), 200, jnp.uint8)
    assert int(operations.mean_grey(image)[0, 0, 0]) == 200


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_operation_at_each_magnitude_and_sign_equals_pillows(shape):
    grid = np.indices((len(trivial.OPERATIONS), trivial.NUM_BINS, 2)).reshape(3, -1)
    every = jax.jit(jax.vmap(trivial.apply_operation, in_axes=(None, 0, 0, 0)))
    for kind, image in make_images(shape).items():
        ours = np.asarray(every(image, grid[0], grid[1], grid[2] == 1))
        for result, (operation, magnitude_bin, sign) in zip(ours, grid.T, strict=True):
            name = trivial.OPERATIONS[operation]
            expected = reference(name, image, int(magnitude_bin), sign == 1)
            difference = np.abs(result.astype(int) - expected).max()
            # Pillow's autocontrast alone divides with an error that we do not repeat.
            allowed = 1 if name == "autocontrast" else 0
            assert difference <= allowed, (kind, name, magnitude_bin, sign, difference)


def test_a_blend_is_pillows_for_every_pair_of_levels_and_every_factor():
    start, end = (levels.astype(np.uint8)[:, :, None] for levels in np.indices((256, 256)))
    blend = jax.jit(operations.blend)
    for part in np.arange(-30, 31) / 30:
        factor = 1 + 0.99 * part
        expected = Image.blend(to_pillow(start), to_pillow(end), factor)
        np.testing.assert_array_equal(blend(start, end, factor), from_pillow(expected))


def test_autocontrast_is_within_one_level_of_pillow_whatever_the_range():
    for low in range(0, 255, 9):
        for high in range(low, 256, 5):
            image = np.linspace(low, high, 256).round().astype(np.uint8).reshape(16, 16, 1)
            expected = from_pillow(ImageOps.autocontrast(to_pillow(image)))
            np.testing.assert_allclose(apply("autocontrast", image), expected, atol=1, rtol=0)


@pytest.mark.parametrize("side", [8, 18, 64])
def test_equalize_equals_pillows_for_every_step_size(side):
    for image in make_images((side, side, 3)).values():
        expected = from_pillow(ImageOps.equalize(to_pillow(image)))
        np.testing.assert_array_equal(apply("equalize", image), expected)


@pytest.mark.parametrize("shape", [(2, 9, 3), (9, 1, 1), (3, 3, 3)], ids=str)
def test_sharpness_keeps_images_without_an_interior(shape):
    image = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    expected = reference("sharpness", image, 27, False)
    np.testing.assert_array_equal(apply("sharpness", image, 27), expected)


@settings(max_examples=150, deadline=None)
@given(degrees=st.floats(-360, 360), is_wide=st.booleans())
def test_a_rotation_by_any_angle_is_pillows_pixel_for_pixel(degrees, is_wide):
    height, width = (20, 27) if is_wide else (32, 32)
    image = make_images((height, width, 3))["noise"]
    expected = from_pillow(to_pillow(image).rotate(degrees))
    matrix = geometry.rotate_matrix(degrees, height=height, width=width)
    np.testing.assert_array_equal(affine(image, matrix), expected)


def test_geometry_is_exact_for_large_images_too():
    image = make_images((224, 200, 3))["noise"]
    for magnitude_bin in range(0, 31, 5):
        for is_negative in (False, True):
            sign = -1 if is_negative else 1
            matrices = {
                "rotate": geometry.rotate_matrix(
                    sign * trivial.DEGREES[magnitude_bin], height=224, width=200
                ),
                "shear_x": geometry.shear_x_matrix(sign * trivial.SHEARS[magnitude_bin]),
                "shear_y": geometry.shear_y_matrix(sign * trivial.SHEARS[magnitude_bin]),
            }
            for name, matrix in matrices.items():
                expected = reference(name, image, magnitude_bin, is_negative)
                np.testing.assert_array_equal(affine(image, matrix), expected)
