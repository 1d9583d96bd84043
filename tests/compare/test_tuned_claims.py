"""Claims about pretrained models: each verdict, and which runs may give one."""

import dataclasses

import pytest
import sample_runs
from sample_claims import CLAIMS, POST, make_speaker, post_speakers
from sample_runs import Sample
from sample_transfer import from_file, from_run, pretrained

from jaxcmp.compare.origin import origin_of
from jaxcmp.compare.sections.blog_post import find_speakers, setting_difference
from jaxcmp.compare.sections.claims import judge, judged

ACCURACY, GAP = CLAIMS["pretrained"], CLAIMS["pretrained-gap"]
TUNED = ("tuned-vit", "tuned-resnet")


def tuned(*accuracies):
    """Pretrained arms with these accuracies after the last epoch, beside those of the post."""
    arms = zip(TUNED, ("vit", "resnet"), accuracies, strict=False)
    return post_speakers() | {key: make_speaker(model, own) for key, model, own in arms}


def test_without_both_models_nothing_is_said_of_the_gap():
    for found in (tuned([0.98]), tuned(), {}):
        judgement = judge(GAP, POST, found)
        assert judgement.verdict == "open" and "is finished." in judgement.reason
    assert judge(ACCURACY, POST, tuned()).reason.startswith("No run of a pretrained ViT")


def test_pretrained_arms_judge_no_claim_about_random_weights():
    found = {key: speaker for key, speaker in tuned([0.99], [0.99]).items() if key in TUNED}
    for claim in POST.claims:
        if "pretrained" not in claim.id:
            assert judge(claim, POST, found).verdict == "open"


def test_open_claims_ask_for_runs_from_pretrained_weights():
    commands = [POST.arms[name].command for name in TUNED]
    assert set(commands) <= {each.command for each in judged(tuned(), POST).more}
    settled = judged(tuned([0.98, 0.981, 0.982], [0.9, 0.901, 0.902]), POST)
    assert not set(commands) & {each.command for each in settled.more}


CONFIG = {
    "num_epochs": 10,
    "frozen_trunk": False,
    "data": {"name": "cifar10", "train_fraction": 1.0},
    "model": {"name": "vit"},
}


RESNET = {"model": {"name": "resnet"}}
ELSEWHERE = {"data": {"name": "cifar100", "train_fraction": 1.0}}
TWICE = from_run(name="ImageNet-21k", before=from_run()["seen"])
ON = "their weights were pretrained on"


@pytest.mark.parametrize(
    ("init", "config", "num_train", "reason"),
    [
        (from_file("ImageNet-21k"), {}, 50_000, None),
        (from_file("imagenet21k, 14 million images"), {}, 50_000, None),
        (from_file("ImageNet-1k"), {}, 50_000, f"{ON} ImageNet-1k, the blog post's on"),
        (from_file(""), {}, 50_000, f"{ON} Ti_16.npz, trained on unknown data"),
        # Those that had seen more than the blog post's, too.
        (TWICE, {}, 50_000, f"{ON} cifar10, then ImageNet-21k"),
        (from_file(), {"num_epochs": 20}, 50_000, "num_epochs is 20, the blog post's is 10"),
        (from_file(), {"frozen_trunk": True}, 50_000, "frozen_trunk is True, which the blog post"),
        (from_file(), {}, 25_000, "they trained on 25000 images"),
        (from_file(), ELSEWHERE, 50_000, "data.name is cifar100, the blog post's is cifar10"),
        # A ResNet from any ImageNet fits.
        (from_file("ImageNet-1k"), RESNET, 50_000, None),
        (from_file("ImageNet-21k"), RESNET, 50_000, None),
        (from_run(), RESNET, 50_000, f"{ON} cifar10"),
    ],
)
def test_only_runs_that_fit_a_claim_about_pretraining_judge_it(init, config, num_train, reason):
    whole = CONFIG | config
    stated = POST.arms[f"tuned-{whole['model']['name']}"]
    found = setting_difference(POST, stated, whole, {"num_train": num_train}, origin_of(init))
    assert (found is None) if reason is None else (found or "").startswith(reason)


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
        found = find_speakers(each, POST)
        vit = found["tuned-vit"]
        assert vit.arm.runs == [2] and vit.difference is None and not vit.rivals
        assert vit.name.startswith("vit, pretrained on ImageNet-21k")
        assert found["vit"].arm.runs == [0]


def test_of_several_pretrained_arms_none_speaks_for_its_luck_on_the_test_images(tmp_path):
    found = find_speakers(several(tmp_path, num_validation=0), POST)
    assert len(found["tuned-vit"].rivals) == 2
    judgement = judge(ACCURACY, POST, found)
    assert judgement.verdict == "open" and judgement.measured.value is None
    assert "2 arms are a pretrained ViT in the blog post's setting" in judgement.reason
    assert all(name in judgement.reason for name in found["tuned-vit"].rivals)


def test_pretrained_arms_that_are_alone_speak_for_nothing_else(tmp_path):
    group = sample_runs.make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    assert set(find_speakers(group, POST)) == set(TUNED)
