"""The settings of augmentation, and those that turn all of it off."""

from typing import Annotated, Any

from jaxcmp.settings.section import AtLeastZero, CountOrZero, Role, Section, Share


class Augment(Section, frozen=True, kw_only=True):
    """The section `augment`.

    A new key needs a default: without one, no earlier run could be read.
    """

    crop_padding: Annotated[
        int,
        Role.RECIPE(
            "Black pixels around an image before the random crop; 0: no crop.", ge=0, le=1024
        ),
    ]
    flip: Annotated[bool, Role.RECIPE("Mirror half of the images.")]
    trivial_augment: Annotated[bool, Role.RECIPE("TrivialAugmentWide (Mueller 2021).")]
    erase_rate: Annotated[Share, Role.RECIPE("Share of images that lose a random rectangle.")]
    mixup_alpha: Annotated[
        AtLeastZero, Role.RECIPE("Parameter of MixUp's Beta distribution; 0: off.")
    ]
    cutmix_alpha: Annotated[
        AtLeastZero, Role.RECIPE("Parameter of CutMix's Beta distribution; 0: off.")
    ]
    mix_rate: Annotated[Share, Role.RECIPE("Share of batches that are mixed.")]
    cutmix_rate: Annotated[
        Share, Role.RECIPE("Share of the mixed batches that CutMix mixes; MixUp mixes the others.")
    ]
    mixing_epochs: Annotated[CountOrZero, Role.LENGTH("Last epoch with mixing; 0: mix to the end.")]


# The settings of Augment that leave images and labels unchanged.
NO_AUGMENTATION: dict[str, Any] = {
    "crop_padding": 0,
    "flip": False,
    "trivial_augment": False,
    "erase_rate": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "mix_rate": 0.0,
    "cutmix_rate": 0.0,
}
