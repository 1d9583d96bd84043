"""Thirteen of the nineteen corruptions of CIFAR-10-C (Hendrycks and Dietterich 2019).

With its parameters, at five severities; lengths are for images of 32 pixels, and in proportion for
others. The other six need pictures of frost, ImageMagick, OpenCV or a JPEG encoder. Images lie in
[0, 1] while they are changed.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.ndimage import map_coordinates
from PIL import Image
from scipy import ndimage

from jaxcmp.inspect.changes import REFERENCE, Change

NUM_SEVERITIES = 5
PARAMETERS: dict[str, tuple[Any, ...]] = {
    "Gaussian noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot noise": (500, 250, 100, 75, 50),
    "impulse noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle noise": (0.06, 0.10, 0.12, 0.16, 0.20),
    "Gaussian blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    # The radius of a disc, and the blur of its edge.
    "defocus blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)),
    # The last of the factors 1, 1.01, 1.02, ...
    "zoom blur": (1.05, 1.10, 1.15, 1.20, 1.25),
    # The amount, and the factor by which details are weaker than what they are details of.
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1.0, 2), (1.5, 1.75)),
    "brightness": (0.05, 0.10, 0.15, 0.20, 0.30),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    # A factor, and what is added.
    "saturation": ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    # The amount and the width of waves, and the shift of three points, as shares of a side.
    "elastic": (
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    ),
    "pixelation": (0.95, 0.90, 0.85, 0.75, 0.65),
}
LINEAR = ("Gaussian blur", "defocus blur", "zoom blur", "pixelation")
# Smaller parts of a kernel, relative to its largest, change no level.
NEGLIGIBLE = 1e-5


def corruption(kind: str, severity: int) -> Change:
    """Makes the corruption that gives uint8 images, at a severity from 1 to 5.

    Each image draws from its own key, which follows from its number.
    """

    def apply(images: Array, rows: Array) -> Array:
        number = list(PARAMETERS).index(kind) * NUM_SEVERITIES + severity
        key = jax.random.fold_in(jax.random.key(0), number)
        parameters = prepared(kind, severity, *images.shape[1:3])
        return _corrupt(key, images, rows, parameters, kind=kind)

    return Change(kind, severity, apply)


def corruptions(num_channels: int) -> list[Change]:
    """Lists all corruptions at all severities; only colour images have a saturation."""
    names = [name for name in PARAMETERS if name != "saturation" or num_channels == 3]
    severities = range(1, NUM_SEVERITIES + 1)
    return [corruption(name, severity) for name in names for severity in severities]


def prepared(kind: str, severity: int, height: int, width: int) -> tuple[Any, ...]:
    """Returns the numbers that a corruption needs for images of this size."""
    given = PARAMETERS[kind][severity - 1]
    if kind in LINEAR:
        return linear_parts(kind, given, height, width)
    if kind == "elastic":
        amount, wave, jitter = (part * min(height, width) for part in given)
        blurs = (_blur(side, wave, mode="reflect", truncate=3.0) for side in (height, width))
        return (*blurs, amount, jitter)
    return given if isinstance(given, tuple) else (given,)


@partial(jax.jit, static_argnames="kind")
def _corrupt(
    key: Array, images: Array, rows: Array, parameters: tuple[Any, ...], *, kind: str
) -> Array:
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)
    change = partial(corrupt, kind=kind, parameters=parameters)
    changed = jax.vmap(change)(keys, images.astype(jnp.float32) / 255)
    # Levels are cut off, not rounded, as in CIFAR-10-C; 1e-3 keeps whole ones whole.
    return (jnp.clip(changed, 0, 1) * 255 + 1e-3).astype(jnp.uint8)


def corrupt(key: Array, image: Array, *, kind: str, parameters: tuple[Any, ...]) -> Array:
    """Changes one image float32 [height, width, channels] in [0, 1]; it may leave that range."""
    match kind:
        case "Gaussian noise":
            return image + parameters[0] * jax.random.normal(key, image.shape)
        case "shot noise":
            return jax.random.poisson(key, image * parameters[0], image.shape) / parameters[0]
        case "impulse noise":
            return impulse_noise(key, image, *parameters)
        case "speckle noise":
            return image + parameters[0] * image * jax.random.normal(key, image.shape)
        case "fog":
            return fog(key, image, *parameters)
        case "brightness":
            return brighten(image, *parameters)
        case "contrast":
            mean = jnp.mean(image, axis=(0, 1), keepdims=True)
            return (image - mean) * parameters[0] + mean
        case "saturation":
            return saturate(image, *parameters)
        case "elastic":
            return elastic(key, image, *parameters)
    down, across = parameters
    return jnp.einsum("kih,hwc,kjw->ijc", down, image, across)


def impulse_noise(key: Array, image: Array, share: float | Array) -> Array:
    """Replaces a share of the values by 0 or 1, each as often."""
    hit_key, salt_key = jax.random.split(key)
    is_hit = jax.random.bernoulli(hit_key, share, image.shape)
    salt = jax.random.bernoulli(salt_key, 0.5, image.shape)
    return jnp.where(is_hit, salt.astype(image.dtype), image)


def brighten(image: Array, amount: float | Array) -> Array:
    """Raises the value of HSV, the largest channel; hue and saturation stay."""
    value = jnp.max(image, axis=-1, keepdims=True)
    brighter = jnp.minimum(value + amount, 1)
    return jnp.where(value > 0, image * brighter / jnp.where(value > 0, value, 1), brighter)


def saturate(image: Array, factor: float | Array, offset: float | Array) -> Array:
    """Changes the saturation of HSV; hue and value stay. Grey has the hue of red."""
    value = jnp.max(image, axis=-1, keepdims=True)
    below = value - image
    saturation = jnp.max(below, axis=-1, keepdims=True) / jnp.where(value > 0, value, 1)
    changed = jnp.clip(saturation * factor + offset, 0, 1)
    red = jnp.array([0.0, 1.0, 1.0])[None, None] * value
    direction = jnp.where(saturation > 0, below / jnp.where(saturation > 0, saturation, 1), red)
    return value - direction * changed


def fog(key: Array, image: Array, amount: float | Array, decay: float | Array) -> Array:
    """Adds clouds, and scales the sum back to the image's own largest value."""
    height, width, _ = image.shape
    size = 1 << (max(height, width) - 1).bit_length()
    largest = jnp.max(image)
    clouded = image + amount * clouds(key, size, decay)[:height, :width, None]
    return clouded * largest / (largest + amount)


def clouds(key: Array, size: int, decay: float | Array) -> Array:
    """Draws a plasma fractal [size, size] in [0, 1], by the diamond-square algorithm.

    `size` is a power of two; opposite edges meet. Source: Fournier, Fussell and Carpenter 1982.
    """
    # All at once: a draw for each step would take the compiler ten times as long.
    noise = jax.random.uniform(key, (size * size,), minval=-1, maxval=1)
    heights = jnp.zeros((size, size))
    step, amplitude = size, jnp.asarray(100.0)
    while step >= 2:
        half, num = step // 2, (size // step) ** 2
        first, second, third = noise[: 3 * num].reshape(3, size // step, -1) * amplitude**2
        noise = noise[3 * num :]
        corners = heights[::step, ::step]
        pairs = corners + jnp.roll(corners, -1, 0)
        centres = (pairs + jnp.roll(pairs, -1, 1)) / 4 + first
        heights = heights.at[half::step, half::step].set(centres)
        beside = centres + jnp.roll(centres, 1, 0) + corners + jnp.roll(corners, -1, 1)
        heights = heights.at[::step, half::step].set(beside / 4 + second)
        below = centres + jnp.roll(centres, 1, 1) + corners + jnp.roll(corners, -1, 0)
        heights = heights.at[half::step, ::step].set(below / 4 + third)
        step, amplitude = half, amplitude / decay
    heights = heights - jnp.min(heights)
    return heights / jnp.max(heights)


def elastic(
    key: Array, image: Array, down: Array, across: Array, amount: float, jitter: float
) -> Array:
    """Moves three points at random, which bends the image affinely, then each pixel in waves.

    Waves are noise blurred by the matrices `down` and `across`, times `amount` pixels; `jitter` is
    how far a point moves at most, in pixels.
    """
    height, width, _ = image.shape
    noise = jax.random.uniform(key, (6 + 2 * height * width,), minval=-1, maxval=1)
    centre, side = np.array([height // 2, width // 2], np.float32), min(height, width) // 3
    points = centre + side * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
    moved = points + jitter * noise[:6].reshape(3, 2)
    # The affine map from where points have come to, to where they were.
    back = jnp.linalg.solve(jnp.concatenate([moved, jnp.ones((3, 1))], axis=1), points)
    grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1)
    affine = grid.astype(jnp.float32) @ back[:2] + back[2][None, None]
    image = _sample(image, affine, "mirror")
    waves = amount * down @ noise[6:].reshape(2, height, width) @ across.T
    return _sample(image, grid + jnp.moveaxis(waves, 0, -1), "reflect")


def _sample(image: Array, places: Array, mode: str) -> Array:
    """Takes each pixel from a place [height, width, 2], between pixels linearly."""
    coordinates = [places[..., 0], places[..., 1]]
    take = partial(map_coordinates, coordinates=coordinates, order=1, mode=mode)
    return jax.vmap(take, in_axes=-1, out_axes=-1)(image)


def linear_parts(kind: str, given: Any, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns matrices [parts, height, height] and [parts, width, width] of a linear corruption.

    The changed image is the sum over parts of `down @ image @ across.T`.
    """
    sides, scale = (height, width), min(height, width) / REFERENCE
    if kind == "Gaussian blur":
        stacks = [[_blur(side, given * scale, mode="nearest", truncate=4.0)] for side in sides]
    elif kind == "pixelation":
        stacks = [[_pixelation(side, given)] for side in sides]
    elif kind == "zoom blur":
        factors = np.arange(1, given + 0.005, 0.01)
        # The image itself, and a zoomed one for each factor.
        zooms = [[np.eye(side), *(_zoom(side, z) for z in factors)] for side in sides]
        stacks = [zooms[0], [each / (len(factors) + 1) for each in zooms[1]]]
    else:
        left, strengths, right = np.linalg.svd(disc(*(part * scale for part in given)))
        used = strengths > NEGLIGIBLE * strengths[0]
        kernels = (left * strengths)[:, used].T, right[used]
        pairs = zip(kernels, sides, strict=True)
        stacks = [[_convolution(kernel, side) for kernel in part] for part, side in pairs]
    down, across = (np.stack(stack).astype(np.float32) for stack in stacks)
    return down, across


def disc(radius: float, blur: float) -> np.ndarray:
    """Returns the kernel of a lens out of focus: a disc of weights that add up to 1."""
    reach = max(8, int(radius))
    offsets = np.arange(-reach, reach + 1)
    kernel = (np.hypot(offsets[:, None], offsets[None, :]) <= radius).astype(np.float64)
    taps = np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)
    weights = np.exp(-(taps**2) / (2 * blur**2))
    for axis in (0, 1):
        kernel = ndimage.convolve1d(kernel, weights / weights.sum(), axis=axis, mode="constant")
    return kernel / kernel.sum()


def _blur(side: int, width: float, *, mode: Any, truncate: float) -> np.ndarray:
    if not width:
        return np.eye(side, dtype=np.float32)
    blurred = ndimage.gaussian_filter1d(np.eye(side), width, axis=0, mode=mode, truncate=truncate)
    return blurred.astype(np.float32)


def _convolution(kernel: np.ndarray, side: int) -> np.ndarray:
    return ndimage.correlate1d(np.eye(side), kernel, axis=0, mode="mirror")


def _pixelation(side: int, share: float) -> np.ndarray:
    picture = Image.fromarray(np.eye(side, dtype=np.float32))
    small = picture.resize((side, max(int(side * share), 1)), Image.Resampling.BOX)
    return np.asarray(small.resize((side, side), Image.Resampling.BOX))


def _zoom(side: int, factor: float) -> np.ndarray:
    """Enlarges the middle of a line of pixels to the whole line."""
    kept = int(np.ceil(side / factor))
    start = (side - kept) // 2
    lines = np.eye(side)[start : start + kept]
    enlarged = np.asarray(ndimage.zoom(lines, (factor, 1), order=1))
    trimmed = (len(enlarged) - side) // 2
    return enlarged[trimmed : trimmed + side]
