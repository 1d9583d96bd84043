"""Who is said to be ahead: with points, interval, p value and seeds, and no more than is known."""

from pathlib import Path

import sample_runs
from sample_arms import make_arm
from sample_runs import Sample
from sample_transfer import keep, make_transfer

from jaxcmp.compare.verdict import answer, pretrained_arms, same_images_sentence, verdict


def test_one_seed_shows_no_spread_and_says_so():
    (sentence,) = verdict([make_arm("resnet", [0.95, 0.96]), make_arm("vit", [0.87])])
    assert sentence == (
        "resnet is ahead of vit by 8.50 points of test accuracy (2 and 1 seeds). "
        "With one seed of vit, the spread between seeds is unknown."
    )


def test_the_leader_is_named_with_points_interval_p_value_and_seeds():
    (sentence,) = verdict([make_arm("a", [0.95, 0.96]), make_arm("b", [0.85, 0.86])])
    # Standard error 0.7071 points, 2 degrees of freedom, t(0.975, 2) = 4.3027; t = 14.14.
    assert sentence == (
        "a is ahead of b by 10.00 points of test accuracy (2 seeds each; Welch's 95 % interval "
        "6.96 to 13.04, p = 0.005), more than seeds alone explain."
    )


def test_a_difference_within_the_spread_of_seeds_is_not_claimed():
    (sentence,) = verdict([make_arm("a", [0.90, 0.96]), make_arm("b", [0.85, 0.95])])
    assert sentence.endswith("which seeds alone can explain.")


def test_arms_of_equal_accuracy_are_level_and_have_no_p_value_without_spread():
    (sentence,) = verdict([make_arm("a", [0.9, 0.9]), make_arm("b", [0.9, 0.9])])
    assert sentence.startswith("a and b are level in test accuracy (2 seeds each).")
    assert "no p value" in sentence


def test_a_single_arm_is_compared_with_nothing():
    assert verdict([make_arm("vit", [0.9])]) == [
        "vit is the only arm here: there is nothing to compare it with."
    ]


def test_the_choice_of_test_images_is_told_apart_from_that_of_seeds(tmp_path: Path):
    group = sample_runs.make_group(tmp_path, Sample("vit"), Sample("resnet"))
    leader, other = group.ranked
    sentence = same_images_sentence(leader, other)
    assert "paired over the 200 images" in sentence and "(p = " in sentence
    assert "says nothing about other seeds" in sentence
    assert same_images_sentence(leader, leader).endswith(
        "is 0.00 to 0.00 points (p = 1); that says nothing about other seeds."
    )


def test_random_and_pretrained_weights_are_never_compared_without_a_word(tmp_path: Path):
    group = make_transfer(tmp_path)
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
