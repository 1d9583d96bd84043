"""Changes of test images that each ask one thing of a model: shifts, places, tiles, frequencies.

Images are uint8 [batch, height, width, channels]; a changed image has levels in 0..255, as uint8 or
float32. Lengths are those for images of 32 pixels, and in proportion for others.
"""

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.augment.geometry import crop
from jaxcmp.data.random_streams import stream

# For images whose shorter side has so many pixels.
REFERENCE = 32
DISTANCES = (1, 2, 3, 4, 6, 8)
DIRECTIONS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)
# The margin on either side of a pasted image, and the places on a side of the grid.
MARGIN, GRID = 6, 7
TILES = (16, 8, 4, 2)
NUM_PERMUTATIONS = 3
# In cycles per image.
RADII = (4, 8, 12, 16)


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of images; those of one kind and level are averaged.

    `apply` changes a batch of images; it is also given their numbers [batch], from which what is
    random is drawn.
    """

    kind: str
    level: int
    apply: Callable[[Array, Array], Array]


def in_proportion(lengths: tuple[int, ...], side: int) -> list[int]:
    """Scales lengths from 32 pixels to `side`, rounds them, and keeps each that is not 0 once."""
    scaled = [int(length * side / REFERENCE + 0.5) for length in lengths]
    return list(dict.fromkeys(length for length in scaled if length > 0))


def shifted(kind: str, distance: int, direction: tuple[int, int]) -> Change:
    """Makes a shift; the gap is "black", as a crop leaves it, or "circular"."""
    down, right = (distance * part for part in direction)
    if kind == "circular":
        return Change(kind, distance, lambda images, _: shift_around(images, down, right))
    return Change(kind, distance, lambda images, _: shift(images, down, right, padding=distance))


def shifts(height: int, width: int) -> list[Change]:
    """Lists shifts by each distance, in eight directions, filled in two ways."""
    distances = in_proportion(DISTANCES, min(height, width))
    return [
        shifted(kind, distance, direction)
        for kind in ("black", "circular")
        for distance in distances
        for direction in DIRECTIONS
    ]


@partial(jax.jit, static_argnames="padding")
def shift(images: Array, down: int | Array, right: int | Array, *, padding: int) -> Array:
    """Shifts images by up to `padding` pixels as a random crop does, which fills with black."""
    moved = partial(crop, top=padding - down, left=padding - right, padding=padding)
    return jax.vmap(moved)(images)


@jax.jit
def shift_around(images: Array, down: int | Array, right: int | Array) -> Array:
    """Shifts images in a circle: what leaves at one edge comes in at the other."""
    return jnp.roll(jnp.roll(images, down, axis=1), right, axis=2)


def pastes(height: int, width: int) -> list[Change]:
    """Lists the places of a square grid: 20 of 32 pixels, at 7 x 7 places, counted by rows.

    The whole image is pasted there, smaller, on black.
    """
    margin = _margin(height, width)
    num = num_places(height, width)
    places = [int(2 * margin * i / (num - 1) + 0.5) for i in range(num)]
    size = (height - 2 * margin, width - 2 * margin)
    corners = itertools.product(places, places)
    return [
        Change("place", level, lambda images, _, corner=corner: paste(images, *corner, size=size))
        for level, corner in enumerate(corners)
    ]


def num_places(height: int, width: int) -> int:
    """Returns the places on a side of the grid: an odd number, so that one is the centre."""
    return min(GRID, 2 * _margin(height, width) + 1)


def _margin(height: int, width: int) -> int:
    return max(in_proportion((MARGIN,), min(height, width)) or [1])


@partial(jax.jit, static_argnames="size")
def paste(images: Array, top: int | Array, left: int | Array, *, size: tuple[int, int]) -> Array:
    """Resizes images to `size`, bicubic and antialiased, and puts them at a corner on black."""
    batch, *_, channels = images.shape
    shape = (batch, *size, channels)
    small = jax.image.resize(images.astype(jnp.float32), shape, "bicubic", antialias=True)
    small = jnp.clip(jnp.round(small), 0, 255).astype(jnp.uint8)
    return jax.lax.dynamic_update_slice(jnp.zeros_like(images), small, (0, top, left, 0))


def shuffled(side: int, number: int) -> Change:
    """Makes the change that puts square tiles in another order, the `number`th of several."""

    def shuffle(images: Array, _: Array) -> Array:
        num_tiles = (images.shape[1] // side) * (images.shape[2] // side)
        return shuffle_tiles(
            images, derangement(stream("tiles", 0, side, number), num_tiles), side=side
        )

    return Change("tiles", side, shuffle)


def derangement(rng: np.random.Generator, num: int) -> np.ndarray:
    """Draws an order of `num` things, at least two, in which none is where it was."""
    while True:
        order = rng.permutation(num)
        if (order != np.arange(num)).all():
            return order


@partial(jax.jit, static_argnames="side")
def shuffle_tiles(images: Array, order: Array | np.ndarray, *, side: int) -> Array:
    """Puts the tiles of images in an order; pixels right and below the last whole tile stay."""
    batch, height, width, channels = images.shape
    rows, columns = height // side, width // side
    whole = images[:, : rows * side, : columns * side]
    tiles = whole.reshape(batch, rows, side, columns, side, channels).swapaxes(2, 3)
    tiles = tiles.reshape(batch, rows * columns, side, side, channels)[:, order]
    tiles = tiles.reshape(batch, rows, columns, side, side, channels).swapaxes(2, 3)
    shuffled = tiles.reshape(batch, rows * side, columns * side, channels)
    return images.at[:, : rows * side, : columns * side].set(shuffled)


def filtered(kind: str, radius: int) -> Change:
    """Makes the change that keeps frequencies up to a radius ("low-pass"), or above ("high-pass").

    The radius is in cycles per image.
    """

    def keep(images: Array, _: Array) -> Array:
        return keep_frequencies(images, band(kind, radius, *images.shape[1:3]))

    return Change(kind, radius, keep)


def band(kind: str, radius: int, height: int, width: int) -> np.ndarray:
    """Returns which frequencies stay, bool [height, width]: sharp circles (Wang et al. 2020).

    Frequencies are in cycles per length of the shorter side. The mean level always stays.
    """
    side = min(height, width)
    down, across = np.fft.fftfreq(height) * side, np.fft.fftfreq(width) * side
    distance = np.hypot(down[:, None], across[None, :])
    return (distance <= radius) if kind == "low-pass" else (distance > radius) | (distance == 0)


@jax.jit
def keep_frequencies(images: Array, kept: Array | np.ndarray) -> Array:
    """Removes all frequencies but those that are kept; levels are not clipped to 0..255."""
    spectrum = jnp.fft.fft2(images.astype(jnp.float32), axes=(1, 2))
    return jnp.fft.ifft2(spectrum * kept[None, :, :, None], axes=(1, 2)).real


def arrangements(height: int, width: int) -> list[Change]:
    """Lists what destroys the arrangement of an image, or its details, or all but them."""
    side = min(height, width)
    # Rounding up an odd side's half would leave a single tile, which cannot change its place.
    sizes = {min(tile, side // 2) for tile in in_proportion(TILES, side)} - {0}
    tiles = [
        shuffled(tile, number)
        for tile in sorted(sizes, reverse=True)
        for number in range(NUM_PERMUTATIONS)
    ]
    radii = in_proportion(RADII, side)
    return [*tiles, *(filtered(kind, r) for kind in ("low-pass", "high-pass") for r in radii)]
