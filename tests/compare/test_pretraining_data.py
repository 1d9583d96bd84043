"""The data behind pretrained weights, and how near it is to the runs' data."""

import pytest
import sections
from sample_runs import CLASS_NAMES, Sample, make_group
from sample_transfer import IMAGENET, OTHERS, from_file, from_run, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Section
from jaxcmp.compare.sections.pretraining_arms import DATA_TITLE as TITLE
from jaxcmp.compare.sections.pretraining_arms import data_blocks, pretrained_arms


def seen(group: Group) -> Section:
    return Section("seen", "Seen", data_blocks(group, pretrained_arms(group)))


def of_one(tmp_path, init) -> Section:
    return seen(make_group(tmp_path, Sample("vit"), pretrained("vit", 0, init)))


def test_a_row_says_all_that_is_known_of_a_run(tmp_path):
    table = sections.table(seen(make_transfer(tmp_path)), TITLE)
    row = sections.row(table, "vit, pretrained")
    found = {name: cell.text for name, cell in row.items()}
    del found["Weights of"]
    assert found == {
        "data set": "cifar10",
        "training images": "25,000",
        "classes": "5",
        "epochs": "10",
        "of the classes here": "none of 5",
        "arrays": "1 loaded, 1 resized, 1 new, 1 unused",
        "from": "runs of vit, seeds 0, 1",
    }
    # One row for all sizes, and all of their runs behind it.
    assert len(table.rows) == 2 and len(row["epochs"].runs) == 4


def test_what_a_file_does_not_say_is_not_made_up(tmp_path):
    section = of_one(tmp_path, from_file(""))
    (row,) = sections.table(section, TITLE).rows
    assert [cell.text for cell in row[1:6]] == ["not said", "not known", "–", "–", "–"]
    assert row[7].text.startswith("Ti_16.npz, SHA-256 ")
    text = sections.texts(section)
    assert "weights of vit, from the weights of Ti_16.npz come with no word on what" in text


def test_what_is_said_of_a_file_is_not_taken_for_checked(tmp_path):
    text = sections.texts(of_one(tmp_path, from_file()))
    assert "were trained on ImageNet-21k; on which classes is not known." in text
    assert "Whether they were trained on any of these test images is not known." in text


@pytest.mark.parametrize(
    ("names", "cell", "words"),
    [
        (OTHERS, "none of 5", "were trained on none of these 5 classes."),
        (
            ["Cat", "bird", "dog"],
            "2 of 5: bird, cat",
            "were trained on 2 of these 5 classes: bird, cat.",
        ),
        ([*CLASS_NAMES, "dog"], "all of 5", "were trained on all of these 5 classes."),
    ],
)
def test_the_classes_that_it_had_seen_are_named(tmp_path, names, cell, words):
    section = of_one(tmp_path, from_run(class_names=names, num_classes=len(names)))
    (row,) = sections.table(section, TITLE).rows
    assert row[2].text == cell
    assert words in sections.texts(section)


def test_images_of_the_same_data_set_are_told_from_those_of_another(tmp_path):
    same = sections.texts(of_one(tmp_path / "same", from_run()))
    assert "from the same data set, cifar10 (25,000 images, 5 classes, 10 epochs): images" in same
    assert "images of other classes, of the training split only" in same
    assert "they were trained on no test image" in same
    overlap = sections.texts(of_one(tmp_path / "overlap", from_run(class_names=["cat", "dog"])))
    assert "images of these classes too" in overlap
    other = sections.texts(of_one(tmp_path / "other", from_run(name="cifar100")))
    assert "another data set than cifar10" in other and "no test image" not in other


def test_what_the_weights_had_seen_first_is_told_and_not_taken_for_checked(tmp_path):
    section = of_one(tmp_path / "file", from_run(before=IMAGENET))
    (row,) = sections.table(section, TITLE).rows
    assert row[1].text == "ImageNet-21k, 14 million images, then cifar10"
    assert row[2].text == "not known"
    text = sections.texts(section)
    assert "were trained on ImageNet-21k, 14 million images, then cifar10 (25,000 images" in text
    assert "Whether they were trained on any of these test images is not known." in text
    first = from_run(name="cifar100")["seen"]
    text = sections.texts(of_one(tmp_path / "run", from_run(before=first)))
    assert "were trained on none of these 5 classes. They come from cifar100, then cifar10" in text
    assert "no test image" not in text


def test_runs_that_share_their_weights_show_less_spread_than_there_is(tmp_path):
    same = [pretrained("vit", seed, from_run("vit", 0)) for seed in (0, 1)]
    text = sections.texts(seen(make_group(tmp_path / "a", Sample("vit"), *same)))
    assert "The 2 runs of vit, pretrained on 5 classes of cifar10 began from the same" in text
    own = [pretrained("vit", seed) for seed in (0, 1)]
    assert "without that of pretraining" not in sections.texts(
        seen(make_group(tmp_path / "b", Sample("vit"), *own))
    )
