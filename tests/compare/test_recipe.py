"""A configuration in words, as a reader of the table needs it."""

import pytest
from sample_runs import Sample, make_config

from configs import resnet, vit
from jaxcmp.compare.sections import recipe


def config_of(arm: str = "vit", **changes):
    return make_config(Sample(arm, config={k.replace("__", "."): v for k, v in changes.items()}))


def test_the_recipes_that_come_with_jaxcmp_read_as_their_papers_call_them():
    found = vit.get_config().to_dict()
    assert recipe.optimizer(found) == "AdamW, weight decay 0.05, gradients clipped to norm 1"
    assert (
        recipe.schedule(found)
        == "10 epochs of linear warm-up to learning rate 0.001, cosine to 0 at epoch 100"
    )
    assert recipe.augmentation(found) == (
        "random crop (padding 4), horizontal flip, TrivialAugment, RandomErasing (rate 0.25), "
        "MixUp (alpha 0.8) or CutMix (alpha 1)"
    )
    found = resnet.get_config().to_dict()
    assert recipe.optimizer(found) == "SGD with Nesterov momentum 0.9, weight decay 0.0005"
    assert recipe.schedule(found) == "learning rate 0.1, cosine to 0 at epoch 100"
    assert recipe.augmentation(found) == "random crop (padding 4), horizontal flip"


def test_what_regularises_beyond_augmentation_is_told_or_said_to_be_none():
    assert recipe.regularisation(vit.get_config().to_dict()) == "none"
    strong = vit.get_config("strong").to_dict()
    assert recipe.regularisation(strong) == "label smoothing 0.1, stochastic depth 0.1"
    found = config_of(model__dropout_rate=0.2, average_decay=0.999)
    assert recipe.regularisation(found) == "dropout 0.2, averaged weights 0.999"


def test_one_epoch_of_warm_up_is_one_epoch():
    assert recipe.schedule(config_of(schedule__warmup_epochs=1.0)).startswith("1 epoch of")
    assert recipe.schedule(config_of(schedule__warmup_epochs=0.5)).startswith("0.5 epochs of")


def test_descent_without_momentum_is_not_said_to_have_it():
    found = config_of("resnet", optimizer__momentum=0.0, optimizer__clip_norm=0.5)
    assert recipe.optimizer(found) == "SGD, weight decay 0.0005, gradients clipped to norm 0.5"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cutmix_rate": 0.0}, "MixUp (alpha 0.8)"),
        ({"cutmix_rate": 1.0}, "CutMix (alpha 1)"),
        ({"mix_rate": 0.2}, "MixUp (alpha 0.8) or CutMix (alpha 1) on 20 % of batches"),
        (
            {"mix_rate": 0.2, "cutmix_rate": 0.3, "mixing_epochs": 90},
            "MixUp (alpha 0.8) or CutMix (alpha 1), 30 % of them CutMix, on 20 % of batches until "
            "epoch 90",
        ),
        ({"cutmix_rate": 0.3}, "MixUp (alpha 0.8) or CutMix (alpha 1), 30 % of them CutMix"),
    ],
)
def test_mixing_says_how_which_batches_and_until_when(changes, words):
    found = config_of(**{f"augment__{key}": value for key, value in changes.items()})
    assert recipe.augmentation(found).endswith(f"RandomErasing (rate 0.25), {words}")
    assert recipe.is_mixed(found)


def test_no_mixing_is_no_mixing_whatever_its_other_options():
    found = config_of(augment__mix_rate=0.0)
    assert recipe.augmentation(found).endswith("RandomErasing (rate 0.25)")
    assert not recipe.is_mixed(found)


def test_no_augmentation_is_called_none():
    assert (
        recipe.augmentation(config_of("resnet", augment__crop_padding=0, augment__flip=False))
        == "none"
    )


def test_what_is_trained_less_than_the_rest_or_not_at_all_is_told():
    found = config_of(optimizer__layer_decay=0.75, frozen_trunk=True)
    assert recipe.optimizer(found).endswith(
        "each layer at 0.75 times the rate of that above it, for the head alone"
    )
    older = config_of()
    del older["frozen_trunk"], older["optimizer"]["layer_decay"]
    assert recipe.optimizer(older) == recipe.optimizer(config_of())
