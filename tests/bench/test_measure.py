"""Measurements of a configuration: its step, the step's parts, and our side of a comparison."""

import time

import jax
import numpy as np
import pytest
from bench_configs import small

from jaxcmp.bench import measure, timing
from jaxcmp.data.order import batch_indices
from jaxcmp.experiment import prepare
from jaxcmp.models import costs


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(measure, "MAX_IMAGES", 64)


def test_everything_is_measured_and_agrees_with_itself():
    settings = small("vit")
    measured = measure.measure(settings, rounds=3)
    step = measured["step_seconds"]
    assert step["n"] == 3 and step["min"] <= step["median"] <= step["p95"] <= step["max"]
    assert measured["images_per_second"] == pytest.approx(16 / step["median"])
    assert list(measured["stages"]) == list(measure.STAGES)
    total = sum(stage["share"] for stage in measured["stages"].values())
    assert total == pytest.approx(1)
    assert 0 < measured["input"]["share"] < 1
    assert measured["memory"]["host_bytes"] > measured["memory"]["step_temporary_bytes"] > 0
    multiply_adds = prepare(settings, measure.random_images(settings)).model.multiply_adds(1)
    flops = costs.training_flops(multiply_adds, 16) / step["median"]
    assert measured["model_flops_per_second"] == pytest.approx(flops)
    assert measured["evaluation"]["seconds"]["n"] == 3


def test_training_goes_on_with_each_call():
    settings = small("vit", steps_per_dispatch=2)
    experiment = prepare(settings, measure.random_images(settings))
    training = measure.Training(measure.compiled_runner(experiment))
    assert int(training.dispatch()[0].step) == 2
    assert int(training.step()[0].step) == 3
    assert training.evaluate().shape == (16, 10)
    assert int(training.dispatch()[0].step) == 5


def test_a_dispatch_of_several_steps_is_given_per_step():
    speed = measure.training_speed([2.0, 4.0, 3.0], num_steps=4, batch_size=8)
    assert speed["steps_per_dispatch"] == 4
    assert speed["step_seconds"]["median"] == 0.75
    assert speed["images_per_second"] == pytest.approx(8 / 0.75)


def test_a_sample_waits_for_the_last_of_its_calls():
    calls = []
    seconds = measure.timed(lambda: calls.append(time.sleep(0.01)))(3)
    assert len(calls) == 3 and 0.01 <= seconds


def test_random_images_have_the_sizes_that_the_configuration_asks_for():
    settings = small("vit", **{"model.image_size": 12, "data.name": "cifar10"})
    dataset = measure.random_images(settings)
    assert dataset.train.images.shape == (64, 12, 12, 3)
    assert dataset.test.images.shape == (16, 12, 12, 3)
    assert isinstance(dataset.train.images, np.ndarray)
    assert dataset.train.images.dtype == np.uint8
    assert set(dataset.train.labels) == set(range(10))


def test_large_images_are_fewer_but_never_less_than_a_batch(monkeypatch):
    monkeypatch.setattr(measure, "MAX_BYTES", 20 * 64)
    assert len(measure.random_images(small("vit")).train.labels) == 20
    assert len(measure.random_images(small("vit", batch_size=64)).train.labels) == 64


@pytest.fixture(scope="module", params=["vit", "resnet"])
def made(request):
    settings = small(request.param)
    experiment = prepare(settings, measure.random_images(settings))
    return experiment, measure.stage_programs(experiment, measure.compiled_runner(experiment))


def first_rows(train):
    return batch_indices(0, 1, num_examples=len(train.labels), batch_size=16)


def test_the_first_stages_give_the_batch_and_its_augmentation(made):
    experiment, programs = made
    images, labels = programs["gather"]()
    train = experiment.dataset.train
    rows = first_rows(train)
    np.testing.assert_array_equal(images, train.images[rows])
    np.testing.assert_array_equal(labels, train.labels[rows])
    augmented, targets = programs["augmentation"]()
    assert augmented.shape == images.shape and augmented.dtype == np.float32
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, rtol=1e-5)


def test_loss_and_gradient_are_those_of_the_whole_step(made):
    experiment, programs = made
    train = experiment.dataset.train
    init_key, _ = jax.random.split(jax.random.key(0))
    state, rows = jax.jit(experiment.init)(init_key), first_rows(train)
    _, metrics = jax.jit(experiment.step)(
        state, train.images[rows], train.labels[rows], jax.random.key(0)
    )
    assert float(programs["forward"]()) == pytest.approx(float(metrics["loss"]), rel=1e-5)
    norm = float(metrics["gradient_norm"])
    assert float(programs["backward"]()) == pytest.approx(norm, rel=1e-4)


def test_each_stage_does_more_than_the_one_before(made):
    assert (*made[1], "update") == measure.STAGES
    flops = [program.func.cost_analysis().get("flops", 0) for program in made[1].values()]
    assert flops == sorted(flops) and len(set(flops)) == len(flops)
    # A backward pass is about two forward passes; the loss alone must not hold it.
    assert flops[3] - flops[2] > 1.2 * (flops[2] - flops[1])


def test_shares_are_differences_of_medians_and_sum_to_one():
    until = dict(zip(measure.STAGES, (1.0, 3.0, 4.0, 8.0, 10.0), strict=True))
    stages = measure.stage_shares({name: [x, x, x] for name, x in until.items()})
    assert [stage["seconds"] for stage in stages.values()] == [1, 2, 1, 4, 2]
    assert [stage["share"] for stage in stages.values()] == pytest.approx([0.1, 0.2, 0.1, 0.4, 0.2])
    assert stages["update"]["until_here"]["n"] == 3


@pytest.mark.parametrize("part", ["training", "evaluation", "augmentation"])
def test_our_side_of_a_comparison_says_on_what_it_works(part):
    settings = small("vit", eval_batch_size=10)
    timed, description = measure.side_of_comparison(part, settings)
    assert timed(2) > 0
    assert description["device"] == "cpu"
    assert description["num_images"] == (10 if part == "evaluation" else 16)
    assert ("parameters" in description) is (part != "augmentation")
