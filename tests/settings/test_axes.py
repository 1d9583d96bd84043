"""The axes of a grid: any setting in which runs of one study may differ, with checked values."""

import pytest

from configs import study
from jaxcmp.errors import CommandError
from jaxcmp.settings import Role, configuration
from jaxcmp.settings.axes import why_no_axis
from jaxcmp.settings.grid import Grid
from jaxcmp.settings.keys import KEYS, keys

RATE = "grids.seeds.axes.schedule.peak_learning_rate"


def given(**overrides):
    """The study with these overrides, as typed; a dot in a key is a double underscore."""
    config = study.get_config("digits")
    words = {key.replace("__", "."): text for key, text in overrides.items()}
    assert not configuration.override(config, words)
    configuration.check(config)
    return config.grids.seeds.axes.to_dict()


def test_every_setting_is_an_axis_or_says_why_it_is_none():
    axes = {name.removeprefix("axes.") for name in keys(Grid) if name.startswith("axes.")}
    for name, key in KEYS.items():
        assert (name in axes) == (not why_no_axis(name))
        is_of_all = key.role in (Role.NAME, Role.SEED, Role.DATA, Role.SIZE, Role.SCALE, Role.FREE)
        assert (name not in axes) == (is_of_all or name in ("model.name", "optimizer.name"))


def test_values_typed_on_the_command_line_are_of_the_settings_type():
    assert given(grids__seeds__axes__schedule__peak_learning_rate="0.001,5e-4") == {
        "schedule": {"peak_learning_rate": (0.001, 0.0005)}
    }
    assert given(grids__seeds__axes__augment__flip="True,False") == {
        "augment": {"flip": (True, False)}
    }
    assert given(grids__seeds__axes__num_epochs="(5, 10)") == {"num_epochs": (5, 10)}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("schedule.peak_learning_rate", "0.001,fast", "has 'fast': it takes numbers, above 0"),
        ("schedule.peak_learning_rate", "0.001,0", "has 0.0: it takes numbers, above 0"),
        ("schedule.peak_learning_rate", "inf", "has inf: it takes numbers, above 0 and finite"),
        ("augment.mix_rate", "0.5,1.5", "has 1.5: it takes numbers, at least 0 and at most 1"),
        ("model.depth", "2.5", "has '2.5': it takes whole numbers, at least 1 and at most 10000"),
        ("schedule.peak_rate", "1", "did you mean 'grids.seeds.axes.schedule.peak_learning_rate'"),
        ("seed", "0,1", "cannot be an axis: the seeds of a grid are a setting of its own"),
        ("data.train_fraction", "0.5,1", "cannot be an axis: all runs of a study have the same"),
        ("data.name", "digits,cifar10", "cannot be an axis: all runs of a study have the same"),
        ("log.every_steps", "1,2", "cannot be an axis: it changes no result"),
        ("arm", "a,b", "cannot be an axis: it is a name"),
        ("model.name", "vit,resnet", "cannot be an axis: an arm has one model"),
    ],
)
def test_an_axis_that_cannot_be_is_refused_by_its_key_as_typed(key, text, message):
    with pytest.raises(CommandError, match="^[^\n]*$") as caught:
        given(**{f"grids__seeds__axes__{key.replace('.', '__')}": text})
    assert message in str(caught.value)
    assert f"grids.seeds.axes.{key}" in str(caught.value) or "did you mean" in message


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"seed": (0, 1)}, "--config.grids.seeds.axes.seed cannot be an axis"),
        ({"data.name": ("digits",)}, "--config.grids.seeds.axes.data cannot be an axis"),
        ({"schedule.peak_learning_rate": 1e-3}, f"--config.{RATE} has 0.001: it takes numbers"),
        ({"schedule.peak": (1e-3,)}, "key 'grids.seeds.axes.schedule.peak' is unknown"),
    ],
)
def test_an_axis_of_a_file_is_checked_alike(axes, message):
    config = study.get_config("digits")
    config.grids.seeds = study.grid(seeds=1, axes=axes)
    with pytest.raises(CommandError, match="^[^\n]*$") as caught:
        configuration.check(config)
    assert message in str(caught.value)
