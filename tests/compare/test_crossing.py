"""Sizes between which arms change places: as measured, how surely, and from how many runs."""

import dataclasses

import pytest
from sample_arms import make_arm
from scipy import stats

from jaxcmp.compare.arms import Arm
from jaxcmp.compare.sections.data_size import Sized, crossing_sentences


def sized(name: str, accuracies: dict[int, list[float]]) -> Sized:
    """An arm with these accuracies by number of training images."""
    parts = [
        Arm(name, tuple(dataclasses.replace(each, num_train=size) for each in arm.outcomes))
        for size, arm in ((size, make_arm(name, own)) for size, own in accuracies.items())
    ]
    return Sized(parts[-1], tuple(parts))


def said(first: dict[int, list[float]], second: dict[int, list[float]]) -> str:
    texts = crossing_sentences(sized("resnet", first), sized("vit", second), "equal steps")
    return "\n".join(texts)


RESNET = {100: [0.3, 0.31, 0.32], 200: [0.5, 0.51, 0.52], 400: [0.8, 0.805, 0.81]}


def test_a_change_of_places_has_its_two_sizes_with_the_lead_at_each():
    text = said(RESNET, {100: [0.4, 0.41, 0.43], 200: [0.6, 0.605, 0.61], 400: [0.7, 0.71, 0.72]})
    result = stats.ttest_ind([60, 60.5, 61], [50, 51, 52], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal steps, resnet and vit change places as measured between 200 images, where vit "
        f"leads by 9.50 points (95 % interval {low:.2f} to {high:.2f}, "
        "p < 0.001, n = 3), and 400, where resnet leads by 9.50 points (95 % "
    ) in text


def test_means_that_change_places_settle_nothing_where_seeds_could_explain_it():
    first = {100: [0.3], 200: [0.45], 400: [0.8]}
    text = said(first, {100: [0.2], 200: [0.5], 400: [0.75]})
    assert "the means of resnet and vit change places, which seeds alone can explain: " in text
    assert "between 100 images, where resnet scored more by 10.00 points (too few seeds" in text
    assert "; and between 200 images, where vit scored more by 5.00 points" in text
    assert "leads" not in text and "change places as measured" not in text
    assert "do not cross within the range measured, 100 to 400 images" in text


def test_an_arm_that_is_never_behind_is_said_to_be_so():
    text = said(RESNET, {100: [0.1, 0.11, 0.12], 200: [0.5, 0.51, 0.52], 400: [0.7]})
    assert (
        "resnet scored no less than vit at any of the 3 sizes measured, and is ahead by more than "
        "seeds alone explain at 1: at 100 images, resnet leads by 20.00 points"
    ) in text
    assert (
        "at 400, resnet scored more by 10.50 points (too few seeds" in text
        and "n = 3 and 1)" in text
    )
    text = said(RESNET, {100: [0.1, 0.11, 0.12], 200: [0.4, 0.41, 0.42], 400: [0.7, 0.705, 0.71]})
    assert "resnet is ahead of vit at all 3 sizes measured: at 100 images, resnet leads" in text


def test_a_lead_that_seeds_alone_explain_is_no_change_of_places():
    first = {100: [0.3, 0.31, 0.32], 200: [0.9, 0.90015, 0.9003]}
    text = said(first, {100: [0.4, 0.405, 0.41], 200: [0.899, 0.90005, 0.9011]})
    assert (
        "change places, which seeds alone can explain" in text
        and "where vit leads by 9.50 points" in text
    )
    assert "where resnet scored more by 0.01 points (95 % interval" in text
    assert "n = 3), which seeds alone can explain" in text


@pytest.mark.parametrize("runs", [[0.0], [0.0, 0.001]])
def test_fewer_than_three_seeds_are_ahead_at_no_size_and_have_no_interval(runs):
    def at(**means: float) -> dict[int, list[float]]:
        return {int(size[1:]): [mean + run for run in runs] for size, mean in means.items()}

    text = said(at(n100=0.3, n200=0.5), at(n100=0.1, n200=0.4))
    assert "with fewer than three seeds their spread is unknown: at 100 images, resnet" in text
    assert "is ahead" not in text and "leads" not in text and "95 %" not in text
    text = said(at(n100=0.3, n200=0.5, n400=0.7), at(n100=0.1, n200=0.51, n400=0.9))
    assert "change places, which seeds alone can explain" in text and "leads" not in text
    assert "these runs give no interval" in text and "95 %" not in text


@pytest.mark.parametrize("sizes", [(100,), ()])
def test_sizes_that_only_one_arm_has_are_no_place_to_change(sizes):
    own = {size: [0.2, 0.21] for size in sizes} | {150: [0.3, 0.31], 160: [0.4, 0.41]}
    text = said(RESNET, dict(sorted(own.items())))
    assert ("measured on 100 images only" in text) == bool(sizes)
    assert "change places" not in text
