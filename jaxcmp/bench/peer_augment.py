"""The same augmentation with torchvision, used as its makers do: transforms image by image."""

# PyTorch is an extra that most installations lack.
# pyright: reportMissingImports=false

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jaxcmp.bench.workload import MEAN, STD

try:
    from torchvision.transforms import v2
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    # A torchvision built for CUDA beside a torch without: its compiled part does not load, and then
    # declarations fail that refer to it, of the second from 0.28 on. Nothing used here needs them.
    LIBRARY = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.transforms import v2

Batch = tuple[Tensor, Tensor]


def make_augment(
    *,
    image_size: int,
    num_channels: int,
    num_classes: int,
    crop_padding: int,
    flip: bool,
    trivial_augment: bool,
    erase_rate: float,
    mixup_alpha: float,
    cutmix_alpha: float,
    mix_rate: float,
    cutmix_rate: float,
    as_pillow: bool,
) -> Callable[[np.ndarray, np.ndarray], Batch]:
    """Binds (images uint8 [B, H, W, C], labels int [B]) -> (images, targets), both float32.

    Each image is changed as a Pillow image or, otherwise, as a tensor; which is faster depends on
    its size. Options are those of jaxcmp.augment.make_augment.
    """
    steps: list[Any] = []
    if crop_padding:
        steps.append(v2.RandomCrop(image_size, padding=crop_padding))
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if trivial_augment:
        steps.append(v2.TrivialAugmentWide())
    if as_pillow:
        steps.append(v2.ToImage())
    steps.append(v2.ToDtype(torch.float32, scale=True))
    steps.append(v2.Normalize([MEAN] * num_channels, [STD] * num_channels))
    if erase_rate:
        steps.append(v2.RandomErasing(erase_rate))
    transform = v2.Compose(steps)
    mix = mixing(num_classes, mixup_alpha, cutmix_alpha, cutmix_rate) if mix_rate else None

    def prepare(image: np.ndarray) -> Any:
        if as_pillow:
            return Image.fromarray(image[:, :, 0] if num_channels == 1 else image)
        return torch.from_numpy(image).permute(2, 0, 1)

    def augment(images: np.ndarray, labels: np.ndarray) -> Batch:
        batch = torch.stack([transform(prepare(image)) for image in images])
        classes = torch.from_numpy(labels).long()
        if mix is not None and torch.rand(()) < mix_rate:
            return mix(batch, classes)
        return batch, torch.nn.functional.one_hot(classes, num_classes).float()

    return augment


def mixing(
    num_classes: int, mixup_alpha: float, cutmix_alpha: float, cutmix_rate: float
) -> Callable[[Tensor, Tensor], Batch]:
    """MixUp or CutMix of a whole batch, the latter at `cutmix_rate`."""
    choices, rates = [], []
    if cutmix_rate < 1:
        choices.append(v2.MixUp(alpha=mixup_alpha, num_classes=num_classes))
        rates.append(1 - cutmix_rate)
    if cutmix_rate > 0:
        choices.append(v2.CutMix(alpha=cutmix_alpha, num_classes=num_classes))
        rates.append(cutmix_rate)
    return v2.RandomChoice(choices, p=rates)
