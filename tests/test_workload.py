"""What the benchmark works on: images of the configuration's sizes, the same every time."""

import numpy as np
import pytest
from bench_configs import config_of

from jaxcmp.bench import workload
from jaxcmp.bench.workload import made_batch, raw_batch, synthetic
from jaxcmp.experiment import prepare


def test_synthetic_images_have_the_sizes_that_the_configuration_asks_for(monkeypatch):
    monkeypatch.setattr(workload, "MAX_IMAGES", 100)
    config = config_of("vit", **{"model.image_size": 12, "data.name": "cifar10"})
    dataset = synthetic(config)
    assert dataset.train.images.shape == (100, 12, 12, 3)
    assert dataset.test.images.shape == (16, 12, 12, 3)
    assert isinstance(dataset.train.images, np.ndarray)
    assert dataset.train.images.dtype == np.uint8
    assert set(dataset.train.labels) == set(range(10))
    assert prepare(config, dataset).dataset is dataset


def test_large_images_are_fewer_but_never_less_than_a_batch(monkeypatch):
    monkeypatch.setattr(workload, "MAX_BYTES", 20 * 64)
    assert len(synthetic(config_of("vit")).train.labels) == 20
    assert len(synthetic(config_of("vit", batch_size=64)).train.labels) == 64


@pytest.mark.parametrize("make", [raw_batch, lambda config: made_batch(config, 16)])
def test_both_sides_of_a_comparison_are_given_the_same_batch(make):
    images, targets = make(config_of("vit"))
    again, targets_again = make(config_of("vit"))
    assert images.shape == (16, 8, 8, 1)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(targets, targets_again)


def test_targets_are_shares_that_sum_to_one():
    _, targets = made_batch(config_of("vit"), 16)
    assert targets.shape == (16, 10)
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
