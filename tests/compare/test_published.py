"""The blog post's claims as data: consistent in themselves and with the configurations."""

import importlib

import numpy as np
import pytest

from jaxcmp import models
from jaxcmp.compare.sections.blog_post import load_claims
from jaxcmp.compare.sections.claims import JUDGES

POST = load_claims()
CLAIMS = {claim.id: claim for claim in POST.claims}


def test_every_claim_has_a_measure_and_arms_that_are_known():
    for claim in POST.claims:
        assert claim.measure in JUDGES
        assert set(claim.arms) <= (POST.tuned if claim.is_tuned else POST.arms).keys()
        assert claim.is_tuned == (set(claim.arms) <= POST.tuned.keys() and "tuned" in claim.measure)
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


def test_both_arms_have_the_settings_that_are_shared():
    for arm in POST.arms.values():
        assert arm.config["num_epochs"] == 100 and arm.config["data"]["name"] == "cifar10"


def test_pretrained_models_have_a_setting_and_a_command_of_their_own():
    for name, arm in POST.tuned.items():
        assert arm.seen and "--config=configs/transfer.py:" in arm.command
        assert "--config.init.path=" in arm.command
        assert arm.config["model"]["name"] == name and arm.config["num_epochs"] == 10
        assert arm.config["data"] == {"name": "cifar10", "train_fraction": 1.0}


def test_another_blog_post_is_another_file(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(
        """
        [blog_post]
        name = "another"
        setting = "Ten runs of a model."
        num_train = 60000
        classes = []
        [blog_post.config]
        num_epochs = 5
        [arms.vit]
        label = "a ViT"
        command = "python train.py"
        [arms.vit.config.model]
        name = "vit"
        [[claims]]
        id = "small"
        says = "It is small"
        measure = "parameters"
        arms = ["vit"]
        stated = [1]
        unit = "M"
        """
    )
    post = load_claims(path)
    assert post.name == "another" and [claim.id for claim in post.claims] == ["small"]
    assert post.arms["vit"].config == {"num_epochs": 5, "model": {"name": "vit"}}
    assert post.tuned == {}


def test_a_misspelt_field_of_a_claim_is_an_error(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(
        "arms = {}\nclaims = [{id = 'a', sais = 'b'}]\n[blog_post]\nclasses = []\nconfig = {}\n"
    )
    with pytest.raises(TypeError, match="sais"):
        load_claims(path)
