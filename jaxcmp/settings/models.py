"""The settings of the models, each a section that `model.name` chooses."""

from typing import Annotated, Literal

from jaxcmp.settings.section import BelowOne, Count, CountOrZero, Depth, Role, Section


class AnyModel(Section, frozen=True, kw_only=True):
    image_size: Annotated[
        CountOrZero,
        Role.MODEL(
            "Side of the images that the model takes, in pixels; 0: that of the data's images."
        ),
    ] = 0
    num_classes: Annotated[
        CountOrZero, Role.MODEL("Number of outputs; 0: that of the data's classes.")
    ] = 0
    dropout_rate: Annotated[BelowOne, Role.MODEL("Dropout rate.")] = 0.0
    drop_path_rate: Annotated[
        BelowOne, Role.MODEL("Rate of stochastic depth in the last block.")
    ] = 0.0


class ViT(AnyModel, frozen=True, kw_only=True, tag_field="name", tag="vit"):
    patch_size: Annotated[Count, Role.MODEL("Side of a patch, in pixels.")]
    width: Annotated[Count, Role.MODEL("Width of a token.")]
    depth: Annotated[Depth, Role.MODEL("Number of blocks.")]
    num_heads: Annotated[Count, Role.MODEL("Number of attention heads.")]
    mlp_width: Annotated[Count, Role.MODEL("Hidden width of each block's MLP.")]
    stem: Annotated[
        Literal["patch", "conv"],
        Role.MODEL(
            "Of vit: patch, one linear map of each patch; conv, four 3x3 convolutions in its "
            "place (Xiao et al. 2021)."
        ),
    ] = "patch"


class ResNet(AnyModel, frozen=True, kw_only=True, tag_field="name", tag="resnet"):
    stage_widths: Annotated[tuple[Count, ...], Role.MODEL("Channels of each stage.", min_length=1)]
    stage_depths: Annotated[tuple[Depth, ...], Role.MODEL("Blocks of each stage.", min_length=1)]
    stem: Annotated[
        Literal["cifar", "imagenet"],
        Role.MODEL(
            "Of resnet: cifar, 3x3 at full resolution; imagenet, 7x7 at stride 2, then max pooling."
        ),
    ] = "cifar"
    zero_init_residual: Annotated[
        bool, Role.MODEL("Start every block as the identity (Goyal et al. 2017).")
    ] = False

    @property
    def last_side(self) -> int:
        """Returns the side of the last stage's images; halving an odd side rounds up."""
        halvings = len(self.stage_widths) - 1 + (2 if self.stem == "imagenet" else 0)
        return -(-self.image_size // 2**halvings)


Model = ViT | ResNet
