"""The keys that make another recipe, another set of images, or neither."""

import pytest
from sample_outcomes import make_config

from jaxcmp.compare.recipe_keys import differing, images_of, recipe_of, unsized, untimed


def changed(**sections):
    """A configuration with these settings in it: whole sections are merged, values replaced."""
    config = make_config()
    for key, value in sections.items():
        config[key] = config.get(key, {}) | value if isinstance(value, dict) else value
    return config


@pytest.mark.parametrize(
    ("settings", "is_other"),
    [
        ({"data": {"classes": []}}, False),
        ({"data": {"classes": [], "mean": [], "std": []}}, False),
        ({"optimizer": {"layer_decay": 1.0}}, False),
        ({"frozen_trunk": False}, False),
        ({"model": {"stem": "cifar"}}, False),
        ({"init": {"path": "a.npz", "seen": "ImageNet", "allow_missing": "*"}}, False),
        ({"data": {"classes": [0, 1]}}, True),
        ({"data": {"mean": [0.5]}}, True),
        ({"optimizer": {"layer_decay": 0.75}}, True),
        ({"frozen_trunk": True}, True),
        ({"model": {"stem": "imagenet"}}, True),
    ],
)
def test_a_setting_that_does_something_alone_makes_another_recipe(settings, is_other):
    assert (recipe_of(changed(**settings)) != recipe_of(make_config())) == is_other


def test_classes_are_other_images_and_the_scale_of_pixels_is_not():
    plain = images_of(recipe_of(make_config()))
    assert images_of(recipe_of(changed(data={"classes": [0, 1]}))) != plain
    scaled = changed(data={"mean": [0.5], "std": [0.5], "train_fraction": 0.1})
    assert images_of(recipe_of(scaled)) == plain


def test_recipes_have_in_common_what_length_and_size_leave():
    short = recipe_of(changed(num_epochs=10, data={"train_fraction": 0.1}))
    whole = recipe_of(make_config())
    assert unsized(short) != unsized(whole) and untimed(short) == untimed(whole)


def test_recipes_differ_by_keys_but_not_by_names_or_by_what_they_began_from():
    other = changed(num_epochs=10, recipe="transfer", optimizer={"name": "sgd"})
    began = (*recipe_of(other), ("init.seen", '"ImageNet"'))
    assert differing(began, recipe_of(make_config())) == ["num_epochs", "optimizer.name"]


def test_a_configuration_without_an_arm_is_refused():
    config = make_config()
    del config["arm"]
    with pytest.raises(KeyError, match="arm"):
        recipe_of(config)
