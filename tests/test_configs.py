"""The configurations: each variant, what the arms share, and the recipe of the study."""

import importlib

import pytest

from jaxcmp import models
from jaxcmp.errors import CommandError
from jaxcmp.optim import make_optimizer

ARMS = ("vit", "resnet")
VARIANTS = ("", "digits", "cpu", "strong")


def load(arm, variant=""):
    return importlib.import_module(f"configs.{arm}").get_config(variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("arm", ARMS)
def test_every_variant_is_a_model_and_an_optimizer(arm, variant):
    config = load(arm, variant)
    assert config.arm == arm
    assert models.build(**config.model).image_size == (8 if variant == "digits" else 32)
    make_optimizer(**config.optimizer)


@pytest.mark.parametrize("variant", ["", "digits", "cpu"])
def test_the_arms_differ_only_in_model_optimizer_and_augmentation(variant):
    vit, resnet = (load(arm, variant).to_dict() for arm in ARMS)
    own = {"arm", "recipe", "model", "optimizer", "schedule", "augment"}
    assert vit.keys() == resnet.keys()
    assert {key for key in vit if vit[key] != resnet[key]} <= own
    assert vit["augment"].keys() == resnet["augment"].keys()
    assert vit["schedule"].keys() == resnet["schedule"].keys()


def test_the_recipe_is_the_studys():
    vit, resnet = (load(arm) for arm in ARMS)
    for config in (vit, resnet):
        assert (config.data.name, config.num_epochs, config.batch_size) == ("cifar10", 100, 128)
        assert config.data.validation_fraction == 0
    assert (vit.optimizer.name, vit.schedule.peak_learning_rate) == ("adamw", 1e-3)
    assert vit.schedule.warmup_epochs == 10
    mixing = vit.augment
    assert mixing.mixup_alpha and mixing.cutmix_alpha and mixing.mix_rate
    assert mixing.trivial_augment and mixing.erase_rate
    assert resnet.optimizer.name == "sgd"
    assert (resnet.augment.crop_padding, resnet.augment.flip) == (4, True)
    assert not (resnet.augment.trivial_augment or resnet.augment.erase_rate)
    assert models.build(**vit.model) == models.ViT()
    assert models.build(**resnet.model) == models.ResNet()


def test_the_models_for_a_cpu_are_the_same_recipe_shrunk():
    vit, resnet = (load(arm, "cpu") for arm in ARMS)
    assert (vit.model.width, vit.model.depth) == (96, 6)
    assert resnet.model.stage_widths[0] == 16
    assert vit.num_epochs == resnet.num_epochs == 10


def test_the_strong_recipes_are_longer_or_regularised_further():
    vit, resnet = (load(arm, "strong") for arm in ARMS)
    assert (vit.num_epochs, resnet.num_epochs) == (300, 100)
    assert vit.label_smoothing and vit.model.drop_path_rate
    assert resnet.label_smoothing and resnet.augment.erase_rate


def test_an_unknown_variant_is_named_with_those_there_are():
    with pytest.raises(CommandError, match="'nix' is unknown; there are digits, cpu, strong"):
        load("vit", "nix")
