"""The printed comparison: every number with its n and spread, nothing where there is none."""

import pytest
from sample_outcomes import make_arm
from sections import console_text

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.tables import render


def printed(*arms: Arm, width: int = 80, pretrained: tuple[Arm, ...] = ()) -> str:
    return console_text(render(Group("cifar10", arms, pretrained=pretrained)), width)


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_holds_the_numbers_of_an_arm_within_the_width(width):
    text = printed(
        make_arm("resnet", [0.92, 0.93, 0.94], device="NVIDIA H100 80GB HBM3"),
        make_arm("vit", [0.87]),
        width=width,
    )
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    # Mean 93 and deviation 1 over three seeds: 4.3027 / sqrt(3) = 2.48.
    row = " ".join(next(line for line in text.splitlines() if line.startswith("resnet ")).split())
    assert row.startswith("resnet 93.00 ± 2.48 3 5,362,762 365,107,584 26 min NVIDIA H100")


def test_the_heading_says_what_stands_beside_a_mean_and_what_of_fewer_seeds():
    three, two = make_arm("resnet", [0.92, 0.93, 0.94]), make_arm("vit", [0.87, 0.88])
    assert "after the last epoch, mean ± its 95 % t-interval\n" in printed(three)
    mixed = printed(three, two, width=120)
    assert "mean ± its 95 % t-interval; each seed of fewer than three" in mixed
    few = printed(make_arm("resnet", [0.95]), two)
    assert "87.00 and 88.00" in few and "95.00" in few
    assert "after the last epoch, each seed" in few and "±" not in few


def test_times_on_different_machines_are_not_averaged():
    fast, slow = make_arm("vit", [0.9, 0.91]), make_arm("vit", [0.92], device="slow")
    text = printed(Arm("vit", fast.outcomes + slow.outcomes))
    assert [line.split()[-3:] for line in text.splitlines() if "min" in line] == [
        ["26", "min", "cpu"],
        ["25", "min", "slow"],
    ]


def test_pretrained_arms_have_rows_below_the_others():
    tuned = make_arm("vit, pretrained on cifar100", [0.97, 0.98])
    arms = (make_arm("resnet", [0.95, 0.955, 0.96]), make_arm("vit", [0.87, 0.88, 0.885]))
    text = printed(*arms, pretrained=(tuned,))
    assert text.index("95.50 ± 1.24") < text.index("87.83 ± 1.9") < text.index("97.00 and")
    assert "From random weights: resnet is ahead" in text
