"""Grouping: the runs that share an average, those that share a table, and the arms beside them."""

from typing import Any

import numpy as np
import pytest
from sample_outcomes import NUM_TEST, make_config, make_outcome, make_predictions, make_seeds

from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.grouping import group
from jaxcmp.runs.predictions import Predictions


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


def other_run(section: str, key: str, value: Any) -> Outcome:
    config = make_config(seed=1)
    (config[section] if section else config)[key] = value
    return make_outcome(config)


@pytest.mark.parametrize(
    ("section", "key", "value", "names"),
    [
        ("", "eval_batch_size", 10, ["vit"]),
        ("", "steps_per_dispatch", 8, ["vit"]),
        ("data", "dir", "/elsewhere", ["vit"]),
        ("data", "manual_dir", "/elsewhere", ["vit"]),
        ("log", "every_steps", 1, ["vit"]),
        ("checkpoint", "every_epochs", 5, ["vit"]),
        ("model", "width", 384, ["vit (width=192)", "vit (width=384)"]),
    ],
)
def test_a_setting_makes_another_arm_but_not_where_things_lie_and_what_is_shown(
    section, key, value, names
):
    (only,) = group([make_outcome(make_config()), other_run(section, key, value)])
    assert [arm.name for arm in only.arms] == names


OTHER_IMAGES = {
    "another name": other_run("data", "name", "digits"),
    "another part": other_run("data", "validation_fraction", 0.1),
    "other ids": {"ids": np.arange(1, NUM_TEST + 1)},
    "other labels": {"labels": np.zeros(NUM_TEST, int)},
    "other classes": {"class_names": ("dog", "cat")},
    "another number": {"num_test": NUM_TEST - 1},
}


@pytest.mark.parametrize("other", OTHER_IMAGES.values(), ids=OTHER_IMAGES)
def test_other_images_are_never_averaged_or_shown_in_one_table(other):
    if isinstance(other, dict):
        other = make_outcome(make_config(seed=1), predictions=make_predictions(**other))
    here, there = group([make_outcome(make_config()), other])
    assert [len(each.arms[0].outcomes) for each in (here, there)] == [1, 1]
    assert here.data != there.data and here.data.startswith("cifar10")


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


def make_run(arm: str, seed: int = 0, *, fraction: float = 1.0, **settings: Any) -> Outcome:
    config = make_config(arm, seed, train_fraction=fraction) | settings
    return make_outcome(config, f"runs/{arm}-{fraction}-{settings}-{seed}")


def only_group(*outcomes: Outcome) -> Group:
    """Checks that every run is in exactly one arm."""
    (only,) = group(outcomes)
    found = sorted(outcome.folder for arm in only.all_arms for outcome in arm.outcomes)
    assert found == sorted(outcome.folder for outcome in outcomes)
    return only


def told(arms: tuple[Arm, ...]) -> list[tuple[str, int]]:
    return [(arm.name, arm.index) for arm in arms]


PLAIN = [make_run("vit"), make_run("vit", 1), make_run("resnet"), make_run("resnet", 1)]
ARMS = [("resnet", 0), ("vit", 1)]


def test_crossed_runs_stand_beside_the_arms_and_change_no_name():
    crossed = [make_run("vit", recipe="resnet"), make_run("resnet", recipe="vit")]
    found = only_group(*PLAIN, *crossed)
    assert told(found.arms) == ARMS
    assert told(found.crossed) == [("vit with resnet's recipe", 1), ("resnet with vit's recipe", 0)]


def named(arm: str, recipe: str, *, architecture: str = "vit", **settings: Any) -> Outcome:
    model = make_config()["model"] | {"name": architecture}
    return make_run(arm, recipe=recipe, model=model, **settings)


def test_a_name_of_its_own_makes_an_arm_whatever_recipe_it_was_made_from():
    found = only_group(*PLAIN, named("big_vit", "vit"))
    assert [arm.name for arm in found.arms] == ["big_vit", "resnet", "vit"]
    assert not found.crossed
    alone = only_group(named("big_vit", "vit"), named("resnet", "resnet", architecture="resnet"))
    assert [arm.name for arm in alone.arms] == ["big_vit", "resnet"]
    # Nor does it matter that the recipe bears no architecture's name.
    fine_tuned = only_group(*PLAIN, named("mine", "vit_ti16"))
    assert [arm.name for arm in fine_tuned.arms] == ["mine", "resnet", "vit"]


def test_crossed_runs_are_arms_where_their_model_has_no_other():
    found = only_group(make_run("vit", recipe="resnet"), make_run("resnet", recipe="vit"))
    assert told(found.arms) == [("resnet with vit's recipe", 0), ("vit with resnet's recipe", 1)]
    assert not found.crossed
    resnet = named("resnet", "resnet", architecture="resnet")
    found = only_group(resnet, named("vit", "resnet"))
    assert told(found.arms) == [("resnet", 0), ("vit with resnet's recipe", 1)]


def test_a_renamed_arm_with_a_recipe_of_its_own_can_be_crossed_too():
    runs = [named("big_vit", "big_vit"), named("big_vit", "vit", batch_size=64)]
    found = only_group(*PLAIN, *runs)
    assert [arm.name for arm in found.arms] == ["big_vit", "resnet", "vit"]
    assert [arm.name for arm in found.crossed] == ["big_vit with vit's recipe"]


def test_crossed_runs_of_other_sizes_and_lengths_say_so_in_their_names():
    crossed = [
        make_run("vit", recipe="resnet"),
        make_run("vit", recipe="resnet", num_epochs=50),
        make_run("vit", recipe="resnet", fraction=0.1),
    ]
    found = only_group(*PLAIN, *crossed)
    assert [arm.name for arm in found.crossed] == [
        "vit with resnet's recipe",
        "vit with resnet's recipe (50 epochs)",
        "vit with resnet's recipe (10 % of the images)",
    ]
    assert not found.smaller


def test_a_length_that_one_model_has_alone_stands_beside_the_common_one():
    longer = [
        make_run("vit", seed, num_epochs=152, schedule={"warmup_epochs": 9}) for seed in (0, 1)
    ]
    found = only_group(*PLAIN, *longer)
    assert told(found.arms) == ARMS
    assert told(found.other_lengths) == [("vit (152 epochs)", 1)]
    assert len(found.other_lengths[0].outcomes) == 2


def test_lengths_that_all_models_have_are_all_arms():
    found = only_group(*PLAIN, make_run("vit", num_epochs=300), make_run("resnet", num_epochs=300))
    assert [arm.name for arm in found.arms] == [
        "resnet (num_epochs=100)",
        "resnet (num_epochs=300)",
        "vit (num_epochs=100)",
        "vit (num_epochs=300)",
    ]
    assert not found.other_lengths


def test_a_length_that_no_recipe_has_beside_a_common_one_is_an_arms_own():
    assert told(only_group(make_run("vit", num_epochs=300), make_run("resnet")).arms) == ARMS
    found = only_group(*PLAIN, make_run("vit", num_epochs=300, batch_size=64))
    assert len(found.arms) == 3 and not found.other_lengths


def test_smaller_parts_find_their_arm_at_whatever_length():
    parts = [make_run("vit", fraction=0.1), make_run("vit", fraction=0.1, num_epochs=1000)]
    other = make_run("vit", fraction=0.1, batch_size=7)
    found = only_group(*PLAIN, *parts, other)
    assert told(found.smaller) == [("vit", 1), ("vit", 1), ("vit", -1)]
    assert told(found.arms) == ARMS
