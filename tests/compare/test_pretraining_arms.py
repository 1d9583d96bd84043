"""A pretrained arm: what it stands beside, its figures, and what its weights had seen."""

import pytest
import sections
from sample_runs import CLASS_NAMES, Sample, make_group
from sample_study import crossed
from sample_transfer import IMAGENET, OTHERS, from_file, from_run, keep, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Section
from jaxcmp.compare.sections.pretraining import pretraining_figures
from jaxcmp.compare.sections.pretraining_arms import DATA_TITLE as TITLE
from jaxcmp.compare.sections.pretraining_arms import (
    Pretrained,
    data_blocks,
    differences,
    of_sizes,
    pretrained_arms,
)


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_transfer(tmp_path_factory.mktemp("transfer"))


def of(group: Group, architecture: str, size: int = 50_000) -> Pretrained:
    (found,) = (
        each
        for each in pretrained_arms(group)
        if (each.architecture, each.num_train) == (architecture, size)
    )
    return found


def test_arms_come_by_architecture_and_size(group):
    found = [(each.architecture, each.num_train) for each in pretrained_arms(group)]
    assert found == [("vit", 50_000), ("vit", 5_000), ("resnet", 50_000), ("resnet", 5_000)]


def test_beside_each_stands_the_same_recipe_on_as_many_images(group):
    for each in pretrained_arms(group):
        (baseline,) = each.baselines
        first = baseline.outcomes[0]
        assert first.origin is None and first.architecture == each.architecture
        assert first.num_train == each.num_train and not differences(each, baseline)


def test_labels_are_short_where_one_source_is_enough(group, tmp_path):
    assert of(group, "vit").label == "vit, pretrained"
    two = [pretrained("vit"), pretrained("vit", 0, from_file())]
    labels = [each.label for each in pretrained_arms(make_group(tmp_path, Sample("vit"), *two))]
    assert sorted(labels) == [
        "vit, pretrained on 5 classes of cifar10",
        "vit, pretrained on ImageNet-21k",
    ]


def test_the_nearest_recipe_comes_first_then_the_architectures_own(tmp_path):
    short = {"num_epochs": 3, "label_smoothing": 0.1}
    samples = [Sample("vit"), Sample("resnet"), Sample("vit", config={"recipe": "short"} | short)]
    tuned = pretrained("vit", 0, None, **short, recipe="short")
    found = of(make_group(tmp_path, *samples, tuned), "vit")
    assert [each.name for each in found.baselines] == ["vit with short's recipe (3 epochs)", "vit"]
    assert [differences(found, each) for each in found.baselines] == [
        [],
        ["label_smoothing", "num_epochs"],
    ]


def test_of_recipes_that_are_as_near_the_one_of_more_runs_is_taken(tmp_path):
    one, two = ({"label_smoothing": share} for share in (0.1, 0.2))
    samples = [Sample("vit", config=one), Sample("vit", config=two), Sample("vit", 1, config=two)]
    found = of(make_group(tmp_path, *samples, pretrained("vit")), "vit")
    assert [len(each.runs) for each in found.baselines[:1]] == [2]


def test_without_the_same_recipe_the_nearest_is_taken_and_its_differences_are_told(tmp_path):
    tuned = pretrained("vit", **{"optimizer.weight_decay": 0.0})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), crossed("vit"), tuned)
    found = of(group, "vit")
    assert [each.name for each in found.baselines] == ["vit"]
    assert differences(found, found.baselines[0]) == ["optimizer"]


def test_another_architecture_or_size_is_no_counterpart(tmp_path):
    part = {"data.train_fraction": 0.1}
    group = make_group(tmp_path, Sample("resnet"), Sample("vit", config=part), pretrained("vit"))
    found = of(group, "vit")
    assert found.baselines == () and found.baseline is None
    alone = make_group(tmp_path / "alone", pretrained("vit"), pretrained("resnet"))
    assert [each.baseline for each in pretrained_arms(alone)] == [None, None]


def test_ends_are_the_most_and_the_fewest_images(group):
    arms = pretrained_arms(group)
    assert [each.num_train for each in of_sizes(arms, max)] == [50_000, 50_000]
    assert of_sizes(arms, min, max) == arms
    assert of_sizes(arms[:1], min, max) == arms[:1]


def figures(group: Group) -> Section:
    return Section("figures", "Figures", pretraining_figures(pretrained_arms(group)))


def test_lines_go_from_random_to_pretrained_weights(group):
    panel = sections.figure(figures(group), "pretraining").panels[0]
    assert panel.title == "From random and from pretrained weights, 50,000 images"
    line = sections.series(panel, "vit")  # pyright: ignore[reportArgumentType]
    assert line.y == pytest.approx([70, 90]) and line.arm == 1
    assert line.low is None and len(line.runs) == 4
    first = sections.series(panel, "vit, run 1")  # pyright: ignore[reportArgumentType]
    assert first.y == pytest.approx([69.5, 89.5]) and first.style == "thin"


def test_against_images_both_starts_have_a_line_and_one_colour(group):
    panel = sections.plot(
        sections.figure(figures(group), "pretraining"), "Accuracy by training images"
    )
    tuned, random = (
        sections.series(panel, name) for name in ("resnet, pretrained", "resnet, random weights")
    )
    assert (tuned.x, random.x) == ([5_000, 50_000], [5_000, 50_000])
    assert tuned.y == pytest.approx([75, 85]) and random.y == pytest.approx([60, 80])
    assert (tuned.style, random.style, tuned.arm, random.arm) == ("thick", "dashed", 0, 0)


def test_one_size_has_no_axis_of_images(group):
    shown = figures(keep(group, "vit", "resnet", sizes=(50_000,)))
    assert len(sections.figure(shown, "pretraining").panels) == 1


def test_epochs_have_a_panel_for_each_architecture_and_size_with_each_seed(group):
    found = sections.figure(figures(group), "pretraining-curves")
    assert [panel.title for panel in found.panels] == [
        "vit on 50,000 images",
        "vit on 5,000 images",
        "resnet on 50,000 images",
        "resnet on 5,000 images",
    ]
    line = sections.series(sections.plot(found, found.panels[0].title), "vit, pretrained")
    (arm,) = (a for a in group.pretrained if a.name.startswith("vit") and a.runs == line.runs)
    first = [100 * outcome.epochs[0]["test_accuracy"] for outcome in arm.outcomes]
    assert line.y[0] == pytest.approx(sum(first) / 2) and line.x == [1, 2, 3, 4, 5, 6]
    panel = sections.plot(found, found.panels[0].title)
    seeds = [sections.series(panel, f"vit, pretrained, run {number}").y[0] for number in (1, 2)]
    assert line.high is None and seeds == pytest.approx(first)


def test_arms_without_a_counterpart_are_not_drawn(tmp_path):
    assert not figures(make_group(tmp_path, pretrained("vit"))).blocks


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
