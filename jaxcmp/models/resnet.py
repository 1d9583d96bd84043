"""The residual network (He et al. 2016) of basic blocks, with a stem for small images or large."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcmp.errors import CommandError
from jaxcmp.models import kernels
from jaxcmp.models.layers import drop_path_rate

# He et al. (2015), fan-out, so that the backward pass keeps its scale; normal, not truncated.
HE_FAN_OUT = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
# A head drawn from +-1/sqrt(fan in), for kernel and bias alike.
HEAD_KERNEL = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
# Makes a module: `conv` or `batch_norm`, with what all modules of a model have in common.
Layer = Callable[..., Callable[[Array], Array]]
# The side of each stem's kernel.
STEMS = {"cifar": 3, "imagenet": 7}


def make_layers(
    dtype: Any, has_kernels: bool, *, is_training: bool, has_onednn: bool = False
) -> tuple[Layer, Layer]:
    """Returns `conv` and `batch_norm`, by JAX's own functions or by `models.kernels`."""
    convolve = partial(kernels.conv_general_dilated, has_onednn=has_onednn)
    convolve = convolve if has_kernels else None
    norm = partial(batch_norm, is_training=is_training, has_kernels=has_kernels, dtype=dtype)
    return partial(conv, dtype=dtype, convolve=convolve), norm


def conv(
    width: int, kernel_size: int, stride: int, name: str, *, dtype: Any, convolve: Any
) -> nn.Conv:
    """A convolution without bias, padded alike on both sides; `convolve` None is JAX's own.

    "SAME" would pad only the far side at stride 2 and shift the image by half a pixel.
    """
    return nn.Conv(
        width,
        (kernel_size, kernel_size),
        (stride, stride),
        padding=kernel_size // 2,
        use_bias=False,
        kernel_init=HE_FAN_OUT,
        dtype=dtype,
        conv_general_dilated=convolve,
        name=name,
    )


def batch_norm(
    name: str,
    *,
    is_training: bool,
    has_kernels: bool,
    dtype: Any,
    scale_init: Any = nn.initializers.ones,
) -> nn.Module:
    """Batch normalisation (Ioffe and Szegedy 2015); a step keeps 0.9 of the running statistics."""
    options = {"momentum": 0.9, "epsilon": 1e-5, "scale_init": scale_init, "name": name}
    if is_training and has_kernels:
        return TrainedBatchNorm(**options)
    return nn.BatchNorm(not is_training, dtype=dtype, **options)


class TrainedBatchNorm(nn.Module):
    """`nn.BatchNorm` in training, by `kernels.batch_norm`."""

    momentum: float
    epsilon: float
    scale_init: Any

    @nn.compact
    def __call__(self, x: Array) -> Array:
        width = x.shape[-1:]
        scale = self.param("scale", self.scale_init, width)
        bias = self.param("bias", nn.initializers.zeros, width)
        y, mean, variance = kernels.batch_norm(x, scale, bias, self.epsilon)
        for name, start, latest in (("mean", jnp.zeros, mean), ("var", jnp.ones, variance)):
            running = self.variable("batch_stats", name, start, width)
            if not self.is_initializing():
                running.value = self.momentum * running.value + (1 - self.momentum) * latest
        return y


class BasicBlock(nn.Module):
    """A block of two 3x3 convolutions and a shortcut, projected where the shape changes."""

    width: int
    stride: int
    drop_path_rate: float
    zero_init_residual: bool
    conv: Layer
    norm: Layer

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        y = self.conv(self.width, 3, self.stride, "conv_1")(x)
        y = nn.relu(self.norm("norm_1")(y))
        y = self.conv(self.width, 3, 1, "conv_2")(y)
        last_scale = nn.initializers.zeros if self.zero_init_residual else nn.initializers.ones
        y = self.norm("norm_2", scale_init=last_scale)(y)
        drop_path = nn.Dropout(self.drop_path_rate, broadcast_dims=(1, 2, 3))
        y = drop_path(y, deterministic=not is_training)
        if x.shape != y.shape:
            x = self.conv(self.width, 1, self.stride, "shortcut_conv")(x)
            x = self.norm("shortcut_norm")(x)
        return nn.relu(x + y)


class Stem(nn.Module):
    """A 3x3 convolution at full resolution; for "imagenet" 7x7 at half of it, then pooled to half.

    Both as in He et al. (2016): the one for CIFAR-10, the other for images of 224 pixels.
    """

    kind: str
    width: int
    conv: Layer
    norm: Layer

    @nn.compact
    def __call__(self, x: Array) -> Array:
        is_pooled = self.kind == "imagenet"
        x = self.conv(self.width, STEMS[self.kind], 1 + is_pooled, "conv")(x)
        x = nn.relu(self.norm("norm")(x))
        if not is_pooled:
            return x
        frame = ((1, 1), (1, 1))  # Its own annotation knows no pairs.
        return nn.max_pool(x, (3, 3), (2, 2), frame)  # pyright: ignore[reportArgumentType]


class Stage(nn.Module):
    """Blocks of one width; the first halves the resolution in every stage but the first."""

    width: int
    stride: int
    drop_path_rates: tuple[float, ...]
    zero_init_residual: bool
    conv: Layer
    norm: Layer

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        for i, rate in enumerate(self.drop_path_rates):
            stride = self.stride if i == 0 else 1
            block = BasicBlock(
                self.width,
                stride,
                rate,
                self.zero_init_residual,
                self.conv,
                self.norm,
                name=f"block_{i}",
            )
            x = block(x, is_training=is_training)
        return x


class ResNet(nn.Module):
    """Maps images [batch, image_size, image_size, channels] to logits [batch, num_classes].

    `stem` is "cifar" or "imagenet". Convolutions start He-normal over the fan-out (He et al. 2015),
    norms at one and zero. With `zero_init_residual` the last norm of each block starts at zero, so
    that every block starts as the identity (Goyal et al. 2017). `drop_path_rate` is the last
    block's stochastic depth (Huang et al. 2016); it grows linearly from zero. Running variances are
    the batch's own, without Bessel's correction. `has_kernels` computes convolutions as training
    does, by `models.kernels`, and norms in training; `has_onednn` says that its programs have
    `onednn.compiler_options`.
    """

    image_size: int = 32
    stage_widths: tuple[int, ...] = (64, 128, 256, 512)
    stage_depths: tuple[int, ...] = (2, 2, 2, 2)
    stem: str = "cifar"
    num_classes: int = 10
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.0
    zero_init_residual: bool = False
    dtype: Any = jnp.float32
    has_kernels: bool = False
    has_onednn: bool = False

    @nn.compact
    def __call__(self, images: Array, *, is_training: bool = False) -> Array:
        layers = make_layers(
            self.dtype, self.has_kernels, is_training=is_training, has_onednn=self.has_onednn
        )
        x = Stem(self.stem, self.stage_widths[0], *layers, name="stem")(images.astype(self.dtype))
        num_blocks, first = sum(self.stage_depths), 0
        for i, (width, depth) in enumerate(zip(self.stage_widths, self.stage_depths, strict=True)):
            blocks = range(first, first + depth)
            rates = tuple(drop_path_rate(self.drop_path_rate, b, num_blocks) for b in blocks)
            stride = 1 if i == 0 else 2
            stage = Stage(
                width,
                stride,
                rates,
                self.zero_init_residual,
                *layers,
                name=f"stage_{i + 1}",
            )
            x = stage(x, is_training=is_training)
            first += depth
        x = jnp.mean(x.astype(jnp.float32), axis=(1, 2))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=not is_training)
        # Kept for who asks for it, as models.features does; else no work.
        self.sow("intermediates", "features", x)
        width = self.stage_widths[-1]
        # Flax's uniform(scale) draws from [0, scale); the bias is centred by hand.
        bias_init = lambda key, shape, dtype: (  # noqa: E731
            nn.initializers.uniform(2 * width**-0.5)(key, shape, dtype) - width**-0.5
        )
        return nn.Dense(
            self.num_classes, kernel_init=HEAD_KERNEL, bias_init=bias_init, name="head"
        )(x)

    @nn.nowrap
    def validate(self) -> None:
        """Raises CommandError for an unknown stem, and for sizes that do not fit together."""
        if self.stem not in STEMS:
            raise CommandError(f"model.stem={self.stem!r} is unknown; there are {', '.join(STEMS)}")
        if not self.stage_widths or len(self.stage_widths) != len(self.stage_depths):
            raise CommandError(
                f"model.stage_widths has {len(self.stage_widths)} stages and model.stage_depths "
                f"{len(self.stage_depths)}; both need the same number, at least one"
            )

    @nn.nowrap
    def multiply_adds(self, num_channels: int) -> dict[str, int]:
        """Multiply-adds of one image's forward pass by component, without norms and activations."""
        is_pooled = self.stem == "imagenet"
        # The convolution of that stem halves the image, a pixel left over being kept.
        size = (self.image_size + 1) // 2 if is_pooled else self.image_size
        taps = STEMS[self.stem] ** 2 * num_channels
        counts = {"stem": size**2 * taps * self.stage_widths[0]}
        size = (size + 1) // 2 if is_pooled else size
        width_in = self.stage_widths[0]
        for i, (width, depth) in enumerate(zip(self.stage_widths, self.stage_depths, strict=True)):
            side, size = size, size if i == 0 else (size + 1) // 2
            # A single pixel is not halved.
            is_projected = side != size or width_in != width
            first = 9 * width_in * width + 9 * width * width + is_projected * width_in * width
            rest = (depth - 1) * 2 * 9 * width * width
            counts[f"stage_{i + 1}"] = size**2 * (first + rest)
            width_in = width
        return counts | {"head": width_in * self.num_classes}
