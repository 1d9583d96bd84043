"""Cost: curves against numbers worked out by hand, and the arms at equal training FLOPs."""

import dataclasses

import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group, with_files
from sample_study import longer
from sample_transfer import from_run, pretrained
from scipy import stats

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.sections.cost import cost_section


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("budget"), *TWO_SEEDS_EACH)


@pytest.fixture(scope="module")
def made_up(group) -> Group:
    """The ResNet takes 4 TFLOP and 4 minutes in all, the ViT 10 TFLOP and 2 minutes."""
    return alter(group, make_up)


def make_up(outcome: Outcome) -> Outcome:
    if outcome.name == "resnet":
        first = 100.0 if outcome.seed else 80.0
        return spend(outcome, 4e12, [first, 240 - first], [0.5, 0.9])
    # The seeds differ by a tenth.
    accuracies = [each + 0.1 * outcome.seed for each in (0.2, 0.4, 0.6, 0.7, 0.8)]
    return spend(outcome, 10e12, [24.0] * 5, accuracies)


def spend(outcome: Outcome, flops: float, seconds: list[float], accuracies: list[float]) -> Outcome:
    records = [
        outcome.epochs[0] | {"step": 100 * i, "epoch": i, "seconds": s, "test_accuracy": a}
        for i, (s, a) in enumerate(zip(seconds, accuracies, strict=True), start=1)
    ]
    found = with_files(outcome, metrics=records, cost=outcome.run.cost | {"training_flops": flops})
    return dataclasses.replace(found, test_accuracy=accuracies[-1])


def test_lines_follow_the_mean_over_seeds(made_up):
    figure = sections.figure(cost_section(made_up), "cost")
    line = sections.series(sections.plot(figure, "Accuracy by training FLOPs"), "vit")
    assert line.x == pytest.approx([2, 4, 6, 8, 10])
    assert line.y == pytest.approx([25, 45, 65, 75, 85])
    line = sections.series(sections.plot(figure, "Accuracy by training time"), "resnet")
    assert line.x == pytest.approx([1.5, 4])
    assert line.runs == made_up.arms[0].runs


def test_parameters_stand_beside_the_final_accuracy_of_each_of_two_seeds(made_up):
    panel = sections.plot(
        sections.figure(cost_section(made_up), "parameters"), "Accuracy by parameters"
    )
    point = sections.series(panel, "vit")
    assert point.x == [made_up.arms[1].outcomes[0].parameters / 1e6]
    assert point.y == pytest.approx([85])
    assert point.low is None and point.high is None
    seeds = [sections.series(panel, f"vit, run {number}") for number in (1, 2)]
    assert [each.y for each in seeds] == [pytest.approx([80]), pytest.approx([90])]


def test_times_on_different_devices_are_never_compared(made_up):
    section = cost_section(
        alter(made_up, lambda o: dataclasses.replace(o, device="T4" if o.seed else "cpu"))
    )
    assert "several devices (T4, cpu)" in sections.texts(section)
    panels = [panel.title for panel in sections.figure(section, "cost").panels]
    assert panels == ["Accuracy by training FLOPs"]


def test_one_arm_with_one_seed_has_curves_and_nothing_to_compare(tmp_path):
    section = cost_section(make_group(tmp_path, Sample("vit")))
    assert not sections.has_table(section, "")
    assert "equal training FLOPs" not in sections.texts(section)
    panel = sections.plot(sections.figure(section, "parameters"), "Accuracy by parameters")
    assert sections.series(panel, "vit").low is None


def test_the_cost_of_the_weights_is_said_to_be_missing(group, tmp_path):
    assert "cost of pretraining" not in sections.texts(cost_section(group))
    tuned = make_group(tmp_path, pretrained("vit"), Sample("resnet", init=from_run("resnet")))
    text = sections.texts(cost_section(tuned))
    assert (
        "The cost of pretraining is not counted for resnet, pretrained on 5 classes of cifar10"
        in text
    )


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


def at_equal_cost(group: Group, resnet: float = 9e12) -> Group:
    """The ViT takes 1 TFLOP an epoch, the ResNet this much in all."""

    def change(outcome: Outcome) -> Outcome:
        accuracy = ACCURACIES[outcome.name, outcome.num_epochs][outcome.seed]
        flops = resnet if outcome.name == "resnet" else 1e12 * outcome.num_epochs
        found = with_files(outcome, cost={"training_flops": flops})
        return dataclasses.replace(found, test_accuracy=accuracy)

    return alter(group, change)


def test_arms_are_compared_at_the_lengths_that_cost_as_much(runs):
    found = cost_section(at_equal_cost(runs, 9.1e12))
    table = sections.table(found, "At equal training FLOPs, each run planned")
    assert sections.names(table) == ["resnet", "vit (9 epochs)"]
    row = sections.row(table, "vit (9 epochs)")
    assert row["test accuracy"].value == pytest.approx(85)
    assert (row["epochs"].value, row["n"].value) == (9, 3)
    assert row["training FLOPs"].text == "9 TFLOP"
    assert not list(sections.without_source(found))


def test_the_sentence_has_welchs_interval(runs):
    text = sections.texts(cost_section(at_equal_cost(runs)))
    result = stats.ttest_ind([90, 90.5, 91], [81, 85, 89], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal training FLOPs, resnet scored 5.50 points more than vit (9 epochs) in test "
        f"accuracy (3 seeds each; Welch's 95 % interval −{-low:.2f} to {high:.2f}, "
    ) in text


def test_a_cost_more_than_two_percent_away_is_not_equal(runs):
    found = cost_section(at_equal_cost(runs, 7.1e12))
    assert not sections.has_table(found, "At equal training FLOPs")
    assert (
        "resnet takes 1.18 times the training FLOPs of vit; 7 epochs of vit, planned for that "
        "length, would take about as many."
    ) in sections.texts(found)
    (line,) = sections.commands(found)
    assert "--config.num_epochs=7 --config.schedule.warmup_epochs=1.16667 " in line
    assert line.endswith("-7-epochs")


def test_where_no_whole_number_of_epochs_comes_near_enough_none_is_suggested(runs):
    found = cost_section(at_equal_cost(runs, 7.5e12))
    assert not sections.has_table(found, "At equal training FLOPs") and not found.more


def test_arms_that_cost_as_much_need_no_other_runs(runs):
    text = sections.texts(cost_section(at_equal_cost(runs, 6e12)))
    assert "as many training FLOPs as each other, 6 TFLOP and 6 TFLOP: who is ahead is" in text
