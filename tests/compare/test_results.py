"""The table that a reader sees first: each number against a computation of its own."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_runs import SIZES, TWO_SEEDS_EACH, Sample, alter, arm_named, make_group, with_files
from sample_transfer import pretrained

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.cost import cost_section
from jaxcmp.compare.sections.results import (
    facts,
    memory_ratio_of,
    results_section,
    tradeoff,
)
from jaxcmp.compare.sections.work import work_section
from jaxcmp.compare.statistics.means import compare_runs, estimate_mean
from jaxcmp.compare.statistics.paired import share_interval

ACCURACIES = {"vit": [0.80, 0.84], "resnet": [0.90, 0.91, 0.95]}


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("two"), *TWO_SEEDS_EACH)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory) -> Group:
    """Returns two seeds of a ViT and three of a ResNet."""
    samples = [Sample("vit", s) for s in range(2)] + [Sample("resnet", s) for s in range(3)]
    group = make_group(tmp_path_factory.mktemp("uneven"), *samples)

    def change(outcome: Outcome) -> Outcome:
        accuracy = ACCURACIES[outcome.name][outcome.seed]
        return dataclasses.replace(
            outcome, test_accuracy=accuracy, train_seconds=1500.0 + 60 * outcome.seed
        )

    return alter(group, change)


def cell(group: Group, name: str, arm: str) -> Cell:
    tables = [sections.table(results_section(group), title) for title in ("Results", "Recipes")]
    (found,) = (table for table in tables if name in sections.names(table))
    return sections.row(found, name)[arm]


@pytest.mark.parametrize("arm", ["vit", "resnet"])
def test_an_accuracy_has_the_t_interval_of_its_own_number_of_seeds(uneven, arm):
    found = cell(uneven, "Test accuracy, last epoch", arm)
    values = [100 * each for each in ACCURACIES[arm]]
    if arm == "vit":
        # Of two seeds, each is shown.
        assert (found.text, found.interval) == ("80.00 and 84.00 %", None)
    else:
        expected = estimate_mean(values)
        low, high = expected.interval or (0, 0)
        assert found.text == f"{expected.mean:.2f} ± {(high - low) / 2:.2f} %"
        assert found.interval == pytest.approx((low, high))
    assert (found.num, found.runs) == (len(values), arm_named(uneven, arm).runs)
    assert cell(uneven, "Runs (n)", arm).value == len(values)


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_the_choice_of_test_images_has_an_interval_of_its_own(tmp_path, num_seeds):
    group = make_group(tmp_path, *(Sample("vit", seed) for seed in range(num_seeds)))
    found = cell(group, "Accuracy, 95 % interval for the choice of 200 test images", "vit")
    (arm,) = group.arms
    # Answers of two seeds to one image are no independent sample: see test_paired.py.
    low, high = share_interval(arm.is_right.sum(axis=0), np.full(200, num_seeds))
    assert found.interval == pytest.approx((100 * low, 100 * high))
    assert found.text == f"{100 * low:.2f} to {100 * high:.2f} %"


def test_the_best_epoch_is_the_mean_of_each_seeds_best_and_says_what_it_was_chosen_on(two):
    def change(outcome: Outcome) -> Outcome:
        values = [0.1, 0.6 + outcome.seed / 10, 0.5]
        records = [
            record | {"test_accuracy": value}
            for record, value in zip(outcome.epochs, values, strict=False)
        ]
        return with_files(outcome, metrics=records)

    found = cell(alter(two, change), "Accuracy of the best epoch, chosen on the test images", "vit")
    assert found.value == pytest.approx(65)
    assert found.num == 2


def test_epochs_to_converge_are_the_mean_over_seeds(two):
    # A step from 0.2 to 0.9: smoothed over 5 epochs, the last of five above 0.895 is 2 later.
    def change(outcome: Outcome) -> Outcome:
        rises = 4 + outcome.seed
        values = [0.2] * rises + [0.9] * (20 - rises)
        # Evaluated after every third epoch.
        records = [
            outcome.epochs[0] | {"step": i, "epoch": 3 * i, "test_accuracy": v}
            for i, v in enumerate(values, start=1)
        ]
        return with_files(outcome, metrics=records)

    found = cell(alter(two, change), "Epochs to converge", "vit")
    assert found.value == pytest.approx(3 * (7 + 8) / 2)


def test_training_flops_are_six_per_multiply_add_and_image(two):
    images = 50_000 // 128 * 128 * 6
    flops = 6 * arm_named(two, "resnet").outcomes[0].multiply_adds * images
    found = cell(two, "Training FLOPs", "resnet")
    assert found.value == flops
    assert found.text == f"{flops / 1e12:.3g} TFLOP"


def test_a_training_time_has_its_spread_and_its_machine(uneven):
    found = cell(uneven, "Training time on cpu", "resnet")
    assert found.value == pytest.approx(1560)
    low, high = estimate_mean([1500, 1560, 1620]).interval or (0, 0)
    assert found.interval == pytest.approx((low, high))
    assert found.text == f"26 ± {(high - low) / 120:.0f} min"


def test_times_on_two_machines_are_told_apart_and_have_no_mean(two):
    group = alter(two, lambda each: dataclasses.replace(each, device="T4" if each.seed else "cpu"))
    found = cell(group, "Training time", "vit")
    assert found.text == "60 s on cpu; 60 s on T4"
    assert found.value is None
    assert cell(group, "Images per second in training", "vit").value is None
    assert not [fact for fact in facts(group) if "training time" in fact.label]


def test_what_a_run_has_not_recorded_is_left_out_of_mean_and_sources(two):
    first = {arm.name: arm.runs[0] for arm in two.arms}

    def change(outcome: Outcome) -> Outcome:
        rate = None if outcome.number == first["vit"] else 1000.0
        return with_files(outcome, result=outcome.run.result | {"images_per_second": rate})

    found = cell(alter(two, change), "Images per second in training", "vit")
    assert found.runs == [first["vit"] + 1]


def test_the_facts_are_the_accuracies_and_the_ratios_of_two_arms(uneven):
    resnet, vit, work, time = facts(uneven)
    assert resnet.text == cell(uneven, "Test accuracy, last epoch", "resnet").text
    assert resnet.label == "resnet, test accuracy, mean of 3 seeds, 95 % interval"
    assert vit.label == "vit, test accuracy, 2 seeds"
    assert (resnet.arm, vit.arm) == (0, 1)
    adds = [arm.outcomes[0].multiply_adds for arm in uneven.arms]
    assert work.text == f"{adds[0] / adds[1]:.2f}×"
    assert work.label == "multiply-adds per image, resnet to vit"
    assert time.text == f"{(1500 * 1560 * 1620) ** (1 / 3) / (1500 * 1560) ** 0.5:.2f}×"


def test_two_seeds_are_called_each_of_two(uneven):
    _, vit, *_ = facts(uneven)
    assert (vit.text, vit.label) == (
        "80.00 and 84.00 %",
        "vit, test accuracy, 2 seeds",
    )
    assert cell(uneven, "Training time on cpu", "vit").text == "25 min and 26 min"


def test_one_seed_is_called_one_seed(tmp_path):
    group = make_group(tmp_path, Sample("vit"))
    (fact,) = facts(group)
    assert fact.label == "vit, test accuracy, 1 seed"
    assert cell(group, "Test accuracy, last epoch", "vit").interval is None
    assert not sections.texts(results_section(group))


def test_three_arms_have_a_column_each_and_a_row_for_every_pair(tmp_path):
    third = Sample("vit", accuracy=0.5, config={"label_smoothing": 0.1})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), third)
    section = results_section(group)
    labels = [column.label for column in sections.table(section, "Recipes").columns]
    assert labels == [
        "Quantity",
        "resnet",
        "vit (label_smoothing=0.0)",
        "vit (label_smoothing=0.1)",
    ]
    columns = sections.table(section, "Results").columns
    assert [column.arm for column in columns] == [None, 0, 1, 2]
    assert len(sections.table(section, "Every pair").rows) == 3
    assert len(facts(group)) == 3


def test_what_arms_began_from_is_told_where_it_was_not_random(two, tmp_path):
    assert "Began from" not in sections.names(sections.table(results_section(two), "Recipes"))
    group = make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    found = cell(group, "Began from", "vit, pretrained on 5 classes of cifar10")
    assert found.text == ("weights pretrained on cifar10 (25,000 images, 5 classes, 10 epochs)")


def test_peak_memory_is_the_highest_of_all_runs_and_of_the_device_where_there_is_one(tmp_path):
    group = make_group(tmp_path, *TWO_SEEDS_EACH)
    assert "Peak memory" not in str(results_section(group))

    def change(outcome: Outcome) -> Outcome:
        device = (3 + outcome.seed) * 10**9 if outcome.name == "vit" else None
        peaks = {"device_bytes": device, "host_bytes": (6 + outcome.seed) * 10**9}
        run = dataclasses.replace(outcome.run, cost={**outcome.run.cost, "peak_memory": peaks})
        return dataclasses.replace(outcome, run=run)

    measured = alter(group, change)
    assert cell(measured, "Peak memory", "vit").text == "4.00 GB of the device"
    assert cell(measured, "Peak memory", "resnet").text == "7.00 GB of the process"
    # A device's memory and a process's are no ratio.
    table = sections.some(tradeoff(measured))
    assert sections.row(table, "Peak memory")["resnet to vit"] == Cell("–")


def test_the_trade_off_marks_what_is_better_by_more_than_chance(tmp_path):
    samples = [Sample(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1, 2)]
    group = make_group(tmp_path, *samples)
    table = sections.some(tradeoff(group))
    rows = {cells[0].text: [cell.text for cell in cells[1:]] for cells in table.rows}
    # The ResNet has less of everything; both take a minute, whatever the seed.
    assert [text.endswith("✓") for text in rows["Parameters"][1:]] == [True, False]
    assert [text.endswith("✓") for text in rows["Test accuracy"][1:]] == [True, False]
    assert not any(text.endswith("✓") for text in rows["Training time on cpu"])
    assert rows["Parameters"][0] == f"{19829 / 444581:.2f}×"
    gap = 100 * (group.arms[0].mean_accuracy - group.arms[1].mean_accuracy)
    assert table.rows[0][1].value == pytest.approx(gap)
    assert rows["Test accuracy"][0].startswith(f"{gap:+.2f} [")
    few = make_group(tmp_path / "few", *samples[:1], *samples[3:4])
    table = sections.some(tradeoff(few))
    assert "✓" not in table.rows[0][2].text + table.rows[0][3].text
    assert tradeoff(make_group(tmp_path / "one", Sample("vit"))) is None


def test_ratios_and_gaps_are_of_the_more_accurate_arm_to_the_other_everywhere(uneven):
    ahead = {"vit": 0.9, "resnet": 0.8}
    group = alter(uneven, lambda each: dataclasses.replace(each, test_accuracy=ahead[each.name]))
    table = sections.some(tradeoff(group))
    assert table.columns[1].label == "vit to resnet"
    assert table.rows[0][1].text.startswith("+10.00")
    ratio = SIZES["vit"]["multiply_adds"], SIZES["resnet"]["multiply_adds"]
    times = f"{sum(ratio[0].values()) / sum(ratio[1].values()):.2f}"
    _, _, work, _ = facts(group)
    assert (work.text, work.label) == (f"{times}×", "multiply-adds per image, vit to resnet")
    assert f"vit does {times} times the multiply-adds of resnet" in sections.texts(
        work_section(group)
    )
    (dearer,) = (each.text for each in cost_section(group).more if "Equal cost" in each.text)
    assert "Equal cost: vit takes " in dearer and "the training FLOPs of resnet" in dearer


def test_level_arms_of_which_held_out_images_choose_have_a_trade_off(tmp_path):
    other = {"label_smoothing": 0.1}
    samples = [
        Sample(arm, seed, accuracy=1.0, num_validation=50, config=config)
        for arm, config in (("resnet", {}), ("vit", {}), ("vit", other))
        for seed in range(3)
    ]
    group = make_group(tmp_path, *samples)
    level = alter(group, lambda outcome: dataclasses.replace(outcome, test_accuracy=0.9))
    for order in (level.arms, level.arms[::-1]):
        arms = tuple(dataclasses.replace(arm, index=i) for i, arm in enumerate(order))
        table = tradeoff(dataclasses.replace(level, arms=arms))
        assert table is not None and table.rows[0][1].value == 0


def test_the_mark_of_memory_is_never_at_the_arm_that_takes_more_on_average():
    few, many = [5.00, 5.01, 5.02], [4.51] * 7 + [4.52, 5.10]
    found = memory_ratio_of(few, many)
    assert found.mean < 1 and not found.lead.is_real
    assert memory_ratio_of([4.0, 4.01, 4.02], many).lead.is_real


def test_more_seeds_are_suggested_until_a_gap_is_settled(two, uneven, tmp_path):
    first, _ = results_section(two).more
    assert "too few to tell whether seeds alone explain" in first.text
    for arm, suggested in zip(two.ranked, results_section(two).more, strict=True):
        assert arm.name in suggested.command and "config.seed=2" in suggested.command
    (suggested,) = results_section(uneven).more
    assert "vit" in suggested.command and "config.seed=3" in suggested.command
    samples = [Sample(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1, 2)]
    settled = make_group(tmp_path, *samples)
    assert compare_runs(*(arm.accuracies for arm in settled.arms)).lead.is_real
    assert not results_section(settled).more
