"""The tables of a model card, each word from the run's files."""

import dataclasses

import pytest
from sample_models import make_trained
from sample_runs import Sample, write_run

from jaxcmp.export.card_rows import data_rows, model_rows, training_rows
from jaxcmp.runs import Run, read_run

INIT = {
    "path": "weights/Ti_16.npz",
    "kind": "file",
    "layout": "vit_npz",
    "sha256": "fe98",
    "seen": {
        **{"name": "ImageNet-21k", "num_train": 14_000_000, "num_classes": None},
        **{"class_names": None, "epochs": 300, "arm": None, "seed": None},
    },
    "rows": [{"name": f"block_{i}", "what": "loaded"} for i in range(4)]
    + [{"name": "positions", "what": "resized"}, {"name": "head/kernel", "what": "new"}],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    sample = Sample("vit", seed=3, num_validation=100)
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", sample))


def changed(run: Run, **contents) -> Run:
    return dataclasses.replace(run, **contents)


def test_a_vit_is_described_and_weighed():
    rows = model_rows(make_trained("vit"))
    assert rows["architecture"] == (
        "ViT: 2x2 patches, 16 tokens and CLS, 2 pre-norm blocks of width 12 with 3 heads, MLP 20"
    )
    # Patches 156, CLS 12, positions 204, two blocks of 1,184, the last norm 24, head 39.
    assert rows["parameters"] == "2,803"
    assert rows["input"] == "8x8 pixels of 3 channels, levels 0 to 255"
    assert rows["normalisation"] == "/ 255, minus 0.47, 0.47, 0.47, divided by 0.23, 0.23, 0.23"
    assert rows["normalisation"].count("resized") == 0
    larger = model_rows(make_trained("vit", images=(10, 6)))
    assert larger["input"].startswith("10x6 pixels")
    assert larger["normalisation"].endswith("0.23, resized to 8x8 (bicubic)")
    assert model_rows(make_trained("vit", channels=1))["input"].startswith(
        "8x8 pixels of 1 channel,"
    )


@pytest.mark.parametrize(
    ("stem", "words"), [("cifar", "3x3 stem without pooling"), ("imagenet", "7x7 stem, pooled")]
)
def test_a_resnet_says_which_stem_it_has(stem, words):
    rows = model_rows(make_trained("resnet", stem=stem))
    assert rows["architecture"] == f"ResNet: {words}, stages of 1-2 basic blocks of width 4-8"


def test_data_has_its_version_and_its_numbers(run):
    assert data_rows(run) == {
        "data set": "cifar10 3.0.2",
        "training images": "50,000",
        "held-out images": "100",
        "test images": "200",
        "classes": "5",
    }


def test_a_part_of_the_images_is_named(tmp_path):
    sample = Sample("resnet", config={"data.train_fraction": 0.1})
    rows = data_rows(read_run(write_run(tmp_path / "run", sample)))
    assert rows["training images"] == "5,000, 10 % of the training set"
    assert "held-out images" not in rows


def test_a_choice_of_the_classes_is_said_to_be_one(run):
    data = run.config["data"] | {"classes": [0, 2, 3, 4, 7]}
    rows = data_rows(changed(run, config=run.config | {"data": data}))
    assert rows["classes"] == "5, chosen from those of the data set"


def test_training_is_the_recipe_and_what_it_ran_on(run):
    rows = training_rows(run)
    assert rows["began from"] == "random weights"
    assert rows["optimizer"] == "AdamW, weight decay 0.05, gradient norm up to 1"
    assert rows["schedule"] == "1 epoch of linear warm-up to 0.001, cosine to 0 at epoch 6"
    assert (rows["epochs"], rows["seed"]) == ("6, batches of 128", "3")
    assert (rows["device"], rows["training time"]) == ("cpu", "60 s")
    assert rows["jaxcmp's commit"] == "0123456789abcdef"
    assert rows["versions"] == "python 3.12.1, jax 0.12.0"
    assert training_rows(changed(run, result=None))["training time"] == "not known"


def test_what_a_run_began_from_is_told_with_what_became_of_it(run):
    assert training_rows(changed(run, init=INIT))["began from"] == (
        "Ti_16.npz (SHA-256 fe98), trained on ImageNet-21k (14,000,000 images, 300 epochs); "
        "arrays: 4 loaded, 1 resized, 1 new"
    )
    silent = INIT | {"seen": {"name": ""}}
    assert training_rows(changed(run, init=silent))["began from"].startswith(
        "Ti_16.npz (SHA-256 fe98), of which nothing is said; arrays: "
    )


def test_weights_that_nobody_recorded_are_not_called_random(run):
    config = run.config | {"init": {"path": "Ti_16.npz"}}
    with pytest.raises(ValueError, match=r"names weights, and init.json is missing"):
        training_rows(changed(run, config=config))


@pytest.mark.parametrize(
    ("commit", "is_dirty", "words"),
    [(None, None, "not known"), ("ab", False, "ab"), ("ab", True, "ab, with changes of its own")],
)
def test_source_that_was_changed_is_said_to_be(run, commit, is_dirty, words):
    environment = run.environment | {"git_commit": commit, "git_dirty": is_dirty}
    rows = training_rows(changed(run, environment=environment))
    assert rows["jaxcmp's commit"] == words


def test_sessions_on_several_machines_are_all_named(run):
    environment = run.environment | {"device": "H100", "device_count": 8, "git_commit": "ff"}
    rows = training_rows(changed(run, environment=environment | {"earlier": [run.environment]}))
    assert rows["device"] == "cpu and 8 x H100"
    assert rows["jaxcmp's commit"] == "0123456789abcdef and ff"
