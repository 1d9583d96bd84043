"""The Vision Transformer (Dosovitskiy et al. 2021), by default of DeiT-Ti's size (Touvron 2021)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxcmp.errors import CommandError
from jaxcmp.models import fused_attention, kernels, layers, stem
from jaxcmp.models.stem import ConvStem

# Every block starts with these, as in Dosovitskiy et al. (2021).
XAVIER = nn.initializers.xavier_uniform()
NEAR_ZERO = nn.initializers.normal(1e-6)
LAYER_NORM_EPSILON = 1e-6
STEMS = ("patch", "conv")
_CONV_STEM_PATCHES = [2**i for i in range(stem.NUM_CONVOLUTIONS + 1)]
# Larger ones are not proposed.
_MAX_PATCH = 4096


def xavier_each(key: Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
    """Draws the query, key and value kernels each as a kernel of its own (Glorot and Bengio 2010).

    One draw over the fused shape [width, 3 * width] would see three times the fan-out.
    """
    fan_in, fan_out = shape
    keys = jax.random.split(key, 3)
    return jnp.concatenate([XAVIER(k, (fan_in, fan_out // 3), dtype) for k in keys], axis=1)


def dense(features: int, kernel_init: Any, name: str, *, dtype: Any, has_kernels: bool) -> nn.Dense:
    """A dense layer whose bias starts near zero."""
    return layers.Dense(
        features,
        kernel_init=kernel_init,
        bias_init=NEAR_ZERO,
        dtype=dtype,
        dot_general=kernels.dot_general if has_kernels else None,
        name=name,
    )


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017) on tokens [batch, tokens, width]."""

    num_heads: int
    dropout_rate: float
    dtype: Any
    has_kernels: bool
    has_fused_attention: bool

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        width = x.shape[-1]
        attend = kernels.attend if self.has_kernels else layers.attend
        if self.has_kernels and self.has_fused_attention:
            attend = fused_attention.attend
        layer = partial(dense, dtype=self.dtype, has_kernels=self.has_kernels)
        qkv = layer(3 * width, xavier_each, "qkv")(x)
        mixed = attend(qkv, self.num_heads)
        out = layer(width, XAVIER, "projection")(mixed)
        return nn.Dropout(self.dropout_rate)(out, deterministic=not is_training)


class Mlp(nn.Module):
    """A block of two dense layers with the exact GELU (Hendrycks and Gimpel 2016) between them."""

    hidden_width: int
    dropout_rate: float
    dtype: Any
    has_kernels: bool

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        width = x.shape[-1]
        gelu = kernels.gelu if self.has_kernels else layers.gelu
        layer = partial(dense, dtype=self.dtype, has_kernels=self.has_kernels)
        x = gelu(layer(self.hidden_width, XAVIER, "expand")(x))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=not is_training)
        x = layer(width, XAVIER, "contract")(x)
        return nn.Dropout(self.dropout_rate)(x, deterministic=not is_training)


class Block(nn.Module):
    """A pre-norm block; stochastic depth drops a branch for an example (Huang et al. 2016)."""

    num_heads: int
    mlp_width: int
    dropout_rate: float
    drop_path_rate: float
    dtype: Any
    has_kernels: bool
    has_fused_attention: bool

    @nn.compact
    def __call__(self, x: Array, *, is_training: bool) -> Array:
        def drop_path(branch: Array) -> Array:
            drop = nn.Dropout(self.drop_path_rate, broadcast_dims=(1, 2))
            return drop(branch, deterministic=not is_training)

        norm = {"epsilon": LAYER_NORM_EPSILON, "dtype": self.dtype}
        rate, dtype, has_kernels = self.dropout_rate, self.dtype, self.has_kernels
        attention = Attention(
            self.num_heads, rate, dtype, has_kernels, self.has_fused_attention, name="attention"
        )
        mlp = Mlp(self.mlp_width, rate, dtype, has_kernels, name="mlp")
        y = nn.LayerNorm(name="attention_norm", **norm)(x)
        x = x + drop_path(attention(y, is_training=is_training))
        y = nn.LayerNorm(name="mlp_norm", **norm)(x)
        return x + drop_path(mlp(y, is_training=is_training))


class ViT(nn.Module):
    """Maps images [batch, image_size, image_size, channels] to logits [batch, num_classes].

    A learned class token is read out after the last norm; positions are learned and start as
    normal(0.02). The patch embedding starts Lecun-normal, the class token and the head at zero
    (Dosovitskiy et al. 2021). `drop_path_rate` is the last block's; it grows linearly from zero.
    `stem` is "patch" or "conv", a ConvStem in place of the patch embedding. `has_kernels` computes
    layers as training does, by `models.kernels`, and with `has_fused_attention` attention by cuDNN.
    """

    image_size: int = 32
    patch_size: int = 4
    width: int = 192
    depth: int = 12
    num_heads: int = 3
    mlp_width: int = 768
    num_classes: int = 10
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.0
    stem: str = "patch"
    dtype: Any = jnp.float32
    has_kernels: bool = False
    has_fused_attention: bool = False

    @nn.compact
    def __call__(self, images: Array, *, is_training: bool = False) -> Array:
        batch = images.shape[0]
        x = self._embed(images.astype(self.dtype), is_training).reshape(batch, -1, self.width)
        cls = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
        x = jnp.concatenate([jnp.broadcast_to(cls, (batch, 1, self.width)), x], axis=1)
        shape = (1, self.num_tokens, self.width)
        x = x + self.param("positions", nn.initializers.normal(0.02), shape)
        x = nn.Dropout(self.dropout_rate)(x.astype(self.dtype), deterministic=not is_training)
        # Traced once for all blocks of one drop_path_rate: tracing and lowering take a third less.
        block = nn.jit(Block, static_argnames=("is_training",))
        for i in range(self.depth):
            x = block(
                self.num_heads,
                self.mlp_width,
                self.dropout_rate,
                layers.drop_path_rate(self.drop_path_rate, i, self.depth),
                self.dtype,
                self.has_kernels,
                self.has_fused_attention,
                name=f"block_{i}",
            )(x, is_training=is_training)
        x = nn.LayerNorm(epsilon=LAYER_NORM_EPSILON, dtype=self.dtype, name="norm")(x[:, 0])
        x = x.astype(jnp.float32)
        # Kept for who asks for it, as models.features does; else no work.
        self.sow("intermediates", "features", x)
        return nn.Dense(self.num_classes, kernel_init=nn.initializers.zeros, name="head")(x)

    def _embed(self, images: Array, is_training: bool) -> Array:
        if self.stem == "conv":
            convolutions = ConvStem(
                self.width, self.patch_size, self.dtype, self.has_kernels, name="stem"
            )
            return convolutions(images, is_training=is_training)
        patch = (self.patch_size, self.patch_size)
        return nn.Conv(
            self.width, patch, patch, padding="VALID", dtype=self.dtype, name="patch_embedding"
        )(images)

    @property
    def num_tokens(self) -> int:
        """Patches of one image, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1

    @nn.nowrap
    def validate(self) -> None:
        """Raises CommandError for an unknown stem, and for sizes that do not fit together."""
        if self.stem not in STEMS:
            raise CommandError(f"model.stem={self.stem!r} is unknown; there are {', '.join(STEMS)}")
        sizes = _CONV_STEM_PATCHES
        if self.stem == "conv" and self.patch_size not in sizes:
            raise CommandError(
                f"model.patch_size={self.patch_size} must be one of "
                f"{', '.join(map(str, sizes))} with model.stem='conv', which halves the image"
            )
        if self.image_size % self.patch_size:
            raise CommandError(
                f"model.patch_size={self.patch_size} does not divide "
                f"model.image_size={self.image_size}: {self._fitting_sizes()}"
            )
        if self.width % self.num_heads:
            raise CommandError(
                f"model.num_heads={self.num_heads} does not divide model.width={self.width}"
            )

    @nn.nowrap
    def _fitting_sizes(self) -> str:
        """Says which patches and images next in size would fit."""
        size, patch = self.image_size, self.patch_size
        patches = (
            range(1, min(size, _MAX_PATCH) + 1) if self.stem == "patch" else _CONV_STEM_PATCHES
        )
        divisors = [p for p in patches if size % p == 0]
        near = min(divisors, key=lambda p: abs(p - patch))
        images = [n for n in (size // patch * patch, -(-size // patch) * patch) if n]
        sides = " or ".join(f"--config.model.image_size={n}" for n in images)
        return f"--config.model.patch_size={near} would fit, or {sides}"

    @nn.nowrap
    def multiply_adds(self, num_channels: int) -> dict[str, int]:
        """Multiply-adds of one image's forward pass by component, without norms and activations."""
        tokens, width, depth = self.num_tokens, self.width, self.depth
        embedding = {"patch_embedding": (tokens - 1) * self.patch_size**2 * num_channels * width}
        if self.stem == "conv":
            sides = {"patch_size": self.patch_size, "image_size": self.image_size}
            embedding = {"stem": stem.multiply_adds(width, num_channels=num_channels, **sides)}
        return {
            **embedding,
            "blocks.qkv": depth * tokens * width * 3 * width,
            "blocks.attention_scores": depth * tokens * tokens * width,
            "blocks.attention_values": depth * tokens * tokens * width,
            "blocks.projection": depth * tokens * width * width,
            "blocks.mlp": depth * tokens * 2 * width * self.mlp_width,
            "head": width * self.num_classes,
        }
