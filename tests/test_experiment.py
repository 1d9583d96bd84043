"""What a configuration stands for."""

import importlib

import numpy as np
import pytest

from jaxcmp import devices, experiment
from jaxcmp.errors import CommandError


def config_of(arm, **overrides):
    config = importlib.import_module(f"configs.{arm}").get_config("digits")
    small = {
        "vit": {"model.width": 16, "model.depth": 1, "model.num_heads": 2, "model.mlp_width": 16},
        "resnet": {"model.stage_widths": (4,), "model.stage_depths": (1,)},
    }[arm]
    config.update_from_flattened_dict(small | overrides)
    return config


@pytest.fixture(scope="module", params=["vit", "resnet"])
def program(request):
    config = config_of(request.param)
    mesh = devices.make_mesh()
    return experiment.compile_program(experiment.prepare(config), mesh, config)


def test_steps_go_on_from_a_fresh_state(program):
    state = program.init()
    for step in range(1, 4):
        state, metrics = program.train_step(state, step)
        assert np.isfinite(float(metrics["loss"]))
    assert int(state.step) == 3


def test_every_test_image_has_its_logits(program):
    logits = program.evaluate(program.init(), "test")
    assert logits.shape == (359, 10)
    assert len(np.unique(logits, axis=0)) > 300 or not logits.any()


def test_the_cost_of_compiling_is_known(program):
    assert program.compile_seconds["train_step"] > 0
    assert program.temporary_bytes is None or program.temporary_bytes > 0


def test_a_run_does_not_depend_on_what_was_run_before(program):
    losses = []
    for _ in range(2):
        state = program.init()
        for step in range(1, 3):
            state, metrics = program.train_step(state, step)
        losses.append(float(metrics["loss"]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"data.train_fraction": 0.01}, "larger than the"),
        ({"model.num_classes": 3}, "has 10 classes and the model 3"),
        ({"accumulation": 3}, "not divisible by 8 devices x accumulation 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(overrides, message):
    with pytest.raises(CommandError, match=message):
        experiment.prepare(config_of("resnet", **overrides))
