"""Equal training FLOPs: which runs are compared, and what is said where there are none."""

import dataclasses

import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group, with_files
from sample_study import longer
from scipy import stats

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.sections.answer import Answer
from jaxcmp.compare.sections.cost import cost_section

ACCURACIES = {
    ("vit", 6): (0.80, 0.805, 0.81),
    ("vit", 9): (0.81, 0.85, 0.89),
    ("resnet", 6): (0.90, 0.905, 0.91),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Group:
    third = [Sample(arm, 2) for arm in ("vit", "resnet")]
    longer_runs = [longer("vit", 9, seed) for seed in (0, 1, 2)]
    return make_group(tmp_path_factory.mktemp("cost"), *TWO_SEEDS_EACH, *third, *longer_runs)


def spend(group: Group, resnet: float = 9e12) -> Group:
    """The ViT takes 1 TFLOP an epoch, the ResNet this much in all."""

    def change(outcome: Outcome) -> Outcome:
        accuracy = ACCURACIES[outcome.name, outcome.num_epochs][outcome.seed]
        flops = resnet if outcome.name == "resnet" else 1e12 * outcome.num_epochs
        found = with_files(outcome, cost={"training_flops": flops})
        return dataclasses.replace(found, test_accuracy=accuracy)

    return alter(group, change)


def section(group: Group) -> Answer:
    return cost_section(group)


def test_arms_are_compared_at_the_lengths_that_cost_as_much(runs):
    found = section(spend(runs, 9.1e12))
    table = sections.table(found, "At equal training FLOPs, each run planned")
    assert sections.names(table) == ["resnet", "vit (9 epochs)"]
    row = sections.row(table, "vit (9 epochs)")
    assert row["test accuracy"].value == pytest.approx(85)
    assert (row["epochs"].value, row["n"].value) == (9, 3)
    assert row["training FLOPs"].text == "9 TFLOP"
    assert not list(sections.without_source(found))


def test_the_sentence_has_welchs_interval(runs):
    text = sections.texts(section(spend(runs)))
    result = stats.ttest_ind([90, 90.5, 91], [81, 85, 89], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal training FLOPs, resnet scored 5.50 points more than vit (9 epochs) in test "
        f"accuracy (3 seeds each; Welch's 95 % interval −{-low:.2f} to {high:.2f}, "
    ) in text


def test_a_cost_more_than_two_percent_away_is_not_equal(runs):
    found = section(spend(runs, 9.3e12))
    assert not sections.has_table(found, "At equal training FLOPs")
    assert (
        "resnet takes 1.55 times the training FLOPs of vit; 9 epochs of vit, planned for that "
        "length, would take about as many."
    ) in sections.texts(found)
    (line,) = sections.commands(found)
    assert "--config.num_epochs=9 --config.schedule.warmup_epochs=1.5 " in line
    assert line.endswith("-9-epochs")


def test_arms_that_cost_as_much_need_no_other_runs(runs):
    text = sections.texts(section(spend(runs, 6e12)))
    assert "as many training FLOPs as each other, 6 TFLOP and 6 TFLOP: who is ahead is" in text


def test_one_arm_alone_says_nothing(tmp_path):
    alone = make_group(tmp_path, Sample("vit"))
    assert "equal training FLOPs" not in sections.texts(cost_section(alone))
