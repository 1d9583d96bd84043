"""Claims about pretrained models: each verdict, and which runs may give one."""

import dataclasses
from typing import Any

import pytest
import sample_runs
from sample_runs import Sample
from sample_transfer import from_file, from_run, pretrained
from test_judges import CLAIMS, POST, measured

from jaxcmp.compare.origin import Origin, origin_of
from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm, setting_difference
from jaxcmp.compare.sections.blog_post import measured as measured_of
from jaxcmp.compare.sections.claims import judge, judged

ACCURACY, GAP = CLAIMS["pretrained"], CLAIMS["pretrained-gap"]


def tuned(vit=None, resnet=None) -> Measured:
    """Pretrained arms with these accuracies after the last epoch, beside those of the post."""
    arms = {
        name: MeasuredArm(
            best_accuracies=each,
            last_accuracies=each,
            num_test=10_000,
            runs=[i],
            name=f"{name}, pretrained",
        )
        for i, (name, each) in enumerate((("vit", vit), ("resnet", resnet)))
        if each is not None
    }
    return dataclasses.replace(measured(), tuned=arms)


# Of 10,000 images at 97 %: 1.96 standard errors are 0.33 points, and half a point for rounding.
# What a single seed does not reach, another may.
@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ([0.991], "holds"),
        ([0.98], "holds"),
        ([0.972], "holds"),
        ([0.971], "open"),
        ([0.96, 0.961, 0.962], "fails"),
    ],
)
def test_an_accuracy_is_reached_by_what_is_as_high_or_higher(accuracies, verdict):
    judgement = judge(ACCURACY, POST, tuned(accuracies))
    assert judgement.verdict == verdict
    assert judgement.measured.runs == [0] and judgement.measured.num == len(accuracies)
    assert judgement.reason.startswith("vit, pretrained: 98 is ")
    assert ("98 is not above" in judgement.reason) == (verdict == "holds")


@pytest.mark.parametrize(
    ("vit", "resnet", "verdict"),
    [
        ([0.98, 0.981, 0.982], [0.95, 0.951, 0.952], "holds"),
        ([0.95, 0.951, 0.952], [0.98, 0.981, 0.982], "fails"),
        # Single seeds show no spread, so that no lead is real.
        ([0.98], [0.95], "open"),
        ([0.98], [0.979], "open"),
        ([0.97, 0.98, 0.99], [0.96, 0.97, 0.98], "open"),
    ],
)
def test_the_gap_is_flipped_where_the_vit_is_ahead_by_more_than_chance(vit, resnet, verdict):
    judgement = judge(GAP, POST, tuned(vit, resnet))
    assert judgement.verdict == verdict
    assert judgement.measured.value is not None and judgement.measured.runs == [0, 1]
    assert ("not clear" in judgement.reason) == (verdict == "open")


def test_without_both_models_nothing_is_said_of_the_gap():
    for evidence in (tuned([0.98]), tuned(None, [0.9]), Measured()):
        judgement = judge(GAP, POST, evidence)
        assert judgement.verdict == "open" and "is finished." in judgement.reason
    assert judge(ACCURACY, POST, tuned(None, [0.9])).reason.startswith("No run of a pretrained ViT")


def test_pretrained_arms_judge_no_claim_about_random_weights():
    evidence = dataclasses.replace(tuned([0.99], [0.99]), arms={})
    for claim in POST.claims:
        if "pretrained" not in claim.id:
            assert judge(claim, POST, evidence).verdict == "open"


def test_open_claims_ask_for_runs_from_pretrained_weights():
    commands = [POST.tuned[name].command for name in ("vit", "resnet")]
    assert set(commands) <= {each.command for each in judged(tuned(), POST).more}
    settled = judged(tuned([0.98, 0.981, 0.982], [0.9, 0.901, 0.902]), POST)
    assert not set(commands) & {each.command for each in settled.more}


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
        (
            "ImageNet-1k",
            {},
            {},
            "their weights were pretrained on ImageNet-1k, the blog post's on",
        ),
        ("", {}, {}, "their weights were pretrained on Ti_16.npz, trained on unknown data"),
        ("ImageNet-21k", {"num_epochs": 20}, {}, "num_epochs is 20, the blog post's is 10"),
        (
            "ImageNet-21k",
            {"frozen_trunk": True},
            {},
            "frozen_trunk is True, which the blog post",
        ),
        ("ImageNet-21k", {}, {"num_train": 25_000}, "they trained on 25000 images"),
        (
            "ImageNet-21k",
            {"data": {"name": "cifar100", "train_fraction": 1.0}},
            {},
            "data.name is cifar100, the blog post's is cifar10",
        ),
    ],
)
def test_only_runs_that_fit_a_claim_about_pretraining_judge_it(name, config, data, reason):
    found = setting_difference(POST, CONFIG | config, DATA | data, origin(from_file(name)))
    assert (found is None) if reason is None else (found or "").startswith(reason)


def test_weights_that_had_seen_more_than_the_blog_posts_judge_no_claim():
    twice = origin(from_run(name="ImageNet-21k", before=from_run()["seen"]))
    reason = setting_difference(POST, CONFIG, DATA, twice)
    assert (reason or "").startswith("their weights were pretrained on cifar10, then ImageNet-21k")


def test_a_resnet_from_any_imagenet_fits():
    config = CONFIG | {"model": {"name": "resnet"}}
    for name in ("ImageNet-1k", "ImageNet-21k"):
        assert setting_difference(POST, config, DATA, origin(from_file(name))) is None
    assert setting_difference(POST, config, DATA, origin(from_run())) is not None


def several(tmp_path, *, num_validation):
    """Returns two arms in the setting: the first is better on test images, the second held out."""
    names, model = POST.classes, {"num_epochs": 10}
    files = [from_file(path=f"{i}.npz") for i in range(2)] + [from_file("CIFAR-100", "c.npz")]
    samples = [
        dataclasses.replace(
            pretrained("vit", seed, init, **model),
            accuracy=accuracy,
            class_names=names,
            num_validation=num_validation,
        )
        for seed, init, accuracy in zip((0, 1, 2), files, (0.6, 0.9, 0.99), strict=True)
    ]
    return sample_runs.make_group(tmp_path, Sample("vit", class_names=names), *samples)


def test_of_several_pretrained_arms_the_most_accurate_on_held_out_images_speaks(tmp_path):
    group = several(tmp_path, num_validation=200)
    # As if the test images said the reverse of what the held-out ones do.
    turned = sample_runs.alter(
        group, lambda outcome: dataclasses.replace(outcome, test_accuracy=1 - outcome.test_accuracy)
    )
    for each in (group, turned):
        found = measured_of(each, POST)
        assert found.tuned["vit"].runs == [2] and found.tuned["vit"].difference is None
        assert not found.tuned["vit"].rivals
        assert found.tuned["vit"].name.startswith("vit, pretrained on ImageNet-21k")
        assert found.arms["vit"].runs == [0]


def test_of_several_pretrained_arms_none_speaks_for_its_luck_on_the_test_images(tmp_path):
    found = measured_of(several(tmp_path, num_validation=0), POST)
    assert len(found.tuned["vit"].rivals) == 2
    judgement = judge(ACCURACY, POST, found)
    assert judgement.verdict == "open" and judgement.measured.value is None
    assert "2 arms are a pretrained ViT in the blog post's setting" in judgement.reason
    assert all(name in judgement.reason for name in found.tuned["vit"].rivals)


def test_pretrained_arms_that_are_alone_speak_for_nothing_else(tmp_path):
    group = sample_runs.make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    found = measured_of(group, POST)
    assert not found.arms and set(found.tuned) == {"vit", "resnet"}
