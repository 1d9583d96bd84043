"""A user's folder of pictures from training to prediction, by the commands."""

import json
import shutil

import numpy as np
import pytest
from sample_photos import CLASSES, make_photos

from jaxcmp import cli, main, predict
from jaxcmp.compare.__main__ import main as compare
from jaxcmp.compare.evaluated import read_evaluated
from jaxcmp.compare.grouping import group
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.evaluate.__main__ import main as evaluate
from jaxcmp.inspect.__main__ import main as inspect
from jaxcmp.runs import read_run
from jaxcmp.runs.evaluations import read_evaluations
from jaxcmp.runs.inspections import read_inspection
from jaxcmp.settings.configuration import settings_of
from jaxcmp.train import train

# 270 to train on and 45 to test on.
NUM_TRAIN, NUM_TEST = 90, 15
SMALL = {
    "vit": {
        **{"model.patch_size": 8, "model.width": 16, "model.depth": 1, "model.num_heads": 2},
        **{"model.mlp_width": 16, "augment.trivial_augment": False, "augment.mix_rate": 0.0},
    },
    "resnet": {"model.stage_widths": "4,8", "model.stage_depths": "1,1"},
}
SHORT = {"num_epochs": 1, "batch_size": 32, "eval_batch_size": 32, "log.every_steps": 0}


def parts_of(value):
    """Yields every object inside a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from parts_of(inner)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("mine") / "photos", num_train=90, num_test=15)


@pytest.fixture(scope="module")
def runs(photos, tmp_path_factory):
    """Returns the folder of a run of each arm."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXCMP_CACHE", str(folder / "cache"))
        for arm, sizes in SMALL.items():
            own = {"data.name": "folder", "data.dir": photos, "data.image_size": 16}
            keys = SHORT | sizes | own
            words = [f"--config.{key}={value}" for key, value in keys.items()]
            options = cli.parse(main.make_parser(), [f"--config=configs/{arm}.py", *words])
            train(settings_of(options.config), workdir=folder / arm, given=options.given)
        assert inspect([str(folder / "resnet"), "--images=16"]) == 0
        yield folder


def test_classes_and_size_follow_from_the_pictures(runs):
    for arm in SMALL:
        run = read_run(runs / arm)
        assert (run.config["model"]["num_classes"], run.config["model"]["image_size"]) == (3, 16)
        data = run.environment["data"]
        assert data["class_names"] == sorted(CLASSES)
        assert (data["num_train"], data["num_test"]) == (3 * NUM_TRAIN, 3 * NUM_TEST)


def test_predictions_name_the_files(runs, photos):
    predictions = read_run(runs / "vit").load_predictions().test
    assert len(predictions.ids) == 3 * NUM_TEST
    for name, label in zip(predictions.ids.tolist(), predictions.labels, strict=True):
        path = photos / name
        assert path.is_file()
        assert predictions.class_names[label] in path.parts


def test_an_inspection_counts_answers_of_each_class(runs):
    found = read_inspection(runs / "resnet")
    assert found is not None and sum(found["images"]["class_sizes"]) == 16


def test_the_report_is_named_after_the_folder_and_its_gallery_names_files(runs, photos, tmp_path):
    assert compare([str(runs / "vit"), str(runs / "resnet"), f"--out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    (comparison,) = report["comparisons"]
    assert comparison["data"] == "photos"
    galleries = [part for part in parts_of(comparison) if part.get("kind") == "gallery"]
    pictures = [picture for gallery in galleries for picture in gallery["pictures"]]
    assert pictures and all((photos / picture["lines"][0]).is_file() for picture in pictures)
    assert any(picture["png"] for picture in pictures)


def test_a_copy_of_the_photos_is_tested_on_those_that_were_held_out(photos, tmp_path, capsys):
    undivided = shutil.copytree(photos / "train", tmp_path / "mine")
    own = {"data.name": "folder", "data.dir": undivided, "data.test_fraction": 0.2}
    keys = SHORT | SMALL["vit"] | own | {"data.image_size": 16}
    words = [f"--config.{key}={value}" for key, value in keys.items()]
    options = cli.parse(main.make_parser(), ["--config=configs/vit.py", *words])
    train(settings_of(options.config), workdir=tmp_path / "run", given=options.given)
    there = f"--config.data.dir={shutil.copytree(undivided, tmp_path / 'copy')}"
    assert evaluate([str(tmp_path / "run"), there]) != 0
    assert "--config.data.test_fraction=0.2 evaluates those" in capsys.readouterr().out
    assert evaluate([str(tmp_path / "run"), there, "--config.data.test_fraction=0.2"]) == 0
    (found,), _ = read_evaluations(tmp_path / "run")
    stored = read_run(tmp_path / "run").load_predictions().test
    assert sorted(found.predictions.ids.tolist()) == sorted(stored.ids.tolist())
    # On training images there is no test, whatever the folder is called.
    assert evaluate([str(tmp_path / "run"), "--split=train", "--name=seen"]) == 0
    outcomes, _ = read_outcomes([tmp_path / "run"])
    (own,) = group(outcomes)
    is_test = {each.first.name: each.is_test for each in read_evaluated(own).shown}
    assert is_test == {"folder-copy-test": True, "seen": False}


def test_a_picture_of_any_size_is_predicted_as_in_the_evaluation(runs, photos):
    stored = read_run(runs / "vit").load_predictions().test
    trained = predict.restore(runs / "vit")
    for name, logits in list(zip(stored.ids.tolist(), stored.logits, strict=True))[:15]:
        image = predict.read_image(photos / name, image_size=16, num_channels=3, how=trained.fit)
        expected = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(trained.predict(image)[0], expected, atol=1e-4)
