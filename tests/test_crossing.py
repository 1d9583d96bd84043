"""Where arms change places: as measured, between which sizes, how surely, and by how many runs."""

import dataclasses

import pytest
from sample_arms import make_arm
from scipy import stats

from jaxcmp.compare.arms import Arm
from jaxcmp.compare.sections.crossing import Sized, crossing_texts


def sized(name: str, accuracies: dict[int, list[float]]) -> Sized:
    """An arm with these accuracies by number of training images."""
    parts = [
        Arm(name, tuple(dataclasses.replace(each, num_train=size) for each in arm.outcomes))
        for size, arm in ((size, make_arm(name, own)) for size, own in accuracies.items())
    ]
    return Sized(parts[-1], tuple(parts))


def said(first: dict[int, list[float]], second: dict[int, list[float]]) -> str:
    texts = crossing_texts(sized("resnet", first), sized("vit", second), "equal steps")
    return "\n".join(each.text for each in texts)


RESNET = {100: [0.3, 0.32], 200: [0.5, 0.52], 400: [0.8, 0.81]}


def test_a_change_of_places_has_its_two_sizes_with_the_lead_at_each():
    text = said(RESNET, {100: [0.4, 0.41, 0.43], 200: [0.6, 0.61], 400: [0.7, 0.72]})
    result = stats.ttest_ind([60, 61], [50, 52], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal steps, resnet and vit change places as measured between 200 images, where vit "
        f"leads by 9.50 points (95 % interval {low:.2f} to {high:.2f}, n = 2), and 400, where "
        "resnet leads by 9.50 points (95 % interval "
    ) in text


def test_it_is_told_though_the_laws_do_not_cross():
    first = {100: [0.3], 200: [0.45], 400: [0.8]}
    text = said(first, {100: [0.2], 200: [0.5], 400: [0.75]})
    assert "between 100 images, where resnet leads by 10.00 points (n = 1, spread unknown)" in text
    assert "; and between 200 images, where vit leads by 5.00 points" in text
    assert "do not cross within the range measured, 100 to 400 images" in text


def test_an_arm_that_is_never_behind_is_said_to_be_so():
    text = said(RESNET, {100: [0.1, 0.12], 200: [0.5, 0.52], 400: [0.7]})
    assert "resnet is nowhere behind vit at the 3 sizes measured: at 100 images, resnet" in text
    assert "at 400, resnet leads by 10.50 points (n = 2 and 1, spread unknown)" in text


@pytest.mark.parametrize("sizes", [(100,), ()])
def test_sizes_that_only_one_arm_has_are_no_place_to_change(sizes):
    own = {size: [0.2, 0.21] for size in sizes} | {150: [0.3, 0.31], 160: [0.4, 0.41]}
    text = said(RESNET, dict(sorted(own.items())))
    assert ("measured on 100 images only" in text) == bool(sizes)
    assert "change places" not in text
