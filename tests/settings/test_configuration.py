"""Conversion of a configuration to settings, and its errors."""

import importlib
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxcmp.errors import CommandError
from jaxcmp.settings import Role
from jaxcmp.settings.configuration import check, override, settings_of
from jaxcmp.settings.keys import KEYS

NAN, INFINITY = float("nan"), float("inf")


def config_with(name=None, value=None, *, arm="vit", variant="digits"):
    """Returns a configuration as a dict, with one value changed."""
    config = importlib.import_module(f"configs.{arm}").get_config(variant).to_dict()
    if name is not None:
        section, last = section_of(config, name)
        section[last] = value
    return config


def section_of(config, name):
    *sections, last = name.split(".")
    for each in sections:
        config = config[each]
    return config, last


def refusal(config) -> str:
    with pytest.raises(CommandError) as error:
        check(config)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["schedule", "augment", "schedule.warmup_epochs"])
def test_a_shorter_run_of_a_file_that_lacks_a_key_is_left_to_the_check(name):
    plain = config_with()
    section, last = section_of(plain, name)
    del section[last]
    config = ConfigDict(plain)
    assert not any(name in line for line in override(config, {"num_epochs": "5"}))
    assert name in refusal(config)


@pytest.mark.parametrize("section", ["", "model.", "optimizer.", "augment.", "checkpoint."])
def test_an_unknown_key_is_refused_in_every_section(section):
    message = refusal(config_with(f"{section}zebra", 1))
    assert message.startswith(f"configuration key '{section}zebra' is unknown")


def test_a_key_that_resembles_none_points_to_the_list_of_all():
    assert refusal(config_with("zebra", 1)).endswith("'zebra' is unknown; --help lists all keys")


def test_a_section_given_as_a_key_is_named_with_one_of_its_keys():
    config = importlib.import_module("configs.vit").get_config()
    with pytest.raises(CommandError, match="--config.augment is a section: set a key of it"):
        list(override(config, {"augment": "3"}))


def without(name):
    """Returns a configuration that lacks a key of its model or optimizer."""
    config = config_with()
    section, last = section_of(config, name)
    if last not in section:
        config = config_with(arm="resnet")
        section, last = section_of(config, name)
    del section[last]
    return config


REQUIRED = [name for name, key in KEYS.items() if key.is_required]


@pytest.mark.parametrize("name", [*REQUIRED, "model", "augment", "data", "log"])
def test_a_missing_key_is_named(name):
    assert refusal(without(name)).startswith(f"configuration key {name!r} is missing")


@pytest.mark.parametrize("name", sorted(KEYS.keys() - set(REQUIRED)))
def test_a_key_that_does_nothing_at_its_default_may_be_missing(name):
    section, last = section_of(settings_of(without(name)).to_dict(), name)
    assert section[last] == KEYS[name].default or name == "recipe"


def numbers():
    return [name for name, key in KEYS.items() if key.type in (int, float)]


@pytest.mark.parametrize("name", numbers())
@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY, -1, True, "1", None, (1,)])
def test_a_number_out_of_range_is_refused(name, value):
    is_resnets = name in ("optimizer.momentum",)
    message = refusal(config_with(name, value, arm="resnet" if is_resnets else "vit"))
    assert message.startswith(f"--config.{name}=")
    assert " must be " in message


@pytest.mark.parametrize("name", [name for name in numbers() if KEYS[name].type is int])
def test_a_fraction_is_not_a_whole_number(name):
    assert f"--config.{name}=1.5 must be a whole number" in refusal(config_with(name, 1.5))


@pytest.mark.parametrize("name", [name for name in numbers() if KEYS[name].type is float])
def test_a_whole_number_is_accepted_for_a_float(name):
    value = 0 if KEYS[name].meta.ge == 0 else 1
    arm = "resnet" if name == "optimizer.momentum" else "vit"
    config = config_with(name, value, arm=arm)
    config["augment"] |= {"mix_rate": 0.0} if name.startswith("augment.") else {}
    section, last = section_of(settings_of(config).to_dict(), name)
    assert type(section[last]) is float and section[last] == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("augment.erase_rate", 2.0, "--config.augment.erase_rate=2.0 must be at least 0 and at m"),
        ("label_smoothing", 1, "--config.label_smoothing=1 must be at least 0 and below 1"),
        ("optimizer.weight_decay", INFINITY, "=inf must be at least 0 and finite"),
        ("augment.flip", "yes", "--config.augment.flip='yes' must be True or False"),
        ("optimizer.name", "lion", "--config.optimizer.name='lion' must be one of adamw, sgd"),
        ("model.name", ["vit"], "must be one of vit, resnet"),
        ("augment", 3, "--config.augment=3 must be a section with keys of its own"),
        ("data.classes", 3, "--config.data.classes has 3: it takes whole numbers, at least 0"),
        ("data.mean", (0.5, NAN), "--config.data.mean has nan: it takes numbers, at least 0"),
        ("data.std", (0.0,), "--config.data.std has 0.0: it takes numbers, above 0"),
        ("data.name", "", "--config.data.name must not be empty"),
        ("augment.mixup_alpha", 10**400, "augment.mixup_alpha=1000"),
    ],
)
def test_a_wrong_value_is_named_by_its_key_as_typed(name, value, message):
    assert message in refusal(config_with(name, value))


@pytest.mark.parametrize(
    ("mixup_alpha", "cutmix_alpha", "cutmix_rate", "message"),
    [
        (0.0, 0.0, 0.5, "augment.mix_rate=0.5 with mixup_alpha and cutmix_alpha 0"),
        (1.0, 0.0, 0.5, "augment.cutmix_rate=0.5 with cutmix_alpha 0"),
        (0.0, 1.0, 0.5, "augment.cutmix_rate=0.5 with mixup_alpha 0"),
    ],
)
def test_mixing_by_a_method_that_is_off_is_refused(mixup_alpha, cutmix_alpha, cutmix_rate, message):
    config = config_with("augment.mix_rate", 0.5)
    config["augment"] |= {
        "mixup_alpha": mixup_alpha,
        "cutmix_alpha": cutmix_alpha,
        "cutmix_rate": cutmix_rate,
    }
    assert message in refusal(config)
    config["augment"]["mix_rate"] = 0.0
    settings_of(config)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\nb", "\x1b[31m", "x" * 201])
def test_an_arm_is_a_name_and_never_a_path(name):
    assert "arm" in refusal(config_with("arm", name))


def test_the_recipe_is_named_after_the_arm_by_default():
    config = config_with("arm", "big_vit")
    del config["recipe"]
    assert settings_of(config).recipe == "big_vit"


@pytest.mark.parametrize("name", ["data.dir", "data.manual_dir", "init.path"])
def test_a_path_may_begin_with_the_home_folder(name):
    section, last = section_of(settings_of(config_with(name, "~/a/b")).to_dict(), name)
    assert section[last] == str(Path.home() / "a/b")
    assert f"--config.{name}=~nobody-x" in refusal(config_with(name, "~nobody-x/a"))
    assert "a name of 256 bytes" in refusal(config_with(name, f"a/{'x' * 256}"))


def test_numbers_of_numpy_are_numbers():
    config = config_with("num_epochs", np.int64(50))
    config["schedule"]["peak_learning_rate"] = np.float32(0.5)
    settings = settings_of(config)
    assert (settings.num_epochs, settings.schedule.peak_learning_rate) == (50, 0.5)


@pytest.mark.parametrize(
    ("image_size", "batch_size", "accumulation", "stem", "is_refused"),
    [
        # Of four stages; the third halving leaves one pixel of up to eight.
        *((4, 1, 1, "cifar", True), (8, 1, 1, "cifar", True), (9, 1, 1, "cifar", False)),
        *((8, 2, 1, "cifar", False), (8, 4, 4, "cifar", True), (8, 4, 2, "cifar", False)),
        *((32, 1, 1, "imagenet", True), (33, 1, 1, "imagenet", False)),
    ],
)
def test_batch_normalisation_over_a_single_value_is_refused(
    image_size, batch_size, accumulation, stem, is_refused
):
    config = config_with(arm="resnet", variant="")
    config |= {"batch_size": batch_size, "accumulation": accumulation}
    config["model"] |= {"image_size": image_size, "stem": stem}
    if is_refused:
        assert "batch normalisation needs more than one value of a channel" in refusal(config)
    else:
        check(config)
    # A frozen trunk uses running statistics, which are no batch's.
    check(config | {"frozen_trunk": True})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("arms.vit.model.widht", 3, "'arms.vit.model.widht' is unknown"),
        ("arms.resnet.schedule.peak_learning_rate", NAN, "--config.arms.resnet.schedule.peak_le"),
        ("grids.seeds.seed", 3, "'grids.seeds.seed' is unknown; did you mean 'grids.seeds.seeds'?"),
        ("grids.seeds.fractions", (2.0,), "--config.grids.seeds.fractions has 2.0"),
        ("grids.seeds.budgets", (), "at least one value: one of epochs, steps, flops"),
        ("grids.seeds.recipes", ("mine",), "--config.grids.seeds.recipes has 'mine'"),
        ("dta", {}, "'dta' is unknown; did you mean 'data'?"),
    ],
)
def test_a_study_is_checked_arm_by_arm_and_grid_by_grid(name, value, message):
    config = config_with(arm="study")
    check(config)
    section, last = section_of(config, name)
    section[last] = value
    assert re.search(re.escape(message), refusal(config))


def test_settings_cannot_be_changed():
    settings: Any = settings_of(config_with())
    with pytest.raises(AttributeError):
        settings.seed = 1
    assert msgspec.structs.replace(settings, seed=1).seed == 1
    assert KEYS["seed"].role is Role.SEED
