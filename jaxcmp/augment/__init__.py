"""What the network sees of an image: random changes of each image, then of the whole batch."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxcmp.augment.erasing import random_erase
from jaxcmp.augment.geometry import random_crop, random_flip, resize
from jaxcmp.augment.mixing import random_mix
from jaxcmp.augment.trivial import random_operation
from jaxcmp.errors import CommandError

Augment = Callable[[Array, Array, Array, bool | Array], tuple[Array, Array]]


def make_augment(
    *,
    num_classes: int,
    mean: np.ndarray,
    std: np.ndarray,
    crop_padding: int,
    flip: bool,
    trivial_augment: bool,
    erase_rate: float,
    mixup_alpha: float,
    cutmix_alpha: float,
    mix_rate: float,
    cutmix_rate: float,
) -> Augment:
    """Binds the options of `augment(key, images, labels, is_mixing) -> (images, targets)`.

    `augment` takes images uint8 [B, H, W, C] and labels int [B], and gives normalised images
    float32 [B, H, W, C] and targets float32 [B, num_classes]. Each image is cropped out of itself
    with `crop_padding` black pixels around it, flipped, changed by TrivialAugmentWide, normalised
    by `mean` and `std` [C], and erased in part at `erase_rate`. A batch is mixed with probability
    `mix_rate`, then by CutMix with probability `cutmix_rate` and otherwise by MixUp; never while
    `is_mixing` is False. 0 or False switches an option off, which leaves no work in the compiled
    program. The same key gives the same result.

    Raises CommandError for a value out of its range or options that contradict each other.
    """
    mixing = dict(
        mixup_alpha=mixup_alpha,
        cutmix_alpha=cutmix_alpha,
        mix_rate=mix_rate,
        cutmix_rate=cutmix_rate,
    )
    if crop_padding < 0:
        raise CommandError(f"crop_padding is {crop_padding}: it must be 0 or more")
    if not 0 <= erase_rate <= 1:
        raise CommandError(f"erase_rate is {erase_rate}: it must lie between 0 and 1")
    if trivial_augment and len(mean) not in (1, 3):
        raise CommandError(
            f"trivial_augment is on: it needs images of 1 or 3 channels, not of {len(mean)}"
        )
    _check_mixing(**mixing)

    def augment_image(key: Array, image: Array) -> Array:
        crop_key, flip_key, trivial_key, erase_key = jax.random.split(key, 4)
        if crop_padding:
            image = random_crop(crop_key, image, padding=crop_padding)
        if flip:
            image = random_flip(flip_key, image)
        if trivial_augment:
            image = random_operation(trivial_key, image)
        image = normalise(image, mean, std)
        if erase_rate:
            image = random_erase(erase_key, image, rate=erase_rate)
        return image

    def augment(
        key: Array, images: Array, labels: Array, is_mixing: bool | Array
    ) -> tuple[Array, Array]:
        images_key, mix_key = jax.random.split(key)
        images = jax.vmap(augment_image)(jax.random.split(images_key, len(images)), images)
        targets = jax.nn.one_hot(labels, num_classes)
        if mix_rate:
            images, targets = random_mix(mix_key, images, targets, is_mixing, **mixing)
        return images, targets

    return augment


def normalise(images: Array | np.ndarray, mean: np.ndarray, std: np.ndarray) -> Array:
    """Scales levels 0..255 to 0..1, then by the channels' mean and std [C]: float32 [..., C]."""
    channels = (1,) * (images.ndim - 1) + (-1,)
    levels = jnp.asarray(images, jnp.float32) / 255
    return (levels - jnp.reshape(mean, channels)) / jnp.reshape(std, channels)


def unaugmented(
    images: Array | np.ndarray, mean: np.ndarray, std: np.ndarray, *, image_size: int
) -> Array:
    """What the network sees where nothing is drawn, as in evaluation: normalised, then resized.

    Maps images uint8 [..., H, W, C] to float32 [..., image_size, image_size, C].
    """
    return resize(normalise(images, mean, std), image_size)


def _check_mixing(
    *, mixup_alpha: float, cutmix_alpha: float, mix_rate: float, cutmix_rate: float
) -> None:
    for name, rate in (("mix_rate", mix_rate), ("cutmix_rate", cutmix_rate)):
        if not 0 <= rate <= 1:
            raise CommandError(f"{name} is {rate}: it must lie between 0 and 1")
    for name, alpha in (("mixup_alpha", mixup_alpha), ("cutmix_alpha", cutmix_alpha)):
        if not 0 <= alpha < float("inf"):
            raise CommandError(f"{name} is {alpha}: it must be 0 (off) or more")
    if mix_rate == 0:
        return
    if mixup_alpha == 0 and cutmix_alpha == 0:
        raise CommandError(
            f"mix_rate is {mix_rate} with mixup_alpha and cutmix_alpha 0: set mix_rate=0, "
            "or one of them above 0"
        )
    if cutmix_alpha == 0 and cutmix_rate > 0:
        raise CommandError(
            f"cutmix_rate is {cutmix_rate} with cutmix_alpha 0 (off): set cutmix_rate=0, "
            "or cutmix_alpha above 0"
        )
    if mixup_alpha == 0 and cutmix_rate < 1:
        raise CommandError(
            f"cutmix_rate is {cutmix_rate} with mixup_alpha 0 (off): set cutmix_rate=1, "
            "or mixup_alpha above 0"
        )
