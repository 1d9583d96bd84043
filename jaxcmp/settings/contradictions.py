"""Settings that contradict each other: each pair is an error of one line that names the keys."""

from jaxcmp.errors import CommandError
from jaxcmp.settings import Settings
from jaxcmp.settings.augmentation import Augment
from jaxcmp.settings.models import ResNet


def check_together(settings: Settings, prefix: str) -> None:
    """Raises CommandError for keys that contradict each other."""
    epochs = settings.num_epochs
    if not settings.schedule.warmup_epochs < epochs:
        raise CommandError(
            f"--config.{prefix}schedule.warmup_epochs={settings.schedule.warmup_epochs:g} must be "
            f"below num_epochs={epochs}"
        )
    if settings.augment.mixing_epochs > epochs:
        raise CommandError(
            f"--config.{prefix}augment.mixing_epochs={settings.augment.mixing_epochs} must be 0 "
            f"(to the end) or an epoch up to num_epochs={epochs}"
        )
    _check_mixing(settings.augment, f"--config.{prefix}augment.")
    if settings.model.image_size:
        check_normalisation(settings, prefix)


def check_normalisation(settings: Settings, prefix: str = "") -> None:
    """Raises CommandError for a ResNet whose batch has one value of a channel.

    Needs to know `model.image_size`, which may follow from the data.
    """
    model = settings.model
    if not isinstance(model, ResNet) or settings.frozen_trunk:
        return
    num_images = settings.batch_size // settings.accumulation
    if num_images == 1 and model.last_side == 1:
        raise CommandError(
            f"a ResNet of model.image_size={model.image_size} ends in images of one pixel, and a "
            f"batch of {settings.batch_size} in {settings.accumulation} parts has one image each: "
            "batch normalisation needs more than one value of a channel; raise "
            f"--config.{prefix}batch_size or --config.{prefix}model.image_size"
        )


def _check_mixing(augment: Augment, prefix: str) -> None:
    """Raises CommandError for mixing with a method that is off."""
    mixup_alpha, cutmix_alpha = augment.mixup_alpha, augment.cutmix_alpha
    mix_rate, cutmix_rate = augment.mix_rate, augment.cutmix_rate
    if mix_rate == 0:
        return
    if mixup_alpha == 0 and cutmix_alpha == 0:
        raise CommandError(
            f"{prefix}mix_rate={mix_rate:g} with mixup_alpha and cutmix_alpha 0 (off): set "
            "mix_rate to 0, or one of them above 0"
        )
    if cutmix_alpha == 0 and cutmix_rate > 0:
        raise CommandError(
            f"{prefix}cutmix_rate={cutmix_rate:g} with cutmix_alpha 0 (off): set cutmix_rate to 0, "
            "or cutmix_alpha above 0"
        )
    if mixup_alpha == 0 and cutmix_rate < 1:
        raise CommandError(
            f"{prefix}cutmix_rate={cutmix_rate:g} with mixup_alpha 0 (off): set cutmix_rate to 1, "
            "or mixup_alpha above 0"
        )
