"""Which runs share an average, which share a table, and which count once."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from jaxcmp.compare.arms import Outcome, compare, drop_repeats, outcome_of
from jaxcmp.runs import Run


def make_config(arm: str = "vit", seed: int = 0, **data: Any) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": seed,
        "num_epochs": 100,
        "eval_batch_size": 1000,
        "model": {"name": arm, "width": 192},
        "data": {"name": "cifar10", "dir": "", "manual_dir": "", "train_fraction": 1.0} | data,
        "log": {"every_steps": 50},
        "checkpoint": {"every_epochs": 1},
    }


def make_outcome(config: dict[str, Any], folder: str = "runs/a", **result: Any) -> Outcome:
    values = {
        "test_accuracy": 0.9,
        "num_test": 10_000,
        "parameters": 5_362_762,
        "multiply_adds": 365_107_584,
        "train_seconds": 60.0,
    }
    environment = {"device": "cpu", "device_count": 1, "data": {"version": "3.0.2"}}
    run = Run(Path(folder), config, [], environment, {}, [], {"schema": 1, **values, **result})
    return outcome_of(run)


def make_seeds(accuracies: list[float], **kwargs: Any) -> list[Outcome]:
    return [
        make_outcome(make_config(seed=seed, **kwargs), f"runs/{seed}", test_accuracy=accuracy)
        for seed, accuracy in enumerate(accuracies)
    ]


def test_seeds_of_one_recipe_are_one_arm():
    (comparison,) = compare(make_seeds([0.9, 0.91, 0.92]))
    (arm,) = comparison.arms
    assert (arm.name, arm.accuracies) == ("vit", [0.9, 0.91, 0.92])
    assert comparison.data == "cifar10"


def test_the_most_accurate_arm_comes_first():
    outcomes = make_seeds([0.8, 0.99]) + make_seeds([0.9, 0.91], arm="resnet")
    (comparison,) = compare(outcomes)
    assert [arm.name for arm in comparison.arms] == ["resnet", "vit"]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("", "eval_batch_size", 10),
        ("data", "dir", "/elsewhere"),
        ("data", "manual_dir", "/elsewhere"),
        ("log", "every_steps", 1),
        ("checkpoint", "every_epochs", 5),
    ],
)
def test_where_things_lie_and_what_is_shown_makes_no_other_arm(section, key, value):
    config = make_config(seed=1)
    (config[section] if section else config)[key] = value
    (comparison,) = compare([make_outcome(make_config()), make_outcome(config)])
    assert [len(arm.outcomes) for arm in comparison.arms] == [2]


def test_another_setting_makes_another_arm_which_its_name_tells():
    wider = make_config(seed=1)
    wider["model"]["width"] = 384
    (comparison,) = compare([make_outcome(make_config()), make_outcome(wider)])
    names = {arm.name for arm in comparison.arms}
    assert names == {"vit (model.width=192)", "vit (model.width=384)"}


@pytest.mark.parametrize("data", [{"name": "digits"}, {"train_fraction": 0.5}])
def test_other_images_are_never_averaged_or_shown_in_one_table(data):
    here, there = compare([make_outcome(make_config()), make_outcome(make_config(seed=1, **data))])
    assert [len(each.arms[0].outcomes) for each in (here, there)] == [1, 1]
    assert here.data != there.data


def test_a_test_split_of_another_size_is_another_table():
    whole = make_outcome(make_config())
    part = make_outcome(make_config(seed=1), num_test=9_728)
    assert [each.data for each in compare([whole, part])] == [
        "cifar10 (num_test=10000)",
        "cifar10 (num_test=9728)",
    ]


def test_a_copied_run_counts_once():
    first, second = make_seeds([0.9, 0.91])
    copy = dataclasses.replace(first, folder="backup/0")
    kept, repeats = drop_repeats([first, second, copy])
    assert kept == [first, second]
    assert repeats == [(copy, first)]


def test_the_same_seed_of_another_arm_is_no_copy():
    outcomes = [make_outcome(make_config()), make_outcome(make_config(arm="resnet"))]
    assert drop_repeats(outcomes) == (outcomes, [])


def test_a_run_without_its_result_is_refused():
    with pytest.raises(ValueError, match="not finished"):
        outcome_of(Run(Path("runs/a"), make_config(), [], {"device": "cpu"}, {}, [], None))
