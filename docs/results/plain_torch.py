"""Trains the ResNet of a finished run once more, in plain PyTorch: a check of jaxcmp's training.

python -m docs.results.plain_torch docs/results/cpu/resnet/seed-0 --data=data > small-seed-0.jsonl

Model, schedule, optimizer, crops and flips are written here anew, with PyTorch's own modules; only
the settings and the images come from jaxcmp. Computes in float32, whatever the run computed in, and
draws other random numbers. Writes a line of JSON for the run, and one for each epoch. Needs the
extra `bench`.
"""

import argparse
import json
import math
import sys
import time

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from configs import resnet as recipe
from jaxcmp import data, runs
from jaxcmp.errors import JaxcmpError
from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import settings_of

# What makes a recipe here, all but the model's sizes: as in configs/resnet.py.
FIXED = ("optimizer", "schedule", "augment", "init")
FIXED += ("label_smoothing", "average_decay", "accumulation", "frozen_trunk")
SIZES = ("stage_widths", "stage_depths", "image_size", "num_classes")


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm_1 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm_2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride > 1 or before != width:
            self.shortcut.append(nn.Conv2d(before, width, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm_1(self.conv_1(x)))
        return functional.relu(self.norm_2(self.conv_2(y)) + self.shortcut(x))


def build(settings: Settings, *, num_channels: int, num_classes: int) -> nn.Module:
    """Returns a ResNet with a stem of 3x3, its convolutions drawn as torchvision draws them."""
    shape = settings.to_dict()["model"]
    width = shape["stage_widths"][0]
    layers = [nn.Conv2d(num_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    stages = zip(shape["stage_widths"], shape["stage_depths"], strict=True)
    for stage, (wanted, depth) in enumerate(stages):
        for position in range(depth):
            layers.append(Block(width, wanted, 2 if stage and not position else 1))
            width = wanted
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes)]
    model = nn.Sequential(*layers)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model.to(memory_format=torch.channels_last)


def make_sgd(model: nn.Module, settings: Settings) -> torch.optim.SGD:
    chosen = settings.to_dict()["optimizer"]
    rate, momentum, decay = 0.0, chosen["momentum"], chosen["weight_decay"]
    return torch.optim.SGD(model.parameters(), rate, momentum, nesterov=True, weight_decay=decay)


def learning_rate(settings: Settings, step: int, num_steps: int) -> float:
    return settings.schedule.peak_learning_rate * (1 + math.cos(math.pi * step / num_steps)) / 2


def crop_and_flip(images: np.ndarray, padding: int, rng: np.random.Generator) -> np.ndarray:
    """Crops each image, uint8 [n, H, W, C], at a random place of the padded one; flips half."""
    num, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    places, flips = rng.integers(0, 2 * padding + 1, (num, 2)), rng.random(num) < 0.5
    cropped = np.empty_like(images)
    for i, ((top, left), flip) in enumerate(zip(places, flips, strict=True)):
        crop = padded[i, top : top + height, left : left + width]
        cropped[i] = crop[:, ::-1] if flip else crop
    return cropped


def as_tensor(images: np.ndarray, dataset: data.Dataset) -> torch.Tensor:
    """Normalises uint8 images [n, H, W, C]; returns them as [n, C, H, W]."""
    scaled = (images.astype(np.float32) / 255 - dataset.mean) / dataset.std
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)


def update(
    model: nn.Module, sgd: torch.optim.SGD, rate: float, images: torch.Tensor, labels: np.ndarray
) -> float:
    """Takes one step of training; returns the loss before it."""
    for group in sgd.param_groups:
        group["lr"] = rate
    loss = functional.cross_entropy(model(images), torch.from_numpy(labels.astype(np.int64)))
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    return loss.item()


@torch.no_grad()
def evaluate(model: nn.Module, dataset: data.Dataset, size: int) -> tuple[float, float]:
    """Returns loss and accuracy on the test images, in batches of `size`."""
    model.eval()
    num, hits, total = len(dataset.test.labels), 0, 0.0
    for start in range(0, num, size):
        rows = slice(start, start + size)
        labels = torch.from_numpy(dataset.test.labels[rows].astype(np.int64))
        logits = model(as_tensor(dataset.test.images[rows], dataset))
        total += functional.cross_entropy(logits, labels, reduction="sum").item()
        hits += int((logits.argmax(1) == labels).sum())
    return total / num, hits / num


def train(settings: Settings, dataset: data.Dataset, seed: int) -> None:
    """Trains for the epochs of the settings, and prints losses and test accuracy of each."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images, labels = dataset.train.images, dataset.train.labels
    num_classes = len(dataset.class_names)
    model = build(settings, num_channels=images.shape[-1], num_classes=num_classes)
    sgd, size = make_sgd(model, settings), settings.batch_size
    steps = len(labels) // size
    for epoch in range(settings.num_epochs):
        started, losses = time.perf_counter(), []
        order = rng.permutation(len(labels))
        model.train()
        for step in range(steps):
            rows = np.sort(order[step * size : (step + 1) * size])
            batch = crop_and_flip(images[rows], settings.augment.crop_padding, rng)
            rate = learning_rate(settings, epoch * steps + step, settings.num_epochs * steps)
            losses.append(update(model, sgd, rate, as_tensor(batch, dataset), labels[rows]))
        test_loss, test_accuracy = evaluate(model, dataset, settings.eval_batch_size)
        record = {"epoch": epoch + 1, "train_loss": sum(losses) / len(losses)}
        record |= {"test_loss": test_loss, "test_accuracy": test_accuracy}
        record |= {"seconds": time.perf_counter() - started}
        print(json.dumps(record), flush=True)


def check(settings: Settings) -> None:
    """Ends the program for a run with a recipe that is not the one of this file."""
    own, usual = settings.to_dict(), settings_of(recipe.get_config()).to_dict()
    for each in (own, usual):
        each["model"] = {k: v for k, v in each["model"].items() if k not in SIZES}
    other = [key for key in (*FIXED, "model") if own[key] != usual[key]]
    if other:
        sys.exit(
            f"this file knows the recipe of configs/resnet.py alone; other: {', '.join(other)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("run", help="folder of a finished run of configs/resnet.py")
    parser.add_argument("--data", required=True, help="data.dir of its images, on this machine")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    try:
        settings = settings_of(runs.read_run(given.run).config)
        check(settings)
        options = msgspec.structs.replace(settings.data, dir=given.data)
        dataset = data.load(options, free_bytes=2**40, seed=settings.seed)
    except JaxcmpError as error:
        sys.exit(str(error))
    words = {"run": given.run, "seed": given.seed, "torch": torch.__version__}
    print(json.dumps(words | {"threads": torch.get_num_threads()}), flush=True)
    train(settings, dataset, given.seed)


if __name__ == "__main__":
    main()
