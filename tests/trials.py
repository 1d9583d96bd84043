"""A small model with a fresh state and its step, for tests of training."""

import functools
from typing import Any

import jax
import numpy as np
import optax

from jaxcmp import models, settings
from jaxcmp.augment import Augment
from jaxcmp.optim import make_optimizer
from jaxcmp.settings.augmentation import NO_AUGMENTATION
from jaxcmp.step import TrainStep

VIT = models.ViT(image_size=8, width=8, depth=1, num_heads=2, mlp_width=8, num_classes=4)
RESNET = models.ResNet(image_size=8, stage_widths=(4,), stage_depths=(1,), num_classes=4)
MEAN, STD = np.array([0.5], np.float32), np.array([0.25], np.float32)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
LABELS = RNG.integers(0, 4, 64, dtype=np.int32)
INDICES = np.arange(16, dtype=np.int32)
PLAIN: dict[str, Any] = NO_AUGMENTATION | {"mixing_epochs": 0}
MIXED = PLAIN | {"crop_padding": 1, "mixup_alpha": 1.0, "mix_rate": 1.0}


def options(**changes: Any) -> settings.Augment:
    """The settings of an augmentation: all of it is off but for these."""
    return settings.Augment(**PLAIN | changes)


class Trial:
    """A model with a fresh state and its compiled step."""

    def __init__(self, model: Any = VIT, augment=PLAIN, *, momentum=0.9, **options):
        optimizer = make_optimizer(
            "sgd", clip_norm=0.0, layer_decay=1.0, momentum=momentum, weight_decay=0.0
        )
        self.model = model
        self.schedule = optax.linear_schedule(0.1, 0.0, 100)
        self.augment = Augment(4, MEAN, STD, settings.Augment(**augment))
        fields: dict[str, Any] = {"mixing_steps": 100, "steps_per_epoch": 4}
        self.train_step = TrainStep(
            model, optimizer, self.schedule, self.augment, **(fields | options)
        )
        self.init = functools.partial(self.train_step.init, num_channels=1)
        self.step = jax.jit(self.step_by_indices)
        self.state = jax.jit(self.init)(jax.random.key(1))

    def step_by_indices(self, state, images, labels, indices, key):
        return self.train_step(state, images[indices], labels[indices], key)

    def run(self, num_steps, state=None, seed=2, indices=INDICES):
        state = self.state if state is None else state
        history = []
        for _ in range(num_steps):
            state, metrics = self.step(state, IMAGES, LABELS, indices, jax.random.key(seed))
            history.append({name: float(value) for name, value in metrics.items()})
        return state, history


def assert_same(left, right, atol=0.0):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
