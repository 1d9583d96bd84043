"""Cost: curves against numbers worked out by hand."""

import dataclasses

import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group, with_files
from sample_transfer import from_run, pretrained

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
