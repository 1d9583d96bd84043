"""The settings of the models, each a section that `model.name` chooses."""

from typing import Annotated, Literal

from msgspec import Meta

from jaxcmp.settings.section import Role, Section, key


class AnyModel(Section, frozen=True, kw_only=True):
    image_size: Annotated[
        int,
        key(
            Role.MODEL,
            "Side of the images that the model takes, in pixels; 0: that of the data's images.",
            ge=0,
            lt=2**31,
        ),
    ] = 0
    num_classes: Annotated[
        int, key(Role.MODEL, "Number of outputs; 0: that of the data's classes.", ge=0, lt=2**31)
    ] = 0
    dropout_rate: Annotated[float, key(Role.MODEL, "Dropout rate.", ge=0, lt=1)] = 0.0
    drop_path_rate: Annotated[
        float, key(Role.MODEL, "Rate of stochastic depth in the last block.", ge=0, lt=1)
    ] = 0.0


class ViT(AnyModel, frozen=True, kw_only=True, tag_field="name", tag="vit"):
    patch_size: Annotated[int, key(Role.MODEL, "Side of a patch, in pixels.", ge=1, lt=2**31)]
    width: Annotated[int, key(Role.MODEL, "Width of a token.", ge=1, lt=2**31)]
    depth: Annotated[int, key(Role.MODEL, "Number of blocks.", ge=1, le=10_000)]
    num_heads: Annotated[int, key(Role.MODEL, "Number of attention heads.", ge=1, lt=2**31)]
    mlp_width: Annotated[int, key(Role.MODEL, "Hidden width of each block's MLP.", ge=1, lt=2**31)]
    stem: Annotated[
        Literal["patch", "conv"],
        key(
            Role.MODEL,
            "Of vit: patch, one linear map of each patch; conv, four 3x3 convolutions in its place "
            "(Xiao et al. 2021).",
        ),
    ] = "patch"


Sizes = tuple[Annotated[int, Meta(ge=1, lt=2**31)], ...]
Depths = tuple[Annotated[int, Meta(ge=1, le=10_000)], ...]


class ResNet(AnyModel, frozen=True, kw_only=True, tag_field="name", tag="resnet"):
    stage_widths: Annotated[Sizes, key(Role.MODEL, "Channels of each stage.", min_length=1)]
    stage_depths: Annotated[Depths, key(Role.MODEL, "Blocks of each stage.", min_length=1)]
    stem: Annotated[
        Literal["cifar", "imagenet"],
        key(
            Role.MODEL,
            "Of resnet: cifar, 3x3 at full resolution; imagenet, 7x7 at stride 2, then max "
            "pooling.",
        ),
    ] = "cifar"
    zero_init_residual: Annotated[
        bool, key(Role.MODEL, "Start every block as the identity (Goyal et al. 2017).")
    ] = False

    @property
    def last_side(self) -> int:
        """Returns the side of the last stage's images; halving an odd side rounds up."""
        halvings = len(self.stage_widths) - 1 + (2 if self.stem == "imagenet" else 0)
        return -(-self.image_size // 2**halvings)


Model = ViT | ResNet
