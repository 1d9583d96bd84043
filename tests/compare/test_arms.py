"""A run's recipe and devices."""

import dataclasses

from sample_outcomes import make_config, make_outcome, make_predictions, make_seeds
from sample_runs import with_files

from jaxcmp.compare.arms import Arm, is_equal, outcome_of
from jaxcmp.runs.predictions import Stored


def test_a_run_that_moved_names_every_device_it_trained_on():
    run = make_outcome(make_config()).run
    first = run.environment | {"device": "T4", "device_count": 2}
    second = run.environment | {"device": "H100", "device_count": 1}
    moved = dataclasses.replace(run, environment=second | {"earlier": [first, second]})
    assert outcome_of(moved, Stored(make_predictions())).device == "2 x T4 and H100"


def test_an_older_run_that_names_no_recipe_has_its_own_and_the_same():
    older, newer = make_outcome(make_config()), make_outcome(make_config() | {"recipe": "vit"})
    assert older.recipe == newer.recipe != make_outcome(make_config() | {"recipe": "resnet"}).recipe
    assert (older.recipe_name, older.title) == ("vit", "vit")


def test_values_by_epoch_are_of_the_epochs_that_all_runs_recorded():
    runs = [
        with_files(each, metrics=[{"kind": "epoch", "epoch": epoch} for epoch in epochs])
        for each, epochs in zip(make_seeds([0.9, 0.9]), ((1, 2, 3, 4), (2, 4, 6)), strict=True)
    ]
    arm = Arm("vit", tuple(runs))
    found = arm.by_epoch(lambda run: [each["epoch"] + run.seed for each in run.epochs])
    assert found == {2: [2, 3], 4: [4, 5]}


def test_equal_is_within_two_percent():
    assert is_equal(100, 98) and is_equal(98, 100) and is_equal(7, 7)
    assert not is_equal(100, 97.9)
