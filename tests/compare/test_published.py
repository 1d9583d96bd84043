"""The study's claims as data: consistent in themselves, and with the project's configurations."""

import importlib

import numpy as np
import pytest

from jaxcmp import models
from jaxcmp.compare.sections.claims import TRAINED, TUNED
from jaxcmp.compare.sections.published import load_claims

STUDY = load_claims()
CLAIMS = {claim.id: claim for claim in STUDY.claims}


def test_every_claim_has_a_measure_and_arms_that_are_known():
    for claim in STUDY.claims:
        assert claim.measure in TRAINED
        assert set(claim.arms) <= (STUDY.tuned if claim.is_tuned else STUDY.arms).keys()
        assert claim.is_tuned == (claim.measure in TUNED)
        assert claim.says and claim.stated and claim.unit
    assert len(CLAIMS) == len(STUDY.claims) == 11


def test_every_tolerance_has_a_reason():
    assert all(claim.why for claim in STUDY.claims if claim.tolerance)


def test_claims_about_classes_state_a_number_for_each():
    for claim in STUDY.claims:
        if claim.measure in ("class_accuracies", "class_gaps"):
            assert len(claim.stated) == len(STUDY.classes) == 10
        if claim.class_name:
            assert claim.class_name in STUDY.classes


def test_the_gaps_are_the_differences_of_what_is_stated():
    resnet, vit = (np.array(CLAIMS[f"{name}-classes"].stated) for name in ("resnet", "vit"))
    assert CLAIMS["class-gaps"].stated == pytest.approx(resnet - vit)
    assert STUDY.classes[int(np.argmax(resnet - vit))] == CLAIMS["largest-gap"].class_name
    assert CLAIMS["largest-gap"].stated == (max(CLAIMS["class-gaps"].stated),)
    best = [CLAIMS[f"{name}-accuracy"].stated[0] for name in ("resnet", "vit")]
    assert CLAIMS["accuracy-gap"].stated[0] == pytest.approx(best[0] - best[1])


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_the_studys_models_are_the_ones_that_the_configurations_train(arm):
    config = importlib.import_module(f"configs.{arm}").get_config()
    assert models.build(**STUDY.arms[arm].config["model"]) == models.build(
        **config.model.to_dict() | {"num_classes": 10}
    )
    assert STUDY.arms[arm].command.endswith(f"--config=configs/{arm}.py")


def test_both_arms_have_the_settings_that_are_shared():
    for arm in STUDY.arms.values():
        assert arm.config["num_epochs"] == 100 and arm.config["data"]["name"] == "cifar10"


def test_pretrained_models_have_a_setting_and_a_command_of_their_own():
    for name, arm in STUDY.tuned.items():
        assert arm.seen and "--config=configs/transfer.py:" in arm.command
        assert "--config.init.path=" in arm.command
        assert arm.config["model"]["name"] == name and arm.config["num_epochs"] == 10
        assert arm.config["data"] == {"name": "cifar10", "train_fraction": 1.0}


def test_another_study_is_another_file(tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(
        """
        [study]
        name = "another"
        setting = "Ten runs of a model."
        num_train = 60000
        classes = []
        [study.config]
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
    study = load_claims(path)
    assert study.name == "another" and [claim.id for claim in study.claims] == ["small"]
    assert study.arms["vit"].config == {"num_epochs": 5, "model": {"name": "vit"}}
    assert study.tuned == {}


def test_a_misspelt_field_of_a_claim_is_an_error(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(
        "arms = {}\nclaims = [{id = 'a', sais = 'b'}]\n[study]\nclasses = []\nconfig = {}\n"
    )
    with pytest.raises(TypeError, match="sais"):
        load_claims(path)
