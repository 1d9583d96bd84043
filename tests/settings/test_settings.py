"""The settings of a run: each key once, with a role, and as config.json holds them."""

import importlib
from typing import Annotated

import pytest

from jaxcmp.settings import Role, Section
from jaxcmp.settings.configuration import settings_of
from jaxcmp.settings.keys import KEYS, NEUTRAL, keys, with_role


@pytest.mark.parametrize("variant", ["", "digits", "cpu", "strong"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_settings_are_written_as_the_configuration_file_has_them(arm, variant):
    config = importlib.import_module(f"configs.{arm}").get_config(variant)
    assert settings_of(config).to_dict() == config.to_dict()


def test_settings_stay_the_same_when_they_are_read_again():
    settings = settings_of(importlib.import_module("configs.resnet").get_config())
    assert settings_of(settings) is settings
    assert settings_of(settings.to_dict()) == settings


class Low(Section, frozen=True, tag_field="name", tag="low"):
    size: Annotated[int, Role.MODEL("A size.", ge=1)] = 1


class High(Section, frozen=True, tag_field="name", tag="high"):
    size: Annotated[int, Role.MODEL("A size.", ge=2)] = 2


class Either(Section, frozen=True):
    part: Low | High


def test_sections_to_choose_from_may_not_give_one_key_two_ranges():
    with pytest.raises(TypeError, match="two sections have different keys part.size"):
        keys(Either)


def test_every_key_has_a_description_and_a_role():
    for name, key in KEYS.items():
        assert (key.meta.description or "").endswith("."), name
        assert isinstance(key.role, Role), name


def test_a_run_may_resume_only_with_other_paths_logs_and_checkpoints():
    assert set(with_role(Role.FREE)) == {
        *("data.dir", "data.manual_dir", "data.placement", "log.every_steps", "log.tensorboard"),
        "log.train_accuracy_images",
        *("checkpoint.every_epochs", "checkpoint.keep_every_epochs", "eval_batch_size"),
        *("eval_every_epochs", "steps_per_dispatch", "fused_attention", "log.wandb"),
    }


def test_neutral_keys_are_known_by_their_defaults():
    assert NEUTRAL["optimizer.layer_decay"] == ("1.0",)
    assert NEUTRAL["data.classes"] == ("[]",)
    # Each model has its own.
    assert NEUTRAL["model.stem"] == ('"patch"', '"cifar"')
    assert not {"arm", "seed", "init.path", "num_epochs"} & NEUTRAL.keys()
