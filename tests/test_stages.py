"""The parts of a step: each prefix does what the step does up to there, and no more."""

import jax
import numpy as np
import pytest
from bench_configs import config_of

from jaxcmp import devices
from jaxcmp.bench import workload
from jaxcmp.bench.stages import STAGES, make_prefixes, stage_shares
from jaxcmp.bench.timing import Samples
from jaxcmp.experiment import prepare


@pytest.fixture(scope="module", params=["vit", "resnet"])
def made(request):
    config = config_of(request.param)
    experiment = prepare(config, workload.synthetic(config))
    return experiment, make_prefixes(experiment, devices.make_mesh(), batch_size=16)


def test_every_stage_but_the_update_has_a_program(made):
    assert (*made[1], "update") == STAGES


def test_the_first_stages_give_the_batch_and_its_augmentation(made):
    experiment, prefixes = made
    images, labels = prefixes["gather"]()
    train = experiment.dataset.train
    np.testing.assert_array_equal(images, train.images[:16])
    np.testing.assert_array_equal(labels, train.labels[:16])
    augmented, targets = prefixes["augmentation"]()
    assert augmented.shape == images.shape and augmented.dtype == np.float32
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, rtol=1e-5)


def test_loss_and_gradient_are_those_of_the_whole_step(made):
    experiment, prefixes = made
    train = experiment.dataset.train
    init_key, train_key = jax.random.split(jax.random.key(0))
    state = jax.jit(experiment.init)(init_key)
    indices = np.arange(16, dtype=np.int32)
    _, metrics = jax.jit(experiment.train_step)(
        state, train.images, train.labels, indices, train_key
    )
    assert float(prefixes["forward"]()) == pytest.approx(float(metrics["loss"]), rel=1e-5)
    norm = float(metrics["gradient_norm"])
    assert float(prefixes["backward"]()) == pytest.approx(norm, rel=1e-4)


def test_each_prefix_does_more_than_the_one_before(made):
    flops = [prefix.func.cost_analysis().get("flops", 0) for prefix in made[1].values()]
    assert flops == sorted(flops) and len(set(flops)) == len(flops)
    # A backward pass is about two forward passes; the loss alone must not hold it.
    assert flops[3] - flops[2] > 1.2 * (flops[2] - flops[1])


def test_shares_are_differences_of_medians_and_sum_to_one():
    until = dict(zip(STAGES, (1.0, 3.0, 4.0, 8.0, 10.0), strict=True))
    stages = stage_shares({name: Samples((x, x, x), 1) for name, x in until.items()})
    assert [stages[name]["seconds"] for name in STAGES] == [1, 2, 1, 4, 2]
    assert [stages[name]["share"] for name in STAGES] == pytest.approx([0.1, 0.2, 0.1, 0.4, 0.2])
    assert stages["update"]["until_here"]["n"] == 3
