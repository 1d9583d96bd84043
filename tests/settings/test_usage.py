"""The settings in --help: every key with its description, range and value."""

import importlib

import processes
import pytest

from jaxcmp.settings.keys import KEYS
from jaxcmp.settings.usage import list_settings


def config_of(file, variant=""):
    return importlib.import_module(f"configs.{file}").get_config(variant).to_dict()


def test_every_key_is_listed_with_description_and_range():
    words = " ".join(list_settings().split())
    for name, key in KEYS.items():
        assert f"--config.{name}" in words
        assert " ".join((key.meta.description or "").split()) in words
    assert (
        "--config.augment.erase_rate Share of images that lose a random rectangle. Takes a" in words
    )
    assert "--config.model.width Of vit: Width of a token." in words


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_only_keys_of_the_chosen_model_and_optimizer_are_listed(arm):
    text, config = list_settings(config_of(arm, "cpu")), config_of(arm, "cpu")
    assert f"--config.num_epochs={config['num_epochs']}\n" in text
    assert f"--config.optimizer.name={config['optimizer']['name']}\n" in text
    assert ("--config.model.patch_size=4\n" in text) == (arm == "vit")
    assert ("--config.model.stage_widths=(16,32,64,128)\n" in text) == (arm == "resnet")
    assert "momentum" not in text or arm == "resnet"


def test_a_study_lists_its_grids_and_the_settings_of_an_arm():
    text = list_settings(config_of("study"))
    assert "--config.grids.data_size.seeds=3\n" in text
    assert "--config.arms.ARM.schedule.peak_learning_rate\n" in text


def test_a_study_says_that_any_setting_can_be_an_axis_and_lists_those_that_are():
    config = config_of("study")
    assert "--config.grids.GRID.axes.KEY=VALUE,VALUE\n" in list_settings(config)
    assert "--config.grids.seeds.axes" not in list_settings(config)
    config["grids"]["seeds"]["axes"] = {"model": {"depth": (6, 12)}}
    assert "--config.grids.seeds.axes.model.depth=(6,12)\n" in list_settings(config)


@pytest.mark.parametrize("config", [None, ("vit", ""), ("transfer", "resnet18"), ("study", "")])
def test_the_list_fits_80_columns(config):
    text = list_settings(None if config is None else config_of(*config))
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize("given", [[], ["--config=configs/vit.py:cpu"]])
def test_help_lists_settings_and_options(given):
    code, out, err = processes.run(*given, "--help")
    assert (code, err) == (0, "")
    for word in ("--workdir", "--distributed", "--preview", "JAX_COMPILATION_CACHE_DIR"):
        assert word in out
    assert "--config.num_epochs=10\n" in out if given else "--config.num_epochs\n" in out
