"""Image operations that move pixels: crop, flip, resize, shear, translation, rotation."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def crop(image: Array, top: int | Array, left: int | Array, *, padding: int) -> Array:
    """Cuts a window of the image's own size out of the image with a black frame around it.

    The frame is `padding` pixels wide. `top` and `left`, the window's corner in the framed image,
    lie in 0..2*padding; at `padding` the image is unchanged.
    """
    framed = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    return jax.lax.dynamic_slice(framed, (top, left, 0), image.shape)


def random_crop(key: Array, image: Array, *, padding: int) -> Array:
    """Shifts the image by up to `padding` pixels in each direction; black fills the gap."""
    top, left = jnp.floor(jax.random.uniform(key, (2,)) * (2 * padding + 1)).astype(jnp.int32)
    return crop(image, top, left, padding=padding)


def flip(image: Array) -> Array:
    """Mirrors the image left to right."""
    return image[:, ::-1]


def random_flip(key: Array, image: Array) -> Array:
    """Mirrors the image left to right with probability 0.5."""
    return jnp.where(jax.random.bernoulli(key), flip(image), image)


def resize(images: Array, size: int) -> Array:
    """Resizes images float [..., H, W, C] to size x size pixels, without keeping the aspect.

    Bicubic (Keys 1981), antialiased where a side shrinks, as in Pillow; but nothing is rounded, and
    levels beside an edge may exceed the image's range. Images that have the size already are
    returned unchanged, without any work in the compiled program.
    """
    *leading, height, width, channels = images.shape
    if height == width == size:
        return images
    return jax.image.resize(images, (*leading, size, size, channels), "bicubic", antialias=True)


def affine(image: Array, matrix: np.ndarray | Array) -> Array:
    """Takes each pixel from the place that the matrix maps it to: nearest neighbour, black outside.

    `image` is [H, W, C] with sides of at most 8192; `matrix` is a map from output to input
    coordinates, from `fixed_point`. Agrees with Pillow's AFFINE and NEAREST pixel for pixel,
    because it computes in the same integers.
    """
    height, width, _ = image.shape
    a, b, c, d, e, f = matrix
    x, y = jnp.arange(width, dtype=jnp.int32)[None, :], jnp.arange(height, dtype=jnp.int32)[:, None]
    source_x = (a * x + b * y + c) >> 16
    source_y = (d * x + e * y + f) >> 16
    is_inside = (source_x >= 0) & (source_x < width) & (source_y >= 0) & (source_y < height)
    position = jnp.where(is_inside, source_y * width + source_x, 0)
    pixels = image.reshape(height * width, -1)[position]
    return jnp.where(is_inside[:, :, None], pixels, jnp.zeros((), image.dtype))


def fixed_point(a: float, b: float, c: float, d: float, e: float, f: float) -> np.ndarray:
    """Converts (x, y) -> (a*x + b*y + c, d*x + e*y + f) to int32 [6], in units of 2**-16 pixels.

    Coordinates are those of pixel centres (0.5, 1.5, ...); the half pixel is added to c and f.
    """
    # Added in Pillow's order, because another one can change the last bit.
    at_centres = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    return np.floor(np.array(at_centres) * 65536.0 + 0.5).astype(np.int32)


def shear_x_matrix(shear: float) -> np.ndarray:
    """Makes a matrix that shifts each row by `shear` pixels per row, left if positive."""
    return fixed_point(1.0, shear, 0.0, 0.0, 1.0, 0.0)


def shear_y_matrix(shear: float) -> np.ndarray:
    """Makes a matrix that shifts each column by `shear` pixels per column, up if positive."""
    return fixed_point(1.0, 0.0, 0.0, shear, 1.0, 0.0)


def translate_x_matrix(pixels: int) -> np.ndarray:
    """Makes a matrix that shifts by whole pixels, to the right if positive."""
    return fixed_point(1.0, 0.0, -pixels, 0.0, 1.0, 0.0)


def translate_y_matrix(pixels: int) -> np.ndarray:
    """Makes a matrix that shifts by whole pixels, down if positive."""
    return fixed_point(1.0, 0.0, 0.0, 0.0, 1.0, -pixels)


def rotate_matrix(degrees: float, *, height: int, width: int) -> np.ndarray:
    """Makes a matrix that rotates about the image's centre, counter-clockwise if positive."""
    # Rounded to fifteen digits as in Pillow, so that cos(90 degrees) is exactly zero.
    cos = round(math.cos(math.radians(degrees)), 15)
    sin = round(math.sin(math.radians(degrees)), 15)
    centre_x, centre_y = width / 2, height / 2
    shift_x = cos * -centre_x - sin * -centre_y + centre_x
    shift_y = sin * -centre_x + cos * -centre_y + centre_y
    return fixed_point(cos, -sin, shift_x, sin, cos, shift_y)
