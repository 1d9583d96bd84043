"""Equal training FLOPs: which runs are compared, and what is said where there are none."""

import dataclasses

import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group, with_files
from sample_study import longer
from scipy import stats

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Section
from jaxcmp.compare.sections.equal_cost import equal_cost_blocks

ACCURACIES = {("vit", 6): (0.80, 0.81), ("vit", 9): (0.84, 0.86), ("resnet", 6): (0.90, 0.91)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Group:
    longer_runs = [longer("vit", 9, seed) for seed in (0, 1)]
    return make_group(tmp_path_factory.mktemp("cost"), *TWO_SEEDS_EACH, *longer_runs)


def spend(group: Group, resnet: float = 9e12) -> Group:
    """The ViT takes 1 TFLOP an epoch, the ResNet this much in all."""

    def change(outcome: Outcome) -> Outcome:
        accuracy = ACCURACIES[outcome.name, outcome.num_epochs][outcome.seed]
        flops = resnet if outcome.name == "resnet" else 1e12 * outcome.num_epochs
        found = with_files(outcome, cost={"training_flops": flops})
        return dataclasses.replace(found, test_accuracy=accuracy)

    return alter(group, change)


def section(group: Group) -> Section:
    return Section("cost", "Cost", equal_cost_blocks(group))


def test_arms_are_compared_at_the_lengths_that_cost_as_much(runs):
    found = section(spend(runs, 9.1e12))
    table = sections.table(found, "At equal training FLOPs")
    assert sections.names(table) == ["resnet", "vit (9 epochs)"]
    row = sections.row(table, "vit (9 epochs)")
    assert row["test accuracy"].value == pytest.approx(85)
    assert (row["epochs"].value, row["n"].value) == (9, 2)
    assert row["training FLOPs"].text == "9 TFLOP"
    assert not list(sections.without_source(found))


def test_the_sentence_has_welchs_interval_beside_that_of_equal_epochs(runs):
    text = sections.texts(section(spend(runs)))
    result = stats.ttest_ind([90, 91], [84, 86], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal training FLOPs: resnet is ahead of vit (9 epochs) by 5.50 points of test "
        f"accuracy (2 seeds each; Welch's 95 % interval {low:.2f} to {high:.2f}, "
    ) in text
    assert "Beside it, after 6 epochs: resnet is ahead of vit by 10.00 points" in text


def test_a_cost_more_than_two_percent_away_is_not_equal(runs):
    found = section(spend(runs, 9.3e12))
    assert not sections.has_table(found, "FLOPs")
    assert "resnet takes 1.55 times the training FLOPs of vit. 9 epochs of vit" in sections.texts(
        found
    )
    (line,) = sections.commands(found)
    assert "--config.num_epochs=9 --config.schedule.warmup_epochs=1.5 " in line
    assert line.endswith("-9-epochs")


def test_arms_that_cost_as_much_at_equal_epochs_need_no_other_runs(runs):
    assert "as many training FLOPs as it is" in sections.texts(section(spend(runs, 6e12)))


def test_unknown_costs_and_one_arm_alone_say_nothing(runs, tmp_path):
    assert not equal_cost_blocks(alter(runs, lambda each: with_files(each, cost={})))
    assert not equal_cost_blocks(make_group(tmp_path, Sample("vit")))
