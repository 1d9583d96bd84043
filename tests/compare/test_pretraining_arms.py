"""The arm that began at random beside a pretrained one, and other differences between the two."""

import pytest
from sample_runs import Sample, make_group
from sample_study import crossed
from sample_transfer import from_file, from_run, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.sections.pretraining_arms import (
    Pretrained,
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


def test_sources_are_counted_by_their_weights(group, tmp_path):
    assert of(group, "vit").num_sources == 2
    same = [pretrained("vit", seed, from_run("vit", 0)) for seed in (0, 1)]
    (tuned,) = pretrained_arms(make_group(tmp_path, Sample("vit"), *same))
    assert tuned.num_sources == 1


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
