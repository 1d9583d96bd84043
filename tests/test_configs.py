"""The configurations: each variant, what the arms share, and the recipe of the study."""

import importlib

import jax
import jax.numpy as jnp
import pytest
from msgspec import to_builtins

from jaxcmp import models
from jaxcmp.errors import CommandError
from jaxcmp.optim import make_optimizer
from jaxcmp.settings.configuration import settings_of

ARMS = ("vit", "resnet")
VARIANTS = ("", "digits", "cpu", "strong")


def load(arm, variant=""):
    return importlib.import_module(f"configs.{arm}").get_config(variant)


def model_of(config):
    """Returns the configuration's model for ten classes, by default of 32 pixels, as CIFAR-10."""
    assert config.model.num_classes == 0
    size = config.model.image_size or 32
    return models.build(**config.model.to_dict() | {"num_classes": 10, "image_size": size})


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("arm", ARMS)
def test_every_variant_is_a_model_and_an_optimizer(arm, variant):
    config = load(arm, variant)
    assert config.arm == arm
    assert model_of(config).image_size == (8 if variant == "digits" else 32)
    make_optimizer(**to_builtins(settings_of(config).optimizer))


@pytest.mark.parametrize("variant", ["", "digits", "cpu"])
def test_the_arms_differ_only_in_model_optimizer_and_augmentation(variant):
    vit, resnet = (load(arm, variant).to_dict() for arm in ARMS)
    own = {"arm", "recipe", "model", "optimizer", "schedule", "augment"}
    assert vit.keys() == resnet.keys()
    assert {key for key in vit if vit[key] != resnet[key]} <= own
    assert vit["augment"].keys() == resnet["augment"].keys()
    assert vit["schedule"].keys() == resnet["schedule"].keys()


def test_the_recipe_is_the_blog_posts():
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
    assert model_of(vit) == models.ViT()
    assert model_of(resnet) == models.ResNet()


def test_the_cpu_variants_are_smaller_with_the_same_recipe():
    vit, resnet = (load(arm, "cpu") for arm in ARMS)
    assert (vit.model.width, vit.model.depth) == (96, 6)
    assert resnet.model.stage_widths[0] == 16
    assert vit.num_epochs == resnet.num_epochs == 10


def test_the_strong_recipes_are_longer_or_regularised_further():
    vit, resnet = (load(arm, "strong") for arm in ARMS)
    assert (vit.num_epochs, resnet.num_epochs) == (300, 100)
    assert vit.label_smoothing and vit.model.drop_path_rate
    assert resnet.label_smoothing and resnet.augment.erase_rate


def test_variants_of_other_models_keep_the_recipe_and_have_arms_of_their_own():
    for arm, variant in (("vit", "conv"), ("resnet", "small")):
        plain, other = load(arm).to_dict(), load(arm, variant).to_dict()
        assert {key for key in plain if plain[key] != other[key]} == {"arm", "model"}
        assert other["arm"] == f"{arm}-{variant}"
        models.build(**other["model"] | {"num_classes": 10, "image_size": 32})


def test_an_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(CommandError, match="'nix' is unknown; there are digits, cpu, strong"):
        load("vit", "nix")


SIZES = ("vit_ti16", "vit_s16", "vit_b16", "vit_b32", "vit_l16")


def transfer_model(variant):
    model = model_of(load("transfer", variant))
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    return model, jax.eval_shape(model.init, jax.random.key(0), images)["params"]


@pytest.mark.parametrize(
    ("variant", "parameters"),
    # With ten classes, as counted from the published shapes.
    [
        ("vit_ti16", 5_526_346),
        ("vit_s16", 21_669_514),
        ("vit_b16", 85_806_346),
        ("vit_b32", 87_462_922),
        ("vit_l16", 303_311_882),
    ],
)
def test_transfer_has_vits_of_the_published_sizes(variant, parameters):
    model, params = transfer_model(variant)
    assert isinstance(model, models.ViT) and model.image_size == 224
    assert sum(models.count_parameters(params).values()) == parameters


def test_transfer_has_torchvisions_resnet_18():
    model, params = transfer_model("resnet18")
    assert (model.image_size, load("transfer", "resnet18").model.stem) == (224, "imagenet")
    assert sum(models.count_parameters(params).values()) == 11_181_642


@pytest.mark.parametrize("recipe", ["", "-adamw"])
def test_both_arms_are_fine_tuned_alike_except_for_the_scale_of_pixels(recipe):
    vit, resnet = (load("transfer", f"{arm}{recipe}").to_dict() for arm in ("vit_ti16", "resnet18"))
    assert {key for key in vit if vit[key] != resnet[key]} == {
        *("arm", "recipe", "model", "data", "init")
    }
    unlike = [key for key in vit["data"] if vit["data"][key] != resnet["data"][key]]
    assert unlike == ["mean", "std"]
    assert vit["data"]["mean"] == vit["data"]["std"] == (0.5, 0.5, 0.5)
    assert vit["init"]["seen"].startswith("ImageNet-21k,")
    assert resnet["init"]["seen"].startswith("ImageNet-1k,")
    assert (vit["num_epochs"], vit["batch_size"], vit["schedule"]["warmup_epochs"]) == (
        10,
        512,
        0.5,
    )


@pytest.mark.parametrize("arm", [*SIZES, "resnet18"])
def test_the_recipes_of_transfer_are_the_published_ones(arm):
    sgd, adamw = (load("transfer", f"{arm}{recipe}") for recipe in ("", "-adamw"))
    for config in (sgd, adamw):
        assert (config.arm, config.recipe) == (arm, arm)
        make_optimizer(**to_builtins(settings_of(config).optimizer))
    assert sgd.optimizer.to_dict() == {
        **{"name": "sgd", "momentum": 0.9, "weight_decay": 0.0},
        **{"clip_norm": 1.0, "layer_decay": 1.0},
    }
    assert (sgd.schedule.peak_learning_rate, adamw.schedule.peak_learning_rate) == (0.03, 5e-5)
    assert (adamw.optimizer.name, adamw.optimizer.layer_decay) == ("adamw", 0.75)


@pytest.mark.parametrize(("variant", "words"), [("", "is missing"), ("vit_h14", "is unknown")])
def test_transfer_without_a_known_variant_lists_the_variants(variant, words):
    with pytest.raises(CommandError, match=f"{words}; there are vit_ti16, .*resnet18-adamw$"):
        load("transfer", variant)
