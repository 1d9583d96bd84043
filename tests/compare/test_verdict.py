"""Sentences on who is ahead: points, interval, p value and seeds, and no more than is known."""

from pathlib import Path

import numpy as np
import sample_runs
from sample_arms import make_arm
from sample_runs import Sample
from sample_transfer import keep, make_transfer

from jaxcmp.compare.verdict import answer, pretrained_arms, same_images_sentence, verdict


def test_fewer_than_three_seeds_are_shown_each_with_no_interval_and_no_lead():
    close = make_arm("a", [0.951, 0.95]), make_arm("b", [0.85, 0.851, 0.852])
    (sentence,) = verdict(close)
    assert sentence == (
        "a scored 9.95 points more than b in test accuracy (2 and 3 seeds: 95.10 and 95.00 % "
        "against 85.10 ± 0.25 %). With fewer than three seeds of a, the spread between seeds is "
        "unknown."
    )
    (sentence,) = verdict([make_arm("resnet", [0.95, 0.96]), make_arm("vit", [0.87])])
    assert sentence == (
        "resnet scored 8.50 points more than vit in test accuracy (2 and 1 seeds: 95.00 and 96.00 "
        "% against 87.00 %). With fewer than three seeds of resnet and vit, the spread between "
        "seeds is unknown."
    )


def test_the_leader_is_named_with_points_interval_p_value_and_seeds():
    (sentence,) = verdict([make_arm("a", [0.95, 0.96, 0.97]), make_arm("b", [0.85, 0.86, 0.87])])
    # Standard error 0.8165 points, 4 degrees of freedom, t(0.975, 4) = 2.7764; t = 12.25.
    assert sentence == (
        "a is ahead of b by 10.00 points of test accuracy (3 seeds each; Welch's 95 % interval "
        "7.73 to 12.27, p < 0.001), more than seeds alone explain."
    )


def test_a_difference_within_the_spread_of_seeds_is_not_claimed():
    # The second pair: 90.015 against 90.005.
    for one, two in (
        ([0.90, 0.93, 0.96], [0.85, 0.90, 0.95]),
        ([0.9, 0.9, 0.9003], [0.899, 0.9, 0.9011]),
    ):
        (sentence,) = verdict([make_arm("a", one), make_arm("b", two)])
        assert sentence.endswith("which seeds alone can explain.")
        assert "ahead" not in sentence and "a scored " in sentence


def test_arms_of_equal_accuracy_are_level_however_their_fractions_add_up():
    (sentence,) = verdict([make_arm("a", [0.9] * 3), make_arm("b", [0.9] * 3)])
    assert sentence == (
        "a and b are level in test accuracy (3 seeds each, equal within each arm; permutation "
        "test, p = 1)."
    )
    arms = make_arm("a", [0.1, 0.4, 0.7]), make_arm("b", [0.3, 0.4, 0.5])
    assert np.mean(arms[0].accuracies[::2]) != np.mean(arms[1].accuracies[::2])
    (sentence,) = verdict(arms)
    assert sentence.startswith("a and b are level in test accuracy (3 seeds each; Welch's 95 %")


def test_seeds_that_agree_are_a_lead_where_there_are_enough_of_them():
    for num, is_ahead in ((3, False), (5, True)):
        (sentence,) = verdict([make_arm("a", [0.9] * num), make_arm("b", [0.8] * num)])
        assert ("a is ahead of b by 10.00 points" in sentence) == is_ahead


def test_a_single_arm_is_compared_with_nothing():
    assert verdict([make_arm("vit", [0.9])]) == [
        "vit is the only arm here: there is nothing to compare it with."
    ]


def test_the_choice_of_test_images_is_told_apart_from_that_of_seeds(tmp_path: Path):
    group = sample_runs.make_group(tmp_path, Sample("vit"), Sample("resnet"))
    leader, other = group.ranked
    sentence = same_images_sentence(leader, other)
    assert "With other test images than these 200" in sentence and ", p = " in sentence
    assert "says nothing about other seeds" in sentence
    level = "would differ by −1.88 to 1.88 points (95 % interval, paired over images, p = 1)"
    assert level in same_images_sentence(leader, leader)


def test_random_and_pretrained_weights_are_never_compared_without_a_word(tmp_path: Path):
    group = make_transfer(tmp_path, num_seeds=3)
    random, tuned = answer(group)
    assert random.startswith("From random weights: resnet is ahead of vit by 10.00 points")
    assert tuned.startswith(
        "From pretrained weights: vit, pretrained on 5 classes of cifar10 is ahead of resnet, "
        "pretrained on 5 classes of cifar10 by 5.00 points"
    )
    # The runs on fewer images are in neither.
    assert len(pretrained_arms(group)) == 2
    assert answer(keep(group)) == verdict(group.arms)


def test_a_single_pretrained_arm_is_not_said_to_be_ahead_of_one_that_began_at_random(
    tmp_path: Path,
):
    _, tuned = answer(keep(make_transfer(tmp_path), "vit"))
    assert tuned == (
        "From pretrained weights: vit, pretrained on 5 classes of cifar10 is the only arm here: "
        "there is nothing to compare it with."
    )
