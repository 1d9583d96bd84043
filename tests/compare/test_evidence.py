"""The check that a run is in the blog post's setting, and its reasons."""

import importlib
import json

import pytest

from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm, load_claims, setting_difference

POST = load_claims()
CLAIMS = {claim.id: claim for claim in POST.claims}
DATA = {"name": "cifar10", "num_train": 50_000, "num_test": 10_000}


def config(arm, variant="", **changes):
    """Returns a config.json with other values by dotted key (two underscores for a dot)."""
    loaded = importlib.import_module(f"configs.{arm}").get_config(variant)
    stored = json.loads(json.dumps(loaded.to_dict()))
    # They follow from the data.
    stored["model"] |= {"num_classes": 10, "image_size": 32}
    for key, value in changes.items():
        *sections, last = key.split("__")
        inside = stored
        for section in sections:
            inside = inside[section]
        assert last in inside
        inside[last] = value
    return stored


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_the_default_recipe_is_the_blog_posts(arm):
    assert setting_difference(POST, config(arm), DATA) is None
    free = config(arm, seed=7, eval_batch_size=50, data__dir="/data", compute_dtype="bfloat16")
    assert setting_difference(POST, free, DATA) is None


@pytest.mark.parametrize("variant", ["cpu", "digits", "strong"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_no_other_variant_is_in_the_blog_posts_setting(arm, variant):
    assert setting_difference(POST, config(arm, variant), DATA)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_epochs": 10}, "num_epochs is 10, the blog post's is 100"),
        ({"batch_size": 256}, "batch_size is 256, the blog post's is 128"),
        ({"model__width": 96}, "model.width is 96, the blog post's is 192"),
        ({"data__name": "cifar10_jpeg"}, "data.name is cifar10_jpeg, the blog post's is cifar10"),
        ({"optimizer__name": "sgd"}, "optimizer.name is sgd, the blog post's is adamw"),
        ({"augment__erase_rate": 0.0}, "augment.erase_rate is 0.0, which the blog post uses"),
        ({"label_smoothing": 0.1}, "label_smoothing is 0.1, which the blog post has none of"),
    ],
)
def test_another_setting_is_named(changes, reason):
    assert setting_difference(POST, config("vit", **changes), DATA) == reason


def test_a_rate_is_only_used_or_not():
    assert setting_difference(POST, config("vit", augment__erase_rate=0.1), DATA) is None
    assert setting_difference(POST, config("resnet", augment__erase_rate=0.1), DATA)


def test_stages_are_compared_as_lists():
    wide = config("resnet", model__stage_widths=[64, 128, 256, 256])
    reason = setting_difference(POST, wide, DATA)
    assert (
        reason
        == "model.stage_widths is [64, 128, 256, 256], the blog post's is [64, 128, 256, 512]"
    )


def test_part_of_the_images_is_another_setting():
    for data in (DATA | {"num_train": 45_000}, {}):
        reason = setting_difference(POST, config("vit"), data)
        assert reason and "the blog post on 50000" in reason


def test_a_setting_is_named_before_what_follows_from_it():
    half = config("vit", data__train_fraction=0.5)
    reason = setting_difference(POST, half, DATA | {"num_train": 25_000})
    assert reason == "data.train_fraction is 0.5, the blog post's is 1.0"


def test_another_model_is_not_the_blog_posts():
    assert setting_difference(POST, {"model": {"name": "mixer"}}, DATA) == (
        "the blog post has no model mixer"
    )


def test_arms_come_in_the_order_of_the_claim():
    vit, resnet = MeasuredArm(runs=[0]), MeasuredArm(runs=[1])
    measured = Measured({"vit": vit, "resnet": resnet})
    assert measured.of(CLAIMS["accuracy-gap"]) == [resnet, vit]
    assert measured.of(CLAIMS["slower"]) == [vit, resnet]
