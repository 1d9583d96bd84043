"""Claims about the course of training and the reason: each verdict both ways."""

import dataclasses

import numpy as np
import pytest
import sample_runs
import sections
from sample_claims import CLAIMS, POST, make_speaker
from sample_inspections import inspect_group, inspect_sample
from sample_runs import Sample, make_group

from jaxcmp.compare.arms import Group
from jaxcmp.compare.inspected import read_inspected
from jaxcmp.compare.sections.blog_post import Speaker
from jaxcmp.compare.sections.claims import judge
from jaxcmp.compare.sections.why import why_section
from jaxcmp.runs.inspections import write_inspection


def judged(name, **speakers):
    return judge(CLAIMS[name], POST, speakers)


def verdict(name, arm="vit", **curves):
    return judged(name, **{arm: make_speaker(arm, **curves)}).verdict


def with_bend_at(epoch, num_seeds):
    """Rises by a point an epoch, and by two from `epoch` on."""
    rise = {e: 0.3 + 0.01 * e + 0.01 * max(e - epoch, 0) for e in range(1, 31)}
    return {e: [value + 0.001 * seed for seed in range(num_seeds)] for e, value in rise.items()}


@pytest.mark.parametrize(
    ("bend", "num_seeds", "expected"),
    [(10, 1, "holds"), (10, 3, "holds"), (12, 3, "fails"), (12, 2, "open")],
)
def test_a_jump_is_the_largest_second_difference_of_every_seed(bend, num_seeds, expected):
    assert verdict("jump", curve=with_bend_at(bend, num_seeds)) == expected


def test_learning_rates_are_judged_without_chance():
    assert verdict("learning-rates", rates={10: [9.997e-4], 100: [1e-9]}) == "holds"
    assert verdict("learning-rates", rates={10: [5e-4], 100: [0.0]}) == "fails"
    assert verdict("learning-rates", rates={10: [1e-3]}) == "open"


@pytest.mark.parametrize(
    ("reached", "expected"), [((65, 66, 67), "holds"), ((90, 91, 92), "fails"), ((90,), "open")]
)
def test_convergence_is_the_epoch_from_which_the_accuracy_stays_close(reached, expected):
    # A step of 20 points, smoothed over 5 epochs, is close two epochs later.
    curve = {e: [0.7 + 0.2 * (e >= epoch - 2) for epoch in reached] for e in range(1, 101)}
    assert verdict("resnet-convergence", "resnet", curve=curve) == expected


LOW = {"unchanged": 0.8, "black": 0.4, "else": 0.5}
HIGH = LOW | {"black": 0.9}


@pytest.mark.parametrize(
    ("fall", "num_seeds", "expected"),
    [(0.019, 3, "holds"), (0.019, 1, "holds"), (0.03, 3, "fails"), (0.03, 1, "open")],
)
def test_a_curve_is_smooth_where_no_epoch_loses_more_than_stated(fall, num_seeds, expected):
    rise = {
        epoch: 0.5 + 0.02 * epoch - fall * (epoch >= 7) - 0.02 * (epoch >= 7)
        for epoch in range(1, 11)
    }
    rough = {epoch: [value] * num_seeds for epoch, value in rise.items()}
    even = {epoch: [0.5 + 0.02 * epoch] * num_seeds for epoch in range(1, 11)}
    both = {"vit": even, "resnet": rough}
    found = {model: make_speaker(model, curve=curve) for model, curve in both.items()}
    judgement = judged("smooth", **found)
    assert judgement.verdict == expected
    assert f"resnet loses at most {100 * fall:.2f}" in judgement.reason


def test_without_epochs_no_curve_is_smooth_or_not():
    silent = {model: make_speaker(model, [0.9]) for model in ("vit", "resnet")}
    assert judged("smooth", **silent).verdict == "open"


def sized(model, by_size):
    """An arm with these mean accuracies by the number of training images, three seeds each."""
    arms = []
    for num_train, mean in by_size.items():
        arm = make_speaker(model, [mean - 0.01, mean, mean + 0.01]).arm
        outcomes = [dataclasses.replace(each, num_train=num_train) for each in arm.outcomes]
        arms.append(dataclasses.replace(arm, outcomes=tuple(outcomes)))
    *parts, whole = arms
    return Speaker(whole, Group("cifar10", (whole,), smaller=tuple(parts)))


@pytest.mark.parametrize(
    ("vit", "expected"),
    [
        ({100: 0.3, 1000: 0.5}, "holds"),
        ({100: 0.3, 1000: 0.7}, "fails"),
        ({100: 0.395, 1000: 0.5}, "open"),
        ({1000: 0.5}, "open"),
    ],
)
def test_there_is_no_crossover_where_the_resnet_leads_at_every_size(vit, expected):
    found = {"resnet": sized("resnet", {100: 0.4, 1000: 0.6}), "vit": sized("vit", vit)}
    assert judged("crossover", **found).verdict == expected


def test_a_single_lead_of_the_vit_has_to_outlast_the_correction_for_all_sizes():
    sizes = (100, 1000, 10_000, 50_000)
    resnet = sized("resnet", dict.fromkeys(sizes, 0.6))
    # By 2.8 points, with deviations of one: p = 0.03 for one size, 0.1 for four.
    vit = sized("vit", {n: 0.628 if n == 1000 else 0.6 for n in sizes})
    judgement = judged("crossover", resnet=resnet, vit=vit)
    assert judgement.verdict == "open" and "1,000 images: vit is ahead" in judgement.reason


def test_the_sizes_of_an_arm_are_those_of_its_recipe_for_as_many_epochs(tmp_path):
    shorter = {"data.train_fraction": 0.25, "num_epochs": 3}
    configs, models = ({}, {"data.train_fraction": 0.5}, shorter), ("vit", "resnet")
    samples = [Sample(model, config=config) for model in models for config in configs]
    group = make_group(tmp_path, *samples)
    found = {arm.name: Speaker(arm, group) for arm in group.arms}
    reason = judged("crossover", **found).reason
    assert reason.startswith("resnet against vit on 25,000 images: not clear; 50,000 images: not")


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    """Inspections in which the ResNet keeps more answers."""
    return inspect_group(tmp_path_factory.mktemp("claims"), {"resnet": HIGH, "vit": LOW})


def speakers(group):
    return {arm.name: Speaker(arm, group) for arm in group.arms}


def test_keeping_answers_under_shifts_is_judged_by_the_lead(inspected):
    resnet, vit = (speakers(inspected)[name] for name in ("resnet", "vit"))
    judgement = judged("anywhere", resnet=resnet, vit=vit)
    assert judgement.verdict == "holds"
    assert judgement.measured.value == pytest.approx(50, abs=5)
    assert set(judgement.measured.runs) == {*resnet.arm.runs, *vit.arm.runs}
    assert judged("anywhere", resnet=vit, vit=resnet).verdict == "fails"
    assert judged("anywhere", resnet=resnet, vit=resnet).verdict == "open"


def test_keeping_answers_has_the_words_and_the_corrected_p_value_of_why(tmp_path):
    group = inspect_group(tmp_path, {"resnet": LOW, "vit": LOW})
    judgement = judged("anywhere", **speakers(group))
    sentence = judgement.reason.removesuffix(CLAIMS["anywhere"].note).strip()
    assert judgement.verdict == "open" and "correction for all questions" in sentence
    assert sentence in sections.texts(why_section(group))


@pytest.mark.parametrize(("sign", "expected"), [(1, "holds"), (-1, "fails"), (0, "open")])
def test_global_shape_is_judged_by_classes_that_lose_more_to_shuffled_tiles(
    inspected, sign, expected
):
    arms = read_inspected(inspected).arms.values()
    losses = np.mean([each.class_losses("arrangement", "tiles", 8) for each in arms], axis=0)
    ranks = sign * np.argsort(np.argsort(losses)) if sign else np.array([0, 2, 1, 4, 0])
    names = inspected.class_names
    labels = np.repeat(np.arange(len(names)), 100)

    def logits(num_right):
        is_right = np.tile(np.arange(100), len(names)) < np.repeat(num_right, 100)
        answers = np.where(is_right, labels, (labels + 1) % len(names))
        return [sample_runs.logits_of(answers.tolist(), len(names))] * 3

    own = {"vit": logits(50 + ranks), "resnet": logits(np.full(len(names), 50))}
    group = sample_runs.with_logits(inspected, own, labels, *names)
    assert judged("global-shape", **speakers(group)).verdict == expected


def with_entropy(root, change, spread):
    """An arm with attention whose entropy training has changed by so many percent."""
    group = make_group(root, *(Sample("vit", seed) for seed in range(3)))
    initial = np.full((2, 3), 0.7)
    for outcome in group.arms[0].outcomes:
        found = inspect_sample(outcome.run.folder, LOW)
        trained = initial + (change + spread * (outcome.seed - 1)) / 100
        found["attention"]["trained"]["entropy"] = trained.tolist()
        found["attention"]["initial"]["entropy"] = initial.tolist()
        write_inspection(outcome.run.folder, found)
    return speakers(group)


@pytest.mark.parametrize(
    ("change", "spread", "expected"),
    [(-20, 1, "fails"), (0.1, 0.1, "holds"), (-1, 1, "open"), (20, 1, "open")],
)
def test_attention_that_gathers_has_specialised(tmp_path, change, spread, expected):
    judgement = judged("specialise", **with_entropy(tmp_path, change, spread))
    assert judgement.verdict == expected
    assert judgement.measured.value == pytest.approx(change)


def test_runs_that_were_not_inspected_leave_the_claim_open():
    found = {model: make_speaker(model, [0.9]) for model in ("vit", "resnet")}
    for name in ("anywhere", "global-shape", "specialise"):
        judgement = judged(name, **found)
        assert judgement.verdict == "open" and "python -m jaxcmp.inspect" in judgement.reason
