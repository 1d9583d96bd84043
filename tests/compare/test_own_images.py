"""Runs on a user's own images: their ids are paths, and their folder names the data set."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_outcomes import make_config, make_outcome, make_predictions
from sample_runs import Sample, alter, make_group

from jaxcmp.compare.grouping import group
from jaxcmp.compare.pages.markdown import render_markdown
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report import build
from jaxcmp.compare.sections.same_images import same_images_section
from jaxcmp.runs.predictions import Pictures

IDS = [f"test/gatto/{i}.png" for i in range(20)]


def outcome(seed=0, *, folder="/home/me/photos", version="1", ids=tuple(IDS), name="folder"):
    config = make_config(seed=seed, name=name, dir=folder)
    made = make_outcome(config, f"runs/{seed}", make_predictions(ids=np.array(ids)))
    data = tuple((key, f'"{version}"' if key == "version" else x) for key, x in made.data)
    return dataclasses.replace(made, data=data)


@pytest.mark.parametrize("name", ["folder", "npz", "parquet"])
def test_a_group_is_named_after_the_folder_wherever_it_lies(name):
    places = ("/home/me/photos", "/mnt/photos", "photos/")
    (only,) = group([outcome(i, folder=place, name=name) for i, place in enumerate(places)])
    assert only.data == "photos" and len(only.arms[0].outcomes) == 3


def test_two_folders_of_one_name_are_told_apart_by_version():
    found = group([outcome(0, version="ab12"), outcome(1, version="cd34")])
    assert [each.data for each in found] == ["photos (version=ab12)", "photos (version=cd34)"]


def test_runs_on_other_files_are_never_compared():
    renamed = [name.replace("gatto", "cane") for name in IDS]
    assert len(group([outcome(0), outcome(1, ids=renamed)])) == 2


def test_predictions_are_paired_by_path_whatever_their_order():
    there = outcome(1, ids=IDS)
    order = np.random.default_rng(0).permutation(20)
    found = make_predictions(ids=np.array(IDS)[order], labels=(np.arange(20) % 2)[order])
    here = make_outcome(make_config(name="folder", dir="/mnt/photos"), "runs/2", found)
    np.testing.assert_array_equal(here.predictions.ids, there.predictions.ids)
    np.testing.assert_array_equal(here.predictions.labels, there.predictions.labels)
    assert here.data == tuple(
        (key, '"3.0.2"' if key == "version" else value) for key, value in there.data
    )


@pytest.mark.parametrize("name", ["猫/😀.png", "with\nline|x.png", "<b>&.png", "\u202egnp.x"])
def test_the_gallery_names_the_file_and_pages_show_the_name_as_text(tmp_path, name):
    samples = [Sample(arm, num_test=4, class_names=("cat", "dog")) for arm in ("vit", "resnet")]
    made = make_group(tmp_path, *samples)
    ids = np.array([f"{i}/{name}" for i in range(4)])
    answers = {"vit": [0, 0, 0, 0], "resnet": [1, 1, 1, 1]}

    def with_names(each):
        labels = np.array([0, 1, 0, 1], np.int32)
        logits = 9 * np.eye(2, dtype=np.float32)[answers[each.name]]
        found = dataclasses.replace(each.predictions, logits=logits, labels=labels, ids=ids)
        pictures = Pictures(ids, np.zeros((4, 2, 2, 3), np.uint8))
        return dataclasses.replace(each, predictions=found, pictures=pictures)

    made = alter(made, with_names)
    gallery = sections.gallery(same_images_section(made))
    assert sorted(picture.lines[0] for picture in gallery.pictures) == sorted(ids.tolist())
    assert all(picture.png and picture.lines[1].startswith("is ") for picture in gallery.pictures)
    report = build([made], [])
    for page in (render_html(report), render_markdown(report)):
        assert "/<b>" not in page and "\u202e" not in page
        assert ("😀" in page) == ("😀" in name)
