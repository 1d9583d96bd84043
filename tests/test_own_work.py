"""Our side of a comparison: the real step on a batch that is given, and the real augmentation."""

import jax
import numpy as np
import pytest
from bench_configs import config_of

from jaxcmp.bench import workload
from jaxcmp.bench.own_work import make_work


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setattr(workload, "MAX_IMAGES", 64)


def test_training_learns_its_batch():
    work = make_work("training", config_of("resnet"))
    losses = [float(work.call()[1]["loss"]) for _ in range(20)]
    assert losses[-1] < losses[0] - 0.05
    assert work.description["num_images"] == 16
    assert work.description["parameters"] > 0


def test_evaluation_gives_logits_and_pads_to_the_devices():
    work = make_work("evaluation", config_of("vit", eval_batch_size=10))
    assert work.call().shape == (16, 10)
    # Another size on either side would be another amount of work.
    assert work.description["num_images"] == jax.device_count() * 2


def test_augmentation_draws_anew_with_each_call():
    work = make_work("augmentation", config_of("vit"))
    (images, targets), (others, _) = work.call(), work.call()
    assert images.shape == (16, 8, 8, 1) and targets.shape == (16, 10)
    assert not np.array_equal(images, others)
