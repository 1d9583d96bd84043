"""Claims about pretrained models: each verdict, and which runs may give one."""

import dataclasses
from typing import Any

import pytest
import sample_runs
from sample_runs import Sample
from sample_transfer import from_file, from_run, pretrained
from test_trained_claims import CLAIMS, STUDY, measured

from jaxcmp.compare.origin import Origin, origin_of
from jaxcmp.compare.sections.claims import claims_section, judge
from jaxcmp.compare.sections.evidence import Measured, MeasuredArm, study_difference
from jaxcmp.compare.sections.findings import measured as measured_of

ACCURACY, GAP = CLAIMS["pretrained"], CLAIMS["pretrained-gap"]


def tuned(vit=None, resnet=None) -> Measured:
    """Pretrained arms with these accuracies after the last epoch, beside those of the study."""
    arms = {
        name: MeasuredArm(best_accuracies=each, last_accuracies=each, num_test=10_000, runs=[i],
                          name=f"{name}, pretrained")
        for i, (name, each) in enumerate((("vit", vit), ("resnet", resnet)))
        if each is not None
    }  # fmt: skip
    return dataclasses.replace(measured(), tuned=arms)


# Of 10,000 images at 97 %: 1.96 standard errors are 0.33 points, and half a point for rounding.
@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [([0.991], "holds"), ([0.98], "holds"), ([0.972], "holds"), ([0.971], "fails")],
)
def test_an_accuracy_is_reached_by_what_is_as_high_or_higher(accuracies, verdict):
    judgement = judge(ACCURACY, STUDY, tuned(accuracies))
    assert judgement.verdict == verdict
    assert judgement.measured.runs == [0] and judgement.measured.num == 1
    assert judgement.reason.startswith("vit, pretrained: 98 is ")
    assert ("98 is not above" in judgement.reason) == (verdict == "holds")


def test_several_seeds_widen_what_an_accuracy_may_be():
    judgement = judge(ACCURACY, STUDY, tuned([0.965, 0.97, 0.975]))
    # Deviation 0.5 over three seeds: 4.303 * 0.5 / sqrt(3) = 1.24.
    assert judgement.verdict == "holds" and judgement.measured.text == "97.00 ± 1.24 %"


@pytest.mark.parametrize(
    ("vit", "resnet", "verdict"),
    [
        ([0.98], [0.95], "holds"),
        ([0.95], [0.98], "fails"),
        ([0.98], [0.979], "open"),
        ([0.97, 0.98, 0.99], [0.96, 0.97, 0.98], "open"),
    ],
)
def test_the_gap_is_flipped_where_the_vit_is_ahead_by_more_than_chance(vit, resnet, verdict):
    judgement = judge(GAP, STUDY, tuned(vit, resnet))
    assert judgement.verdict == verdict
    assert judgement.measured.value is not None and judgement.measured.runs == [0, 1]
    assert ("not settled" in judgement.reason) == (verdict == "open")


def test_without_both_models_nothing_is_said_of_the_gap():
    for evidence in (tuned([0.98]), tuned(None, [0.9]), Measured()):
        judgement = judge(GAP, STUDY, evidence)
        assert judgement.verdict == "open" and "is finished." in judgement.reason
    assert judge(ACCURACY, STUDY, tuned(None, [0.9])).reason.startswith(
        "No run of a pretrained ViT"
    )


def test_pretrained_arms_judge_no_claim_about_random_weights():
    evidence = dataclasses.replace(tuned([0.99], [0.99]), arms={})
    for claim in STUDY.claims:
        if "pretrained" not in claim.id and claim.measure not in ("parameters", "attention_share"):
            assert judge(claim, STUDY, evidence).verdict == "open"


def test_the_commands_of_pretrained_models_stand_apart():
    texts = [b.text for b in claims_section(tuned()).blocks if b.kind == "text"]
    assert any("Runs from pretrained weights" in text for text in texts)
    (commands,) = (b for b in claims_section(tuned()).blocks if b.kind == "commands")
    assert commands.lines == [STUDY.tuned[name].command for name in ("vit", "resnet")]
    settled = claims_section(tuned([0.98], [0.9]))
    assert not [block for block in settled.blocks if block.kind == "commands"]


def origin(init: dict[str, Any]) -> Origin:
    found = origin_of(init)
    assert found is not None
    return found


CONFIG = {
    "num_epochs": 10,
    "frozen_trunk": False,
    "data": {"name": "cifar10", "train_fraction": 1.0},
    "model": {"name": "vit"},
}
DATA = {"name": "cifar10", "num_train": 50_000}


@pytest.mark.parametrize(
    ("name", "config", "data", "reason"),
    [
        ("ImageNet-21k", {}, {}, None),
        ("imagenet21k, 14 million images", {}, {}, None),
        ("ImageNet-1k", {}, {}, "their weights had seen ImageNet-1k, the study's ImageNet-21k"),
        ("", {}, {}, "their weights had seen Ti_16.npz, of which nothing is said, the study's"),
        ("ImageNet-21k", {"num_epochs": 20}, {}, "num_epochs is 20, the study's is 10"),
        ("ImageNet-21k", {"frozen_trunk": True}, {}, "frozen_trunk is True, which the study has"),
        ("ImageNet-21k", {}, {"num_train": 25_000}, "they trained on 25000 images"),
        (
            "ImageNet-21k",
            {"data": {"name": "cifar100", "train_fraction": 1.0}},
            {},
            "data.name is cifar100, the study's is cifar10",
        ),
    ],
)
def test_only_runs_that_fit_a_claim_about_pretraining_judge_it(name, config, data, reason):
    found = study_difference(STUDY, CONFIG | config, DATA | data, origin(from_file(name)))
    assert (found is None) if reason is None else (found or "").startswith(reason)


def test_weights_that_had_seen_more_than_the_studys_judge_no_claim():
    twice = origin(from_run(name="ImageNet-21k", before=from_run()["seen"]))
    reason = study_difference(STUDY, CONFIG, DATA, twice)
    assert (reason or "").startswith("their weights had seen cifar10, then ImageNet-21k")


def test_a_resnet_from_any_imagenet_fits():
    config = CONFIG | {"model": {"name": "resnet"}}
    for name in ("ImageNet-1k", "ImageNet-21k"):
        assert study_difference(STUDY, config, DATA, origin(from_file(name))) is None
    assert study_difference(STUDY, config, DATA, origin(from_run())) is not None


def test_of_several_pretrained_arms_the_most_accurate_in_the_setting_speaks(tmp_path):
    names, model = STUDY.classes, {"num_epochs": 10}
    files = [from_file(path=f"{i}.npz") for i in range(2)] + [from_file("CIFAR-100", "c.npz")]
    samples = [
        dataclasses.replace(pretrained("vit", 0, init, **model), accuracy=accuracy)
        for init, accuracy in zip(files, (0.6, 0.9, 0.99), strict=True)
    ]
    samples = [dataclasses.replace(each, class_names=names) for each in samples]
    group = sample_runs.make_group(tmp_path, Sample("vit", class_names=names), *samples)
    found = measured_of(group, STUDY)
    assert found.tuned["vit"].runs == [2] and found.tuned["vit"].difference is None
    assert found.tuned["vit"].name.startswith("vit, pretrained on ImageNet-21k")
    assert found.arms["vit"].runs == [0]


def test_pretrained_arms_that_are_alone_speak_for_nothing_else(tmp_path):
    group = sample_runs.make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    found = measured_of(group, STUDY)
    assert not found.arms and set(found.tuned) == {"vit", "resnet"}
