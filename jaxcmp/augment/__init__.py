"""Augmentation: random changes of each image, then of the whole batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp import settings
from jaxcmp.augment.erasing import random_erase
from jaxcmp.augment.geometry import random_crop, random_flip, resize
from jaxcmp.augment.mixing import random_mix
from jaxcmp.augment.trivial import random_operation
from jaxcmp.errors import CommandError


@dataclasses.dataclass(frozen=True, eq=False)
class Augment:
    """The augmentation of one recipe. The same key gives the same result.

    By the options, each image is shifted by a random crop after padding by `crop_padding` black
    pixels, flipped, changed by TrivialAugmentWide, normalised by `mean` and `std` [C], and erased
    in part at `erase_rate`. A batch is mixed with probability `mix_rate`: by CutMix with
    probability `cutmix_rate`, otherwise by MixUp. An option that is 0 or False is off and adds
    nothing to the compiled program.
    """

    num_classes: int
    mean: np.ndarray
    std: np.ndarray
    options: settings.Augment

    def __post_init__(self) -> None:
        if self.options.trivial_augment and len(self.mean) not in (1, 3):
            raise CommandError(
                f"trivial_augment is on: it needs images of 1 or 3 channels, not of "
                f"{len(self.mean)}"
            )

    def __call__(
        self, key: Array, images: Array, labels: Array, is_mixing: bool | Array
    ) -> tuple[Array, Array]:
        """Maps images uint8 [B, H, W, C] and labels int [B] to the inputs of a training step.

        Returns normalised images float32 [B, H, W, C] and targets float32 [B, num_classes]. Nothing
        is mixed while `is_mixing` is False.
        """
        images_key, mix_key = jax.random.split(key)
        images = jax.vmap(self.random_image)(jax.random.split(images_key, len(images)), images)
        targets = jax.nn.one_hot(labels, self.num_classes)
        if self.options.mix_rate:
            images, targets = random_mix(mix_key, images, targets, is_mixing, self.options)
        return images, targets

    def random_image(self, key: Array, image: Array) -> Array:
        """Augments one image uint8 [H, W, C]; returns float32 [H, W, C]."""
        # The key of another change comes last, so that these keep their draws.
        crop_key, flip_key, trivial_key, erase_key = jax.random.split(key, 4)
        options = self.options
        if options.crop_padding:
            image = random_crop(crop_key, image, padding=options.crop_padding)
        if options.flip:
            image = random_flip(flip_key, image)
        if options.trivial_augment:
            image = random_operation(trivial_key, image)
        image = normalise(image, self.mean, self.std)
        if options.erase_rate:
            image = random_erase(erase_key, image, rate=options.erase_rate)
        return image


def normalise(images: Array | np.ndarray, mean: np.ndarray, std: np.ndarray) -> Array:
    """Scales levels 0..255 to 0..1, then by the channels' mean and std [C]: float32 [..., C]."""
    channels = (1,) * (images.ndim - 1) + (-1,)
    levels = jnp.asarray(images, jnp.float32) / 255
    return (levels - jnp.reshape(mean, channels)) / jnp.reshape(std, channels)


def unaugmented(
    images: Array | np.ndarray, mean: np.ndarray, std: np.ndarray, *, image_size: int
) -> Array:
    """Normalises and resizes images, as for evaluation.

    Maps images uint8 [..., H, W, C] to float32 [..., image_size, image_size, C].
    """
    return resize(normalise(images, mean, std), image_size)
