"""The speed of a configuration: what is measured, and that training really goes on."""

import jax
import pytest
from bench_configs import config_of

from jaxcmp import costs, devices
from jaxcmp.bench import matmul, speed, timing, workload
from jaxcmp.bench.timing import Samples
from jaxcmp.experiment import compile_program, prepare


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(workload, "MAX_IMAGES", 64)
    monkeypatch.setattr(matmul, "CPU_SIZES", (32,))


def test_everything_is_measured_and_agrees_with_itself():
    config = config_of("vit")
    measured = speed.measure(config, rounds=3)
    step = measured["step_seconds"]
    assert step["n"] == 3 and step["min"] <= step["median"] <= step["p95"] <= step["max"]
    assert measured["images_per_second"] == pytest.approx(16 / step["median"])
    total = sum(stage["share"] for stage in measured["stages"].values())
    assert total == pytest.approx(1)
    assert 0 < measured["input"]["share"] < 1
    assert measured["memory"]["host_bytes"] > measured["memory"]["step_temporary_bytes"] > 0
    multiply_adds = sum(prepare(config, workload.synthetic(config)).model.multiply_adds(1).values())
    flops = costs.training_flops(multiply_adds, 16) / step["median"]
    assert measured["model_flops_per_second"] == pytest.approx(flops)
    share = flops / measured["matmul"]["flops_per_second"]
    assert measured["model_flops_utilisation"] == pytest.approx(share)
    assert measured["evaluation"]["seconds"]["n"] == 3


def test_training_goes_on_with_each_call():
    config = config_of("vit", steps_per_dispatch=2)
    experiment = prepare(config, workload.synthetic(config))
    training = speed.Training(compile_program(experiment, devices.make_mesh(), config))
    assert int(training.dispatch()[0].step) == 2
    assert int(training.step()[0].step) == 3
    assert training.evaluate().shape == (16, 10)
    assert int(training.dispatch()[0].step) == 5


def test_a_dispatch_of_several_steps_is_told_per_step():
    told = speed.training_speed(Samples((2.0, 4.0, 3.0), 1), num_steps=4, batch_size=8)
    assert told["steps_per_dispatch"] == 4
    assert told["step_seconds"]["median"] == 0.75
    assert told["images_per_second"] == pytest.approx(8 / 0.75)


def test_the_input_path_hands_out_one_batch_after_the_other():
    config = config_of("vit")
    experiment = prepare(config, workload.synthetic(config))
    next_batch = speed.input_path(experiment, devices.make_mesh(), config)
    epoch = [int(index) for _ in range(4) for index in next_batch()]
    assert sorted(epoch) == list(range(64))
    assert len(next_batch().sharding.device_set) == jax.device_count()
