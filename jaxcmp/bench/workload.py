"""What is worked on: random images of a configuration's sizes, so that no data need be there."""

from typing import Any

import numpy as np

from jaxcmp.data import Dataset, Split

# A ConfigDict, whose keys type checkers do not know.
Config = Any

# CIFAR-10 has as many images, and at 32x32 pixels they take 154 MB.
MAX_IMAGES = 50_000
MAX_BYTES = 256 * 2**20
MEAN, STD = 0.5, 0.25


def image_shape(config: Config) -> tuple[int, int, int]:
    """Height, width and channels. The digits are grey; other images are taken to be in colour."""
    size = config.model.image_size
    return size, size, 1 if config.data.name == "digits" else 3


def synthetic(config: Config) -> Dataset:
    """Random images in place of the data set: as many for training as CIFAR-10 has, if they fit.

    The test split is one evaluation batch.
    """
    shape, num_classes = image_shape(config), config.model.num_classes
    # A wrong size is for `prepare` to refuse, which needs a data set to do so.
    num_train = min(MAX_IMAGES, MAX_BYTES // max(1, int(np.prod(shape))))
    num_train = max(num_train, config.batch_size, 1)
    rng = np.random.default_rng(0)

    def split(num: int) -> Split:
        images = rng.integers(0, 256, (num, *shape), dtype=np.uint8)
        labels = rng.integers(0, num_classes, num, dtype=np.int32)
        return Split(images, labels, np.arange(num))

    return Dataset(
        name="synthetic",
        version="1",
        class_names=tuple(map(str, range(num_classes))),
        train=split(num_train),
        validation=None,
        test=split(max(1, config.eval_batch_size)),
        mean=np.full(shape[-1], MEAN, np.float32),
        std=np.full(shape[-1], STD, np.float32),
    )


def raw_batch(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [batch, height, width, channels] and labels int32 [batch], always the same."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (config.batch_size, *image_shape(config)), dtype=np.uint8)
    labels = rng.integers(0, config.model.num_classes, config.batch_size, dtype=np.int32)
    return images, labels


def made_batch(config: Config, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Normalised images float32 [size, height, width, channels] and targets [size, classes]."""
    rng = np.random.default_rng(2)
    images = rng.standard_normal((size, *image_shape(config)), dtype=np.float32)
    targets = rng.dirichlet(np.ones(config.model.num_classes), size).astype(np.float32)
    return images, targets
