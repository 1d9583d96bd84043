"""Settings tried: held-out images choose, and the test images only say what the choice reaches."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_runs import Sample, alter, arm_named, make_group

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.report import SECTIONS
from jaxcmp.compare.sections.settings_tried import CHOSEN, settings_tried_section
from jaxcmp.compare.verdict import answer

KEY = "schedule.peak_learning_rate"
TEST = "Test accuracy"
VALIDATION = "Validation accuracy"


def points(rates, *, arm="vit", seeds=3, num_validation=400):
    """Seeds of an arm at each rate, as accurate as it says."""
    return [
        Sample(arm, seed, accuracy=accuracy, num_validation=num_validation, config={KEY: rate})
        for rate, accuracy in rates.items()
        for seed in range(seeds)
    ]


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    rates = {1e-3: 0.6, 5e-4: 0.9, 5e-5: 0.3}
    others = points({0.1: 0.8}, arm="resnet", seeds=2)
    return make_group(tmp_path_factory.mktemp("tried"), *points(rates), *others)


def test_each_setting_has_its_validation_accuracy_and_only_the_chosen_one_its_test(group):
    table = sections.table(settings_tried_section(group), "3 settings tried of vit")
    assert sections.names(table) == [f"vit (peak_learning_rate={x})" for x in (5e-4, 1e-3, 5e-5)]
    first, *others = table.rows
    assert [row[3].text for row in table.rows] == [CHOSEN, "", ""]
    for row in table.rows:
        arm = arm_named(group, row[0].text)
        shares = []
        for outcome in arm.outcomes:
            stored = np.load(outcome.run.folder / "predictions.npz")
            answers = stored["validation_logits"].argmax(axis=1)
            shares.append(100 * np.mean(answers == stored["validation_labels"]))
        assert row[1].value == pytest.approx(np.mean(shares))
        assert (row[1].num, row[2].value, row[1].runs) == (3, 3, arm.runs)
    chosen = arm_named(group, first[0].text)
    assert first[4].value == pytest.approx(100 * chosen.mean_accuracy)
    assert not any(row[4].text for row in others)


def test_a_model_with_one_setting_has_nothing_to_choose(group):
    assert not sections.has_table(settings_tried_section(group), "tried of resnet")


def test_the_test_images_do_not_choose(tmp_path):
    made = make_group(tmp_path, *points({1e-3: 0.5, 5e-4: 0.9}))
    loser = "vit (peak_learning_rate=0.001)"
    lucky = arm_named(made, loser).runs

    def change(outcome: Outcome) -> Outcome:
        is_lucky = outcome.number in lucky
        return dataclasses.replace(outcome, test_accuracy=1.0) if is_lucky else outcome

    made = alter(made, change)
    table = sections.table(settings_tried_section(made), "tried of vit")
    assert sections.row(table, loser)["Choice"].text == ""
    # Two arms are compared on the test images, and the reader is told which one was chosen.
    lead, choice = answer(made)
    assert lead.startswith(loser)
    assert "held out from training: vit (peak_learning_rate=0.0005) of 2 vit arms" in choice


@pytest.mark.parametrize("num_validation", [0, 400])
def test_nothing_is_chosen_where_an_arm_held_no_images_out(tmp_path, num_validation):
    kept = points({1e-3: 0.5}, seeds=1)
    others = points({5e-4: 0.9}, seeds=1, num_validation=num_validation)
    found = settings_tried_section(make_group(tmp_path, *kept, *others))
    assert (found.section is not None) == (num_validation > 0)


def test_the_report_has_the_section():
    assert settings_tried_section in SECTIONS


def test_arms_with_names_of_their_own_are_no_settings_to_choose_from(tmp_path):
    samples = [
        Sample("vit", seed, num_validation=40, config={"arm": arm})
        for arm in ("vit", "vit-conv")
        for seed in (0, 1)
    ]
    assert settings_tried_section(make_group(tmp_path, *samples)).section is None
