"""Which runs share an average, which share a table, and which count once."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxcmp.compare.arms import Outcome, group, outcome_of
from jaxcmp.predictions import Predictions
from jaxcmp.runs import Run

NUM_TEST = 20


def make_config(arm: str = "vit", seed: int = 0, **data: Any) -> dict[str, Any]:
    return {
        "arm": arm,
        "seed": seed,
        "num_epochs": 100,
        "eval_batch_size": 1000,
        "steps_per_dispatch": 1,
        "model": {"name": arm, "width": 192},
        "data": {"name": "cifar10", "dir": "", "manual_dir": "", "train_fraction": 1.0} | data,
        "log": {"every_steps": 50},
        "checkpoint": {"every_epochs": 1},
    }


def make_predictions(num_test: int = NUM_TEST, **changes: Any) -> Predictions:
    labels = np.arange(num_test) % 2
    parts = {"labels": labels, "ids": np.arange(num_test), "class_names": ("cat", "dog")} | changes
    return Predictions.of(np.eye(2)[labels], **parts)


def make_outcome(
    config: dict[str, Any],
    folder: str = "runs/a",
    predictions: Predictions | None = None,
    **result: Any,
) -> Outcome:
    predictions = predictions or make_predictions()
    values = {
        "test_accuracy": 0.9,
        "num_train": 50_000,
        "num_test": len(predictions.ids),
        "parameters": 5_362_762,
        "multiply_adds": 365_107_584,
        "train_seconds": 60.0,
    }
    environment = {"device": "cpu", "device_count": 1, "data": {"version": "3.0.2"}}
    run = Run(Path(folder), config, [], environment, {}, [], {"schema": 1, **values, **result})
    return outcome_of(run, predictions)


def make_seeds(accuracies: list[float], **kwargs: Any) -> list[Outcome]:
    return [
        make_outcome(make_config(seed=seed, **kwargs), f"runs/{seed}", test_accuracy=accuracy)
        for seed, accuracy in enumerate(accuracies)
    ]


def test_seeds_of_one_recipe_are_one_arm():
    (only,) = group(make_seeds([0.9, 0.91, 0.92]))
    (arm,) = only.arms
    assert (arm.name, arm.accuracies) == ("vit", [0.9, 0.91, 0.92])
    assert only.data == "cifar10"


def test_arms_have_their_place_by_name_and_are_ranked_by_accuracy():
    (only,) = group(make_seeds([0.8, 0.99]) + make_seeds([0.9, 0.91], arm="resnet"))
    assert [(arm.name, arm.index) for arm in only.arms] == [("resnet", 0), ("vit", 1)]
    assert [arm.name for arm in only.ranked] == ["resnet", "vit"]
    (only,) = group(make_seeds([0.8, 0.99]) + make_seeds([0.5], arm="resnet"))
    assert [arm.name for arm in only.arms] == ["resnet", "vit"]
    assert [(one.name, two.name) for one, two in only.pairs] == [("vit", "resnet")]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("", "eval_batch_size", 10),
        ("", "steps_per_dispatch", 8),
        ("data", "dir", "/elsewhere"),
        ("data", "manual_dir", "/elsewhere"),
        ("log", "every_steps", 1),
        ("checkpoint", "every_epochs", 5),
    ],
)
def test_where_things_lie_and_what_is_shown_makes_no_other_arm(section, key, value):
    config = make_config(seed=1)
    (config[section] if section else config)[key] = value
    (only,) = group([make_outcome(make_config()), make_outcome(config)])
    assert [len(arm.outcomes) for arm in only.arms] == [2]


def test_another_setting_makes_another_arm_which_its_name_tells():
    wider = make_config(seed=1)
    wider["model"]["width"] = 384
    (only,) = group([make_outcome(make_config()), make_outcome(wider)])
    names = {arm.name for arm in only.arms}
    assert names == {"vit (model.width=192)", "vit (model.width=384)"}


@pytest.mark.parametrize("data", [{"name": "digits"}, {"validation_fraction": 0.1}])
def test_other_images_are_never_averaged_or_shown_in_one_table(data):
    here, there = group([make_outcome(make_config()), make_outcome(make_config(seed=1, **data))])
    assert [len(each.arms[0].outcomes) for each in (here, there)] == [1, 1]
    assert here.data != there.data


def test_a_test_split_of_another_size_is_another_table():
    whole = make_outcome(make_config())
    part = make_outcome(make_config(seed=1), predictions=make_predictions(NUM_TEST - 1))
    assert [each.data for each in group([whole, part])] == [
        "cifar10 (num_test=20)",
        "cifar10 (num_test=19)",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": np.arange(1, NUM_TEST + 1)},
        {"labels": np.zeros(NUM_TEST, int)},
        {"class_names": ("dog", "cat")},
    ],
)
def test_other_test_images_of_the_same_name_are_another_table(changes):
    other = make_outcome(make_config(seed=1), predictions=make_predictions(**changes))
    assert len(group([make_outcome(make_config()), other])) == 2


def test_predictions_are_compared_image_by_image_in_whatever_order_they_were_stored():
    mixed = np.random.default_rng(0).permutation(NUM_TEST)
    stored = make_predictions()
    shuffled = Predictions.of(
        stored.logits[mixed], stored.labels[mixed], stored.ids[mixed], stored.class_names
    )
    outcomes = [make_outcome(make_config()), make_outcome(make_config(seed=1), "b", shuffled)]
    (only,) = group(outcomes)
    assert only.arms[0].is_right.all()
    np.testing.assert_array_equal(only.arms[0].answers[1], stored.labels)


def test_smaller_parts_of_one_training_set_are_kept_apart_from_the_whole():
    outcomes = make_seeds([0.9, 0.91]) + make_seeds([0.6], train_fraction=0.1)
    outcomes += make_seeds([0.5], arm="resnet", train_fraction=0.1)
    (only,) = group(outcomes)
    assert [(arm.name, arm.accuracies) for arm in only.arms] == [("vit", [0.9, 0.91])]
    found = [(arm.name, arm.index, arm.accuracies) for arm in only.smaller]
    assert found == [("vit", 0, [0.6]), ("resnet", -1, [0.5])]


def test_predictions_that_do_not_cover_the_test_split_are_refused():
    with pytest.raises(ValueError, match="20 predictions for 19 images"):
        make_outcome(make_config(), num_test=19)


def test_a_run_that_moved_names_every_device_it_trained_on():
    run = make_outcome(make_config()).run
    first = run.environment | {"device": "T4", "device_count": 2}
    second = run.environment | {"device": "H100", "device_count": 1}
    moved = dataclasses.replace(run, environment=second | {"earlier": [first, second]})
    assert outcome_of(moved, make_predictions()).device == "2 x T4 and H100"


def test_a_run_without_its_result_is_refused():
    with pytest.raises(ValueError, match="not finished"):
        run = Run(Path("runs/a"), make_config(), [], {"device": "cpu"}, {}, [], None)
        outcome_of(run, make_predictions())
