"""Runs that began from weights: which are averaged, where they stand, and how they are called."""

from pathlib import Path

import pytest
from sample_outcomes import make_config, make_outcome
from sample_runs import Sample, make_group, make_groups
from sample_transfer import from_file, from_run, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.report import build

PLAIN = [Sample("vit"), Sample("resnet")]


def told(group: Group) -> list[tuple[str, int, int]]:
    """Name, colour and number of runs of each pretrained arm."""
    return [(arm.name, arm.index, len(arm.runs)) for arm in group.pretrained]


def test_they_stand_beside_the_arms_and_change_neither_names_nor_averages(tmp_path):
    group = make_group(tmp_path, *PLAIN, pretrained("vit"), pretrained("resnet"))
    assert [(arm.name, arm.index, len(arm.runs)) for arm in group.arms] == [
        ("resnet", 0, 1),
        ("vit", 1, 1),
    ]
    assert told(group) == [
        ("vit, pretrained on 5 classes of cifar10", 1, 1),
        ("resnet, pretrained on 5 classes of cifar10", 0, 1),
    ]
    assert not (group.smaller or group.other_lengths or group.crossed)


def test_seeds_of_one_source_and_one_seed_of_several_are_runs_of_one_arm(tmp_path):
    several = [pretrained("vit", seed) for seed in (0, 1, 2)]
    same = [pretrained("vit", seed, from_run("vit", 0)) for seed in (3, 4)]
    one = [pretrained("vit", 5, from_run("vit", seed)) for seed in (0, 1, 2)]
    group = make_group(tmp_path, *PLAIN, *several, *same, *one)
    assert told(group) == [("vit, pretrained on 5 classes of cifar10", 1, 8)]


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        (
            from_file("ImageNet-21k", "a.npz"),
            from_file("ImageNet-1k", "b.npz"),
            {"vit, pretrained on ImageNet-21k", "vit, pretrained on ImageNet-1k"},
        ),
        (
            from_run(seed=0),
            from_run(seed=1, epochs=20),
            {
                "vit, pretrained on 5 classes of cifar10 (init.epochs=10)",
                "vit, pretrained on 5 classes of cifar10 (init.epochs=20)",
            },
        ),
        # Two trainings of one seed, and two files, though they describe themselves alike.
        (
            from_run(seed=0, sha256="aaaa"),
            from_run(seed=0, sha256="bbbb"),
            {
                "vit, pretrained on 5 classes of cifar10 (init.sha256=aaaa)",
                "vit, pretrained on 5 classes of cifar10 (init.sha256=bbbb)",
            },
        ),
        (
            from_file(path="a.npz"),
            from_file(path="b.npz"),
            {
                f"vit, pretrained on ImageNet-21k (init.sha256={digest[:12]})"
                for digest in (from_file(path=name)["sha256"] for name in ("a.npz", "b.npz"))
            },
        ),
    ],
)
def test_weights_that_had_seen_something_else_make_another_arm(tmp_path, one, two, names):
    samples = [pretrained("vit", 0, one), pretrained("vit", 1, two)]
    group = make_group(tmp_path, *PLAIN, *samples)
    assert {name for name, _, _ in told(group)} == names


def test_where_the_weights_lay_makes_no_other_arm():
    here, there = make_config(), make_config(seed=1)
    here["init"] = {"path": "/here/a.npz"}
    there["init"] = {"path": "/there/a.npz"}
    both = [make_outcome(config, init=from_file()) for config in (here, there)]
    assert both[0].recipe == both[1].recipe


def test_alone_they_are_the_arms_and_their_names_say_so(tmp_path):
    group = make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    assert [arm.name for arm in group.arms] == [
        "resnet, pretrained on 5 classes of cifar10",
        "vit, pretrained on 5 classes of cifar10",
    ]
    assert not group.pretrained


def test_random_runs_on_fewer_images_than_pretrained_ones_are_the_arms_all_the_same(tmp_path):
    part = {"data.train_fraction": 0.1}
    group = make_group(tmp_path, Sample("resnet", config=part), pretrained("vit"))
    assert [(arm.name, arm.outcomes[0].num_train) for arm in group.arms] == [("resnet", 5_000)]
    assert told(group) == [("vit, pretrained on 5 classes of cifar10", -1, 1)]


def test_parts_of_the_images_have_one_name_and_are_never_averaged(tmp_path):
    group = make_transfer(tmp_path)
    sizes = [(arm.name, arm.outcomes[0].num_train, len(arm.runs)) for arm in group.pretrained]
    name = "5 classes of cifar10"
    assert sorted(sizes) == [
        (f"{arm}, pretrained on {name}", size, 2)
        for arm in ("resnet", "vit")
        for size in (5_000, 50_000)
    ]
    assert len(group.smaller) == 2


def test_a_length_that_goes_with_the_part_is_no_part_of_the_name(tmp_path):
    small = {"data.train_fraction": 0.1, "num_epochs": 1_000}
    group = make_group(tmp_path, *PLAIN, pretrained("vit"), pretrained("vit", **small))
    assert {arm.name for arm in group.pretrained} == {"vit, pretrained on 5 classes of cifar10"}
    assert len(group.pretrained) == 2


def test_two_lengths_on_one_part_are_told_apart(tmp_path):
    long = pretrained("vit", num_epochs=1_000)
    small = pretrained("vit", **{"data.train_fraction": 0.1})
    group = make_group(tmp_path, *PLAIN, pretrained("vit"), long, small)
    name = "vit, pretrained on 5 classes of cifar10"
    assert [(arm.name, arm.outcomes[0].num_epochs) for arm in group.pretrained] == [
        (f"{name} (num_epochs=6)", 6),
        (f"{name} (num_epochs=1000)", 1_000),
        (f"{name} (num_epochs=6)", 6),
    ]


def test_every_run_is_a_source_of_the_report(tmp_path: Path):
    groups = make_groups(tmp_path, *PLAIN, pretrained("vit"), pretrained("resnet"))
    report = build(groups, [])
    assert [source.arm for source in report.runs] == [
        "vit",
        "resnet",
        "vit, pretrained on 5 classes of cifar10",
        "resnet, pretrained on 5 classes of cifar10",
    ]
    assert sorted(report.comparisons[0].runs) == [0, 1, 2, 3]
