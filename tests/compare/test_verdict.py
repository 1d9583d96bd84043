"""Sentences on who is ahead: points, interval, p value and seeds, and no more than is known."""

from pathlib import Path

import pytest
from sample_outcomes import make_arm
from sample_transfer import keep, make_transfer

from jaxcmp.compare.verdict import answer, pretrained_arms, verdict


@pytest.mark.parametrize(
    ("one", "two", "found"),
    [
        # Of fewer than three seeds each is shown, without an interval or a lead.
        (
            [0.951, 0.95],
            [0.85, 0.851, 0.852],
            "a scored 9.95 points more than b in test accuracy (2 and 3 seeds: 95.10 and 95.00 % "
            "against 85.10 ± 0.25 %). With fewer than three seeds of a, the spread between seeds "
            "is unknown.",
        ),
        (
            [0.95, 0.96],
            [0.87],
            "a scored 8.50 points more than b in test accuracy (2 and 1 seeds: 95.00 and 96.00 % "
            "against 87.00 %). With fewer than three seeds of a and b, the spread between seeds is "
            "unknown.",
        ),
        # Standard error 0.8165 points, 4 degrees of freedom, t(0.975, 4) = 2.7764; t = 12.25.
        (
            [0.95, 0.96, 0.97],
            [0.85, 0.86, 0.87],
            "a is ahead of b by 10.00 points of test accuracy (3 seeds each; Welch's 95 % interval "
            "7.73 to 12.27, p < 0.001), more than seeds alone explain.",
        ),
        # Equal accuracies are level, whatever their fractions add up to.
        (
            [0.9] * 3,
            [0.9] * 3,
            "a and b are level in test accuracy (3 seeds each, equal within each arm; permutation "
            "test, p = 1).",
        ),
        ([0.1, 0.4, 0.7], [0.3, 0.4, 0.5], "a and b are level in test accuracy (3 seeds each; W"),
        # A difference within the spread of seeds is not claimed; the second, 90.015 and 90.005.
        ([0.90, 0.93, 0.96], [0.85, 0.90, 0.95], "a scored 3.00 points more than b"),
        ([0.9, 0.9, 0.9003], [0.899, 0.9, 0.9011], "a scored 0.01 points more than b"),
        # Seeds that agree are a lead where there are enough of them.
        ([0.9] * 3, [0.8] * 3, "a scored 10.00 points more than b"),
        ([0.9] * 5, [0.8] * 5, "a is ahead of b by 10.00 points"),
    ],
)
def test_who_is_ahead_is_said_with_points_interval_p_value_and_seeds(one, two, found):
    (sentence,) = verdict([make_arm("a", one), make_arm("b", two)])
    assert sentence.startswith(found) and (found[-1] != "." or sentence == found)
    is_open = "scored" in found and "unknown" not in found
    assert sentence.endswith("which seeds alone can explain.") == is_open


def test_where_seeds_are_equal_within_each_of_three_arms_no_interval_is_made_up():
    arms = [make_arm(name, [share] * 5) for name, share in (("a", 0.9), ("b", 0.8), ("c", 0.7))]
    text = " ".join(verdict(arms))
    assert "interval" not in text and "Welch's or a permutation test" in text


def test_a_single_arm_is_compared_with_nothing():
    assert verdict([make_arm("vit", [0.9])]) == [
        "vit is the only arm here: there is nothing to compare it with."
    ]


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
