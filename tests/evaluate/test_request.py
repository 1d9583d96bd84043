"""A request: what it may change of a run's configuration, and the name of the evaluation."""

import re
from pathlib import Path

import pytest
from sample_runs import Sample, make_config

from jaxcmp.errors import CommandError
from jaxcmp.evaluate.request import Plan, Request, plan
from jaxcmp.runs import Run
from jaxcmp.settings.configuration import NOTHING_GIVEN


def planned(size=(32, 32), config=None, **options) -> Plan:
    config = make_config(Sample("vit", config=config or {}))
    environment = {"data": {"image_size": list(size)}}
    run = Run(Path("run"), config, NOTHING_GIVEN, environment, {}, [], {})
    return plan(run, Request(**options))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "cifar10-test"),
        ({"overrides": {"data.name": "cifar10_corrupted/fog_3"}}, "cifar10_corrupted-fog_3-test"),
        ({"overrides": {"data.name": "cifar10_1/v6:1.1.0"}}, "cifar10_1-v6-1.1.0-test"),
        ({"overrides": {"data.classes": "3,1"}, "split": "train"}, "cifar10-train-classes-3-1"),
        ({"overrides": {"data.image_size": "16"}}, "cifar10-test-16px"),
        ({"overrides": {"data.dir": "/mnt/foggy"}}, "cifar10-foggy-test"),
        ({"overrides": {"data.name": "folder", "data.dir": "/mnt/foggy/"}}, "folder-foggy-test"),
        ({"overrides": {"data.name": "mnist", "data.dir": "/mnt/tfds"}}, "mnist-test"),
        ({"checkpoint": "best", "split": "validation"}, "cifar10-validation-best"),
        ({"checkpoint": 120}, "cifar10-test-step-120"),
        ({"name": "mine"}, "mine"),
    ],
)
def test_the_name_says_which_images_and_which_checkpoint(options, name):
    assert planned(**options).name == name


def test_many_classes_are_not_all_in_the_name():
    numbers = [",".join(map(str, range(first, 100))) for first in (0, 1)]
    one, other = (planned(overrides={"data.classes": each}).name for each in numbers)
    assert one.startswith("cifar10-test-classes-100-") and len(one) < 40
    assert other.startswith("cifar10-test-classes-99-")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"overrides": {"data.mean": "0.5"}}, "--config.data.mean belongs to the run"),
        ({"overrides": {"compute_dtype": "float32"}}, "--config.compute_dtype belongs to the run"),
        ({"overrides": {"data.nam": "x"}}, "'data.nam' is unknown; did you mean 'data.name'?"),
        ({"overrides": {"zzzzz": "x"}}, "'zzzzz' is unknown; there are data.name"),
    ],
)
def test_what_is_no_choice_of_images_is_refused(options, words):
    with pytest.raises(CommandError, match=re.escape(words)):
        Request(**options).check()


def test_a_value_that_does_not_fit_its_key_is_named():
    with pytest.raises(CommandError, match="--config.data.image_size=-1 must be at least 0"):
        planned(overrides={"data.image_size": "-1"})


def test_another_data_set_takes_over_the_size_but_not_the_classes_of_the_runs_own():
    own = {"data.classes": (1, 2), "data.test_fraction": 0.2}
    found = planned(config=own, overrides={"data.name": "stl10"})
    assert not found.is_own
    data = found.settings.data
    assert (data.classes, data.test_fraction, data.image_size) == ((), 0.0, 32)
    given = {"data.name": "stl10", "data.classes": "0,3", "data.image_size": "64"}
    data = planned(config=own, overrides=given).settings.data
    assert (data.classes, data.image_size) == ((0, 3), 64)


def test_images_that_are_no_squares_keep_their_size():
    assert planned((32, 48), overrides={"data.name": "stl10"}).settings.data.image_size == 0


def test_the_place_of_the_images_does_not_make_them_others():
    moved = planned(overrides={"data.dir": "/mnt", "data.placement": "stream"})
    assert moved.is_own and moved.is_moved
    assert not planned(overrides={"data.classes": "0,1"}).is_own
    assert planned().is_own and not planned().is_moved


def test_a_folder_of_ones_own_stays_the_same_however_its_path_is_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = {"data.name": "folder", "data.dir": "photos", "data.test_fraction": 0.2}
    for text in ("photos/", "./photos", str(tmp_path / "photos")):
        found = planned(config=own, overrides={"data.dir": text})
        # Without the fraction, all images would be tested on, those of training too.
        assert found.is_own and found.settings.data.test_fraction == 0.2
    assert not planned(config=own, overrides={"data.dir": "others"}).is_own


def test_a_request_can_be_typed_again():
    request = Request({"data.name": "x"}, "train", "best", by_position=True, name="n")
    words = "--config.data.name=x --split=train --checkpoint=best --by_position --name=n"
    assert request.words() == words.split()
