"""What the comparison prints: every number with its n and spread, nothing where there is none."""

import io

import pytest
from rich.console import Console

from jaxcmp.compare.arms import Arm, Comparison, Outcome
from jaxcmp.compare.tables import duration, render, verdict


def make_arm(name: str, accuracies: list[float], *, device: str = "cpu") -> Arm:
    return Arm(
        name,
        tuple(
            Outcome(
                folder=f"runs/{name}/seed-{seed}",
                name=name,
                seed=seed,
                recipe=(),
                data=(),
                test_accuracy=accuracy,
                parameters=11_173_962,
                multiply_adds=555_422_720,
                train_seconds=1500.0 + 60 * seed,
                device=device,
            )
            for seed, accuracy in enumerate(accuracies)
        ),
    )


def printed(*arms: Arm, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    console.print(render(Comparison("cifar10", arms)))
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
    (sentence,) = verdict([make_arm("resnet", [0.95, 0.96]), make_arm("vit", [0.87])])
    assert sentence == (
        "resnet is ahead of vit by 8.50 points (2 and 1 seeds). "
        "With one seed of vit, the spread between seeds is unknown."
    )


def test_the_leader_is_named_with_points_interval_p_value_and_seeds():
    (sentence,) = verdict([make_arm("a", [0.95, 0.96]), make_arm("b", [0.85, 0.86])])
    # Standard error 0.7071 points, 2 degrees of freedom, t(0.975, 2) = 4.3027; t = 14.14.
    assert sentence == (
        "a is ahead of b by 10.00 points (2 seeds each; Welch's 95 % interval 6.96 to 13.04, "
        "p = 0.005), more than seeds alone explain."
    )


def test_a_difference_within_the_spread_of_seeds_is_not_claimed():
    (sentence,) = verdict([make_arm("a", [0.90, 0.96]), make_arm("b", [0.85, 0.95])])
    assert sentence.endswith("which seeds alone can explain.")


def test_arms_of_equal_accuracy_are_level_and_have_no_p_value_without_spread():
    (sentence,) = verdict([make_arm("a", [0.9, 0.9]), make_arm("b", [0.9, 0.9])])
    assert sentence.startswith("a and b are level (2 seeds each).")
    assert "no p value" in sentence


def test_a_single_arm_is_compared_with_nothing():
    assert verdict([make_arm("vit", [0.9])]) == [
        "vit is the only arm here: there is nothing to compare it with."
    ]


def test_times_on_different_machines_are_not_averaged():
    fast, slow = make_arm("vit", [0.9, 0.91]), make_arm("vit", [0.92], device="slow")
    text = printed(Arm("vit", fast.outcomes + slow.outcomes))
    assert [line.split()[-3:] for line in text.splitlines() if "min" in line] == [
        ["26", "min", "cpu"],
        ["25", "min", "slow"],
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(25.4, "25 s"), (119.0, "119 s"), (2640.0, "44 min"), (15_120.0, "4.2 h")]
)
def test_a_duration_is_told_in_the_unit_that_a_reader_expects(seconds, text):
    assert duration(seconds) == text
