"""The same models in PyTorch, at its best: fused attention, images as channels-last.

Parts have our parts' sizes and order, so that our weights fit into theirs.
"""

# PyTorch is an extra that most installations lack.
# pyright: reportMissingImports=false

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth: drops a branch for an example (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.rate or not self.training:
            return x
        keep = 1 - self.rate
        shape = (len(x),) + (1,) * (x.ndim - 1)
        return x * torch.empty(shape, device=x.device, dtype=x.dtype).bernoulli_(keep).div_(keep)


class VitBlock(nn.Module):
    def __init__(
        self, width: int, num_heads: int, mlp_width: int, dropout_rate: float, drop_path: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, mlp_width)
        self.contract = nn.Linear(mlp_width, width)
        self.dropout, self.drop_path = nn.Dropout(dropout_rate), DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.attention_norm(x))
        qkv = qkv.reshape(batch, tokens, 3, self.num_heads, width // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        mixed = self.projection(mixed.transpose(1, 2).reshape(batch, tokens, width))
        x = x + self.drop_path(self.dropout(mixed))
        hidden = self.dropout(F.gelu(self.expand(self.mlp_norm(x))))
        return x + self.drop_path(self.dropout(self.contract(hidden)))


class ViT(nn.Module):
    """Maps images [batch, channels, image_size, image_size] to logits [batch, num_classes]."""

    def __init__(
        self,
        *,
        image_size: int,
        patch_size: int,
        width: int,
        depth: int,
        num_heads: int,
        mlp_width: int,
        num_classes: int,
        dropout_rate: float,
        drop_path_rate: float,
        num_channels: int,
    ) -> None:
        super().__init__()
        num_tokens = (image_size // patch_size) ** 2 + 1
        self.patch_embedding = nn.Conv2d(num_channels, width, patch_size, patch_size)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, num_tokens, width))
        self.dropout = nn.Dropout(dropout_rate)
        rates = [drop_path_rate * i / max(depth - 1, 1) for i in range(depth)]
        self.blocks = nn.Sequential(
            *(VitBlock(width, num_heads, mlp_width, dropout_rate, rate) for rate in rates)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embedding(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.positions
        x = self.blocks(self.dropout(x))
        return self.head(self.norm(x[:, 0]))


def conv(width_in: int, width: int, kernel_size: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(width_in, width, kernel_size, stride, kernel_size // 2, bias=False)


class BasicBlock(nn.Module):
    def __init__(self, width_in: int, width: int, stride: int, drop_path: float) -> None:
        super().__init__()
        self.conv_1, self.norm_1 = conv(width_in, width, 3, stride), nn.BatchNorm2d(width)
        self.conv_2, self.norm_2 = conv(width, width, 3, 1), nn.BatchNorm2d(width)
        self.drop_path = DropPath(drop_path)
        self.shortcut = None
        if stride != 1 or width_in != width:
            self.shortcut = nn.Sequential(conv(width_in, width, 1, stride), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm_1(self.conv_1(x)))
        y = self.drop_path(self.norm_2(self.conv_2(y)))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    """Maps images [batch, channels, image_size, image_size] to logits [batch, num_classes]."""

    def __init__(
        self,
        *,
        stage_widths: tuple[int, ...],
        stage_depths: tuple[int, ...],
        stem: str,
        num_classes: int,
        dropout_rate: float,
        drop_path_rate: float,
        num_channels: int,
    ) -> None:
        super().__init__()
        width_in, num_blocks = stage_widths[0], sum(stage_depths)
        size, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.stem = conv(num_channels, width_in, size, stride)
        self.norm = nn.BatchNorm2d(width_in)
        self.pool = nn.MaxPool2d(3, 2, 1) if stem == "imagenet" else nn.Identity()
        blocks: list[nn.Module] = []
        for i, (width, depth) in enumerate(zip(stage_widths, stage_depths, strict=True)):
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                rate = drop_path_rate * len(blocks) / max(num_blocks - 1, 1)
                blocks.append(BasicBlock(width_in, width, stride, rate))
                width_in = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout_rate)
        self.head = nn.Linear(width_in, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.blocks(self.pool(F.relu(self.norm(self.stem(images)))))
        return self.head(self.dropout(x.mean((2, 3))))


def build(fields: dict[str, Any], num_channels: int) -> nn.Module:
    """A model from the fields of a configuration's `model`; how weights start is left out."""
    fields = dict(fields)
    if fields.pop("name") == "vit":
        return ViT(**fields, num_channels=num_channels)
    for name in ("image_size", "zero_init_residual"):
        del fields[name]
    model = ResNet(**fields, num_channels=num_channels)
    # Its own type stubs leave this form out.
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
