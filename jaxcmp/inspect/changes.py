"""Changes of test images that each ask one thing of a model: shifts, places, tiles, frequencies.

Images are uint8 [batch, height, width, channels]; a changed image has levels in 0..255, as uint8 or
float32. Lengths are those for images of 32 pixels, and in proportion for others.
"""

import dataclasses
from functools import partial
from typing import Protocol

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


class Change(Protocol):
    """A change of images; those of one kind and level are averaged.

    `apply` changes a batch; `rows` [batch] are the numbers of its images, from which what is random
    is drawn.
    """

    @property
    def kind(self) -> str: ...
    @property
    def level(self) -> int: ...
    def apply(self, images: Array, rows: Array) -> Array: ...


def in_proportion(lengths: tuple[int, ...], side: int) -> list[int]:
    """Scales lengths from 32 pixels to `side`, rounds them, and keeps each that is not 0 once."""
    scaled = [int(length * side / REFERENCE + 0.5) for length in lengths]
    return list(dict.fromkeys(length for length in scaled if length > 0))


@dataclasses.dataclass(frozen=True)
class Shift:
    """A shift by `level` pixels; the gap is "black", as a crop leaves it, or "circular"."""

    kind: str
    level: int
    direction: tuple[int, int]

    def apply(self, images: Array, rows: Array) -> Array:
        down, right = (self.level * part for part in self.direction)
        if self.kind == "circular":
            return shift_around(images, down, right)
        return shift(images, down, right, padding=self.level)


def shifts(height: int, width: int) -> list[Shift]:
    """Lists shifts by each distance, in eight directions, filled in two ways."""
    distances = in_proportion(DISTANCES, min(height, width))
    return [
        Shift(kind, distance, direction)
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


@dataclasses.dataclass(frozen=True)
class Paste:
    """The whole image, smaller, at one place of a black one; `level` counts places by rows."""

    level: int
    size: tuple[int, int]
    corner: tuple[int, int]
    kind: str = "place"

    def apply(self, images: Array, rows: Array) -> Array:
        return paste(images, *self.corner, size=self.size)


def pastes(height: int, width: int) -> list[Paste]:
    """Lists the places of a square grid: 20 of 32 pixels, at 7 x 7 places."""
    margin = _margin(height, width)
    num = num_places(height, width)
    places = [int(2 * margin * i / (num - 1) + 0.5) for i in range(num)]
    size = (height - 2 * margin, width - 2 * margin)
    return [
        Paste(row * num + column, size, (top, left))
        for row, top in enumerate(places)
        for column, left in enumerate(places)
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


@dataclasses.dataclass(frozen=True)
class Shuffle:
    """Square tiles of `level` pixels in another order, the `number`th of several."""

    level: int
    number: int
    kind: str = "tiles"

    def apply(self, images: Array, rows: Array) -> Array:
        _, height, width, _ = images.shape
        num_tiles = (height // self.level) * (width // self.level)
        order = derangement(stream("tiles", 0, self.level, self.number), num_tiles)
        return shuffle_tiles(images, order, side=self.level)


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


@dataclasses.dataclass(frozen=True)
class Filter:
    """Frequencies up to `level` cycles per image alone ("low-pass"), or above it ("high-pass")."""

    kind: str
    level: int

    def apply(self, images: Array, rows: Array) -> Array:
        _, height, width, _ = images.shape
        return keep_frequencies(images, band(self.kind, self.level, height, width))


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


def arrangements(height: int, width: int) -> list[Shuffle | Filter]:
    """Lists what destroys the arrangement of an image, or its details, or all but them."""
    side = min(height, width)
    # Rounding up an odd side's half would leave a single tile, which cannot change its place.
    sizes = {min(tile, side // 2) for tile in in_proportion(TILES, side)} - {0}
    tiles = [
        Shuffle(tile, number)
        for tile in sorted(sizes, reverse=True)
        for number in range(NUM_PERMUTATIONS)
    ]
    radii = in_proportion(RADII, side)
    return [*tiles, *(Filter(kind, r) for kind in ("low-pass", "high-pass") for r in radii)]
