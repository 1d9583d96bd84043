"""What the comparison prints: every number with its n and spread, nothing where there is none."""

import io

import pytest
from rich.console import Console
from sample_arms import make_arm

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.tables import render


def printed(*arms: Arm, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    console.print(render(Group("cifar10", arms)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


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
    assert row.startswith("resnet 93.00 ± 2.48 3 11,173,962 555,422,720 26 min NVIDIA H100")


def test_one_seed_shows_no_spread_and_says_so():
    text = printed(make_arm("resnet", [0.95, 0.96]), make_arm("vit", [0.87]))
    assert "87.00 ± ?" in text


def test_times_on_different_machines_are_not_averaged():
    fast, slow = make_arm("vit", [0.9, 0.91]), make_arm("vit", [0.92], device="slow")
    text = printed(Arm("vit", fast.outcomes + slow.outcomes))
    assert [line.split()[-3:] for line in text.splitlines() if "min" in line] == [
        ["26", "min", "cpu"],
        ["25", "min", "slow"],
    ]


def test_pretrained_arms_have_rows_below_the_others():
    console = Console(file=io.StringIO(), width=80, markup=False, highlight=False)
    tuned = make_arm("vit, pretrained on cifar100", [0.97, 0.98])
    arms = (make_arm("resnet", [0.95, 0.96]), make_arm("vit", [0.87, 0.88]))
    console.print(render(Group("cifar10", arms, pretrained=(tuned,))))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.index("95.50") < text.index("87.50") < text.index("97.50")
    assert "From random weights: resnet is ahead" in text
