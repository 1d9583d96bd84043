"""What runs say of sizes and of claims, read from their folders."""

import numpy as np
import pytest
import sample_runs
from sample_runs import Sample

from jaxcmp.compare.sections.findings import measured, sizes_of
from jaxcmp.compare.sections.published import load_claims

STUDY = {"num_epochs": 100, "batch_size": 128}


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return sample_runs.make_group(tmp_path_factory.mktemp("runs"), *sample_runs.TWO_SEEDS_EACH)


def test_sizes_are_those_of_the_run_folders(group):
    sizes = sizes_of(group.arms[1])
    assert (sizes.name, sizes.index, sizes.num_channels, sizes.batch_size) == ("vit", 1, 3, 128)
    assert sum(sizes.parameters.values()) == group.arms[1].outcomes[0].parameters
    assert sum(sizes.multiply_adds.values()) == group.arms[1].outcomes[0].multiply_adds
    assert sizes.step_seconds == [0.128, 0.128]
    assert (sizes.device, sizes.runs) == ("cpu", group.arms[1].runs)


def test_runs_without_costs_have_no_sizes(group):
    arm = group.arms[0]
    for outcome in arm.outcomes:
        outcome.run.cost.clear()
    sizes = sizes_of(arm)
    assert (sizes.parameters, sizes.multiply_adds) == ({}, {})
    assert sizes.step_seconds == [None, None]


def test_evidence_has_one_number_for_each_seed_and_class(group):
    evidence = measured(group, load_claims()).arms["vit"]
    arm = group.arms[1]
    assert evidence.last_accuracies == arm.accuracies
    assert evidence.best_accuracies == [
        max(epoch["test_accuracy"] for epoch in outcome.epochs) for outcome in arm.outcomes
    ]
    cats = group.labels == group.class_names.index("cat")
    assert evidence.class_accuracies["cat"] == [
        float(np.mean(logits.argmax(axis=1)[cats] == group.labels[cats])) for logits in arm.logits
    ]
    assert evidence.seconds == {"cpu": [60.0, 60.0]}


def test_small_models_are_not_taken_for_the_studys(group):
    arms = measured(group, load_claims()).arms
    assert arms["vit"].difference and arms["resnet"].difference


def test_of_several_arms_of_a_model_the_studys_own_setting_speaks(tmp_path):
    names = load_claims().classes
    model = {"model.width": 192, "model.depth": 12, "model.mlp_width": 768}
    own = STUDY | model | {"schedule.warmup_epochs": 10.0}
    group = sample_runs.make_group(
        tmp_path,
        Sample("vit", 0, class_names=names),
        Sample("vit", 1, class_names=names, num_epochs=100, config=own),
    )
    evidence = measured(group, load_claims()).arms["vit"]
    assert evidence.difference is None
    assert evidence.runs == [1]
