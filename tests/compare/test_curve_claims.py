"""Claims about training curves and about models beside the blog post's: each verdict both ways."""

import dataclasses

import numpy as np
import pytest
import sample_runs
from sample_runs import Sample
from test_judges import CLAIMS, POST, measured

from jaxcmp.compare.sections.blog_post import Measured, MeasuredArm
from jaxcmp.compare.sections.blog_post import measured as measured_of
from jaxcmp.compare.sections.claims import judge


def verdict(name, arm="vit", **curves):
    return judge(CLAIMS[name], POST, measured(**{arm: {"curves": curves}})).verdict


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([0.46], "holds"), ([0.60], "open"), ([0.6, 0.601, 0.602], "fails"), ([0.5, 0.51], "holds")],
)
def test_an_accuracy_after_an_epoch_is_judged_like_any_accuracy(accuracies, expected):
    assert verdict("accuracy-at-10", test_accuracy={10: accuracies}) == expected
    assert verdict("accuracy-at-10", test_accuracy={9: accuracies}) == "open"


def with_bend_at(epoch, num_seeds):
    """Rises by a point an epoch, and by two from `epoch` on."""
    rise = {e: 0.3 + 0.01 * e + 0.01 * max(e - epoch, 0) for e in range(1, 31)}
    return {e: [value + 0.001 * seed for seed in range(num_seeds)] for e, value in rise.items()}


@pytest.mark.parametrize(
    ("bend", "num_seeds", "expected"),
    [(10, 1, "holds"), (10, 3, "holds"), (12, 3, "fails"), (12, 2, "open")],
)
def test_a_jump_is_the_largest_second_difference_of_every_seed(bend, num_seeds, expected):
    assert verdict("jump", test_accuracy=with_bend_at(bend, num_seeds)) == expected


def test_learning_rates_are_judged_without_chance():
    assert verdict("learning-rates", learning_rate={10: [9.997e-4], 100: [1e-9]}) == "holds"
    assert verdict("learning-rates", learning_rate={10: [5e-4], 100: [0.0]}) == "fails"
    assert verdict("learning-rates", learning_rate={10: [1e-3]}) == "open"


@pytest.mark.parametrize(
    ("reached", "expected"), [((65, 66, 67), "holds"), ((90, 91, 92), "fails"), ((90,), "open")]
)
def test_convergence_is_the_epoch_from_which_the_accuracy_stays_close(reached, expected):
    # A step of 20 points, smoothed over 5 epochs, is close two epochs later.
    curve = {e: [0.7 + 0.2 * (e >= epoch - 2) for epoch in reached] for e in range(1, 101)}
    assert verdict("resnet-convergence", "resnet", test_accuracy=curve) == expected


@pytest.mark.parametrize(("conv", "expected"), [(0.90, "holds"), (0.80, "fails"), (0.8705, "open")])
def test_one_bias_closes_a_part_of_the_gap_where_its_lead_is_more_than_chance(conv, expected):
    def arm(accuracy):
        seeds = [accuracy - 0.001, accuracy, accuracy + 0.001]
        return MeasuredArm(last_accuracies=seeds, num_test=10_000, name="x")

    found = Measured({"vit": arm(0.87), "vit-conv": arm(conv)})
    assert judge(CLAIMS["inductive-bias"], POST, found).verdict == expected
    without = dataclasses.replace(found, arms={"vit": arm(0.87)})
    judgement = judge(CLAIMS["inductive-bias"], POST, without)
    assert judgement.reason.startswith("No run of ViT-Tiny with a convolutional stem is finished.")


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
    found = measured_of(sample_runs.make_group(tmp_path, *long), POST).arms
    assert found["vit"].difference is None
    assert {key: found[key].seeds for key in samples} == {key: [i] for i, key in enumerate(samples)}
    assert found["resnet"].difference
    assert np.shape(found["vit"].curves["test_accuracy"][10]) == (1,)


@pytest.mark.parametrize(
    ("vit", "light", "heavy", "resnet", "expected"),
    [
        (0.87, 0.80, 0.94, 0.93, "holds"),
        # It helps the other model as much, or more; and it harms the first.
        (0.87, 0.80, 0.93, 0.86, "open"),
        (0.87, 0.86, 0.95, 0.90, "fails"),
        (0.80, 0.87, 0.70, 0.93, "fails"),
    ],
)
def test_a_model_needs_what_helps_it_and_more_than_the_other(vit, light, heavy, resnet, expected):
    def arm(accuracy):
        seeds = [accuracy - 0.001, accuracy, accuracy + 0.001]
        return MeasuredArm(last_accuracies=seeds, num_test=10_000, name="x")

    accuracies = {"vit": vit, "vit-light": light, "resnet-heavy": heavy, "resnet": resnet}
    found = Measured({key: arm(accuracy) for key, accuracy in accuracies.items()})
    judgement = judge(CLAIMS["augmentation"], POST, found)
    assert judgement.verdict == expected
    assert judgement.measured.value == pytest.approx(100 * (vit - light))
    three = Measured({key: each for key, each in found.arms.items() if key != "resnet-heavy"})
    assert judge(CLAIMS["augmentation"], POST, three).verdict == "open"
