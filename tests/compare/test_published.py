"""The blog post's claims as data, and the arms that are in its setting, or why they are not."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import sample_runs
from sample_runs import Sample

from jaxcmp import models
from jaxcmp.compare.sections.blog_post import (
    find_speakers,
    is_near,
    load_claims,
    setting_difference,
)
from jaxcmp.compare.sections.claims import JUDGES

POST = load_claims()
CLAIMS = {claim.id: claim for claim in POST.claims}
MODELS = ["vit", "resnet"]


def test_every_claim_has_a_measure_and_arms_that_are_known():
    for claim in POST.claims:
        assert claim.measure in JUDGES
        assert set(claim.arms) <= POST.arms.keys()
        assert claim.says
        assert claim.arms and claim.stated
    assert len(CLAIMS) == len(POST.claims) == 24


def test_every_tolerance_has_a_reason():
    assert all(claim.why for claim in POST.claims if claim.tolerance)


def test_claims_about_classes_state_a_number_for_each():
    for claim in POST.claims:
        if claim.measure in ("class_accuracies", "class_gaps"):
            assert len(claim.stated) == len(POST.classes) == 10
        if claim.class_name:
            assert claim.class_name in POST.classes


def test_the_gaps_are_the_differences_of_what_is_stated():
    resnet, vit = (np.array(CLAIMS[f"{name}-classes"].stated) for name in ("resnet", "vit"))
    assert CLAIMS["class-gaps"].stated == pytest.approx(resnet - vit)
    assert POST.classes[int(np.argmax(resnet - vit))] == CLAIMS["largest-gap"].class_name
    assert CLAIMS["largest-gap"].stated == (max(CLAIMS["class-gaps"].stated),)
    best = [CLAIMS[f"{name}-accuracy"].stated[0] for name in ("resnet", "vit")]
    assert CLAIMS["accuracy-gap"].stated[0] == pytest.approx(best[0] - best[1])


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_the_blog_posts_models_are_the_ones_that_the_configurations_train(arm):
    config = importlib.import_module(f"configs.{arm}").get_config()
    assert models.build(**POST.arms[arm].config["model"]) == models.build(
        **config.model.to_dict() | {"num_classes": 10, "image_size": 32}
    )
    assert POST.arms[arm].command.endswith(f"--config=configs/{arm}.py")


def test_arms_that_begin_at_random_have_the_settings_that_are_shared():
    random = {name: arm for name, arm in POST.arms.items() if not arm.seen}
    assert len(random) == 6 and [n for n, arm in random.items() if not arm.is_beside] == MODELS
    for arm in random.values():
        assert arm.config["num_epochs"] == 100 and arm.config["data"]["name"] == "cifar10"


def test_pretrained_models_have_a_setting_and_a_command_of_their_own():
    for name in MODELS:
        arm = POST.arms[f"tuned-{name}"]
        assert arm.seen and "--config=configs/transfer.py:" in arm.command
        assert "--config.init.path=" in arm.command
        assert arm.config["model"]["name"] == name and arm.config["num_epochs"] == 10
        assert arm.config["data"] == {"name": "cifar10", "train_fraction": 1.0}


ALL = 50_000
DATA = {"name": "cifar10", "num_train": ALL, "num_test": 10_000}


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


def difference(config, data=DATA):
    return setting_difference(POST, POST.arms[config["model"]["name"]], config, data)


FREE = {"seed": 7, "eval_batch_size": 50, "data__dir": "/data", "compute_dtype": "bfloat16"}


@pytest.mark.parametrize("variant", ["cpu", "digits", "strong"])
@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_no_other_variant_is_in_the_blog_posts_setting(arm, variant):
    assert difference(config(arm, variant))


@pytest.mark.parametrize(
    ("arm", "changes", "num_train", "reason"),
    [
        # The default recipe is the blog post's, and what it does not state is free.
        *((arm, changes, ALL, None) for arm in MODELS for changes in ({}, FREE)),
        ("vit", {"num_epochs": 10}, ALL, "num_epochs is 10, the blog post's is 100"),
        ("vit", {"batch_size": 256}, ALL, "batch_size is 256, the blog post's is 128"),
        ("vit", {"model__width": 96}, ALL, "model.width is 96, the blog post's is 192"),
        (
            *("vit", {"data__name": "cifar10_jpeg"}, ALL),
            "data.name is cifar10_jpeg, the blog post's is cifar10",
        ),
        ("vit", {"optimizer__name": "sgd"}, ALL, "optimizer.name is sgd, the blog post's is adamw"),
        (
            *("resnet", {"model__stage_widths": [64, 128, 256, 256]}, ALL),
            "model.stage_widths is [64, 128, 256, 256], the blog post's is [64, 128, 256, 512]",
        ),
        # A rate is only used or not.
        ("vit", {"augment__erase_rate": 0.1}, ALL, None),
        (
            *("vit", {"augment__erase_rate": 0.0}, ALL),
            "augment.erase_rate is 0.0, which the blog post uses",
        ),
        (
            *("resnet", {"augment__erase_rate": 0.1}, ALL),
            "augment.erase_rate is 0.1, which the blog post has none of",
        ),
        (
            *("vit", {"label_smoothing": 0.1}, ALL),
            "label_smoothing is 0.1, which the blog post has none of",
        ),
        # A setting is named before what follows from it.
        ("vit", {}, 45_000, "they trained on 45000 images, the blog post on 50000"),
        (
            *("vit", {"data__train_fraction": 0.5}, 25_000),
            "data.train_fraction is 0.5, the blog post's is 1.0",
        ),
    ],
)
def test_what_sets_a_run_apart_from_the_blog_posts_is_named(arm, changes, num_train, reason):
    assert difference(config(arm, **changes), DATA | {"num_train": num_train}) == reason


SETTING = {"num_epochs": 100, "batch_size": 128}


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return sample_runs.make_group(tmp_path_factory.mktemp("runs"), *sample_runs.TWO_SEEDS_EACH)


def test_small_models_are_not_taken_for_the_blog_posts(group):
    found = find_speakers(group, POST)
    assert found["vit"].difference and found["resnet"].difference
    assert set(found) == set(MODELS)


def test_of_several_arms_of_a_model_the_blog_posts_own_setting_speaks(tmp_path):
    names = POST.classes
    model = {"model.width": 192, "model.depth": 12, "model.mlp_width": 768}
    own = SETTING | model | {"schedule.warmup_epochs": 10.0}
    group = sample_runs.make_group(
        tmp_path,
        Sample("vit", 0, class_names=names),
        Sample("vit", 1, class_names=names, num_epochs=100, config=own),
    )
    vit = find_speakers(group, POST)["vit"]
    assert vit.difference is None and vit.arm.runs == [1]
    # The small model is another one, whatever it was trained on.
    near = [is_near(POST, arm) for arm in group.arms]
    assert sorted(near) == [False, True]


def test_each_model_of_a_claim_is_found_among_the_runs(tmp_path):
    whole = {"num_epochs": 100, "batch_size": 128}
    vit = whole | {"model.width": 192, "model.mlp_width": 768, "schedule.warmup_epochs": 10.0}
    samples = {
        "vit": Sample("vit", 0, config=vit | {"model.depth": 12}),
        "vit-conv": Sample("vit", 1, config=vit | {"model.depth": 11, "model.stem": "conv"}),
        "vit-light": Sample(
            "vit",
            2,
            config=vit
            | {"model.depth": 12, "augment.trivial_augment": False, "augment.erase_rate": 0.0}
            | {"augment.mix_rate": 0.0, "augment.mixup_alpha": 0.0, "augment.cutmix_alpha": 0.0},
        ),
        "resnet-small": Sample(
            "resnet",
            3,
            config=whole
            | {"model.stage_widths": (44, 89, 177, 355), "model.stage_depths": (2, 2, 2, 2)},
        ),
    }
    long = [
        dataclasses.replace(each, num_epochs=100, class_names=POST.classes)
        for each in samples.values()
    ]
    found = find_speakers(sample_runs.make_group(tmp_path, *long), POST)
    assert found["vit"].difference is None and found["resnet"].difference
    assert {key: found[key].arm.outcomes[0].seed for key in samples} == {
        key: i for i, key in enumerate(samples)
    }
