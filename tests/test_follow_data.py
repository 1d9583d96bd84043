"""Settings that follow from the data: the number of classes, and the size of images."""

import dataclasses
import importlib

import numpy as np
import pytest
import sample_data
from msgspec.structs import replace
from sample_files import session
from sample_photos import put_all
from small_configs import small

from jaxcmp import experiment, runs
from jaxcmp.data import Split
from jaxcmp.errors import CommandError
from jaxcmp.study.plan import Study, find_sizes
from jaxcmp.train import train


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))


def settings(arm, folder=None, **overrides):
    own = {"data.name": "folder", "data.dir": str(folder)} if folder else {}
    return small(arm, "", **{"batch_size": 8} | own | overrides)


def photos(tmp_path, *, side=8, num=8, classes="abc"):
    names = [
        f"{split}/{name}/{i}.png"
        for split in ("train", "test")
        for name in classes
        for i in range(num if split == "train" else 1)
    ]
    return put_all(tmp_path / "photos", *names, size=(side, side))


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_a_model_has_an_output_for_each_class_and_the_size_of_the_images(tmp_path, arm):
    model = experiment.prepare(settings(arm, photos(tmp_path, side=12))).model
    assert (model.num_classes, model.image_size) == (3, 12)


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_models_of_the_configurations_have_cifar10s_size(arm):
    dataset = sample_data.load()
    images = np.zeros((64, 32, 32, 3), np.uint8)
    split = Split(images, np.arange(64, dtype=np.int32) % 10, np.arange(64))
    scale = np.ones(3, np.float32)
    dataset = dataclasses.replace(dataset, train=split, test=split, mean=scale, std=scale)
    prepared = experiment.prepare(settings(arm), dataset)
    assert prepared.settings.model.image_size == prepared.model.image_size == 32


def test_a_patch_that_does_not_divide_the_images_is_refused_with_sizes_that_fit(tmp_path):
    folder = photos(tmp_path, side=10)
    with pytest.raises(CommandError) as raised:
        experiment.prepare(settings("vit", folder))
    line = str(raised.value)
    assert line == (
        "model.patch_size=4 does not divide model.image_size=10: --config.model.patch_size=5 would "
        "fit, or --config.model.image_size=8 or --config.model.image_size=12"
    )
    # Before pictures are decoded, which may take minutes.
    assert not list((tmp_path / "cache").rglob("images.npy"))
    for key, value in (("patch_size", 5), ("image_size", 8), ("image_size", 12)):
        experiment.prepare(settings("vit", folder, **{f"model.{key}": value}))


def test_pictures_that_are_no_squares_are_refused_with_sizes_that_fit(tmp_path):
    folder = put_all(tmp_path / "photos", "train/a/1.png", "train/b/2.png", "test/a/3.png")
    put_all(folder, "train/a/1.png", "train/b/2.png", "test/a/3.png", size=(12, 8))
    with pytest.raises(CommandError) as raised:
        experiment.prepare(settings("vit", folder, batch_size=8))
    assert str(raised.value) == (
        "the images of folder are 12x8 pixels and the model takes squares: "
        "--config.data.image_size=8 makes squares of them (data.fit says how), "
        "--config.model.image_size=12 stretches them on the device"
    )


def test_a_resnet_of_one_pixel_is_refused_when_its_size_is_known(tmp_path):
    folder = photos(tmp_path, side=1)
    given = settings("resnet", folder, **{"accumulation": 8})
    with pytest.raises(CommandError, match="ends in images of one pixel"):
        experiment.follow_data(given)


def test_a_study_plans_with_the_size_of_the_images(tmp_path):
    config = importlib.import_module("configs.study").get_config("cpu")
    folder = str(photos(tmp_path, side=12))
    config.data.update({"name": "folder", "dir": folder})
    sizes = find_sizes(Study.of(config), may_prepare=False)
    assert (sizes.image_size, sizes.num_classes, sizes.num_channels) == (12, 3, 3)
    assert sizes.num_train[1.0] == 24
    config.data.image_size = 16
    assert find_sizes(Study.of(config), may_prepare=False).image_size == 16


class TestSessions:
    @pytest.fixture
    def begun(self, tmp_path):
        """Returns the settings and the folder of a run that was begun and not finished."""
        given = settings("resnet", photos(tmp_path))
        prepared = experiment.prepare(given)
        with runs.open_run(tmp_path / "run", prepared.settings.to_dict()) as run:
            run.write_environment(session(data=prepared.describe_data()))
        return given, tmp_path / "run"

    def test_a_run_goes_on_with_sizes_that_follow_from_the_data(self, begun):
        given, folder = begun
        assert given.model.image_size == given.model.num_classes == 0
        runs.refuse_another_config(folder, given.to_dict())
        runs.refuse_other_images(folder, experiment.prepare(given).describe_data())

    def test_it_does_not_go_on_with_another_size(self, begun):
        given, folder = begun
        other = replace(given, model=replace(given.model, image_size=16))
        with pytest.raises(CommandError, match="model.image_size is 16 here and 8 there"):
            runs.refuse_another_config(folder, other.to_dict())

    def test_it_does_not_go_on_with_other_pictures(self, begun, tmp_path):
        given, folder = begun
        put_all(tmp_path / "photos" / "train" / "a", "new.png", size=(8, 8))
        with pytest.raises(CommandError) as raised:
            train(given, workdir=folder)
        line = str(raised.value)
        assert line.startswith(f"{folder} holds a run on other images: version ")
        assert line.endswith("or delete that folder") and "\n" not in line
