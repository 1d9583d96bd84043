"""The convolutional stem of a Vision Transformer (Xiao et al. 2021)."""

from typing import Any

from flax import linen as nn
from jax import Array

from jaxcmp.models.resnet import make_layers

NUM_CONVOLUTIONS = 4


def channels(width: int) -> tuple[int, ...]:
    """Returns the channels of the convolutions: each has twice those before it.

    The first has a sixth of the tokens' width. With one block fewer, a ViT of 12 blocks and an MLP
    of four times the width then has the parameters and multiply-adds of one with patches, within a
    hundredth.
    """
    return tuple(max(width * 2**i // 6, 1) for i in range(NUM_CONVOLUTIONS))


class ConvStem(nn.Module):
    """Maps images [batch, size, size, channels] to [batch, size / patch, size / patch, width].

    Four 3x3 convolutions, each with batch normalisation and ReLU, then a 1x1 convolution. The first
    ones halve the image until a pixel stands for a patch of `patch_size`: 1, 2, 4, 8 or 16.
    """

    width: int
    patch_size: int
    dtype: Any
    has_kernels: bool = False

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        conv, norm = make_layers(self.dtype, self.has_kernels, is_training=is_training)
        for i, num_channels in enumerate(channels(self.width)):
            stride = 2 if 2**i < self.patch_size else 1
            x = conv(num_channels, 3, stride, f"conv_{i + 1}")(x)
            x = nn.relu(norm(f"norm_{i + 1}")(x))
        # A 1x1 convolution.
        return nn.Dense(self.width, dtype=self.dtype, name="projection")(x)


def paths() -> list[str]:
    """Lists the arrays of a ViT's stem, by their paths in its variables."""
    norm = ("params/stem/norm_{}/scale", "params/stem/norm_{}/bias")
    norm += ("batch_stats/stem/norm_{}/mean", "batch_stats/stem/norm_{}/var")
    layers = [
        path.format(i + 1)
        for i in range(NUM_CONVOLUTIONS)
        for path in ("params/stem/conv_{}/kernel", *norm)
    ]
    return [*layers, "params/stem/projection/kernel", "params/stem/projection/bias"]


def multiply_adds(width: int, *, patch_size: int, image_size: int, num_channels: int) -> int:
    """Counts the multiply-adds of one image's stem, without norms and activations."""
    total, side = 0, image_size
    for i, num_out in enumerate(channels(width)):
        side = side // 2 if 2**i < patch_size else side
        total += side**2 * 9 * num_channels * num_out
        num_channels = num_out
    return total + side**2 * num_channels * width
