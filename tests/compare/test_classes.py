"""Per class: accuracies, gaps and confusions against counts made by hand."""

import numpy as np
import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, arm_named, logits_of, make_group, with_logits

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.sections.answer import Answer
from jaxcmp.compare.sections.classes import class_accuracies, class_gaps, classes_section
from jaxcmp.compare.statistics.paired import holm, paired_difference, share_interval

NAMES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("classes"), *TWO_SEEDS_EACH)


@pytest.fixture(scope="module")
def section(group) -> Answer:
    return classes_section(group)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Group:
    samples = [Sample(arm, num_test=3, class_names=NAMES) for arm in ("vit", "resnet")]
    return make_group(tmp_path_factory.mktemp("pair"), *samples)


def answered(pair: Group, labels: list[int], *names: str, **answers: list[int]) -> Group:
    """The pair, had its runs given these answers."""
    logits = {arm: [logits_of(given, len(names))] for arm, given in answers.items()}
    return with_logits(pair, logits, np.array(labels), *names)


def shares(group: Group, arm: Arm) -> dict[int, float]:
    return {index: each.mean / 100 for index, each in class_accuracies(group, arm).items()}


def raw_share(arm: Arm, true: int, answer: int) -> float:
    """The share of a class that gets an answer, counted one by one over all runs."""
    found = []
    for outcome in arm.outcomes:
        for logits, label in zip(
            outcome.predictions.logits, outcome.predictions.labels, strict=True
        ):
            if label == true:
                found.append(int(np.argmax(logits)) == answer)
    return sum(found) / len(found)


def test_an_accuracy_by_class_is_a_count_over_all_seeds(group):
    for arm in group.arms:
        expected = {c: raw_share(arm, c, c) for c in range(len(group.class_names))}
        assert shares(group, arm) == pytest.approx(expected)


def test_the_figure_has_intervals_of_the_images_of_a_class_in_the_order_of_the_table(
    group, section
):
    panel = sections.plot(sections.figure(section, "classes"), "Accuracy by class")
    assert panel.y.categories == sections.names(sections.table(section, "by class"))
    for arm in group.arms:
        line = sections.series(panel, arm.name)
        places = [group.class_names.index(name) for name in panel.y.categories]
        found = dict(zip(places, [(x or 0) / 100 for x in line.x], strict=True))
        assert found == pytest.approx(shares(group, arm))
        # 40 test images a class are the sample, each with its mean over seeds.
        for place, low, high in zip(places, line.low or [], line.high or [], strict=True):
            right = arm.is_right[:, group.labels == place]
            own = share_interval(right.sum(axis=0), np.full(40, 2))
            assert (low, high) == pytest.approx((100 * own[0], 100 * own[1]))


def test_a_gap_is_paired_over_the_images_of_a_class_with_all_seeds(group):
    first, second = group.pairs[0]
    difference = first.is_right.mean(axis=0) - second.is_right.mean(axis=0)
    classes = range(len(group.class_names))
    # What test_paired.py checks against Student's and Holm's definitions.
    expected = holm([paired_difference(difference[group.labels == c]).times(100) for c in classes])
    assert class_gaps(group, first, second) == dict(zip(classes, expected, strict=True))


def test_a_row_has_both_accuracies_the_gap_and_its_p_value_the_widest_gap_first(group, section):
    table = sections.table(section, "by class")
    leader, other = group.pairs[0]
    gaps = class_gaps(group, leader, other)
    means = [gap.mean for gap in gaps.values()]
    assert [row[1].value for row in table.rows] == means == sorted(means, reverse=True)
    for row, (c, gap) in zip(table.rows, gaps.items(), strict=True):
        for cell, arm in zip(row[3:5], (leader, other), strict=True):
            assert cell.value == pytest.approx(100 * shares(group, arm)[c])
            assert cell.interval is not None
        assert row[2].value == gap.p_value


def test_a_matrix_has_the_share_of_each_answer_to_each_class(group, section):
    figure = sections.figure(section, "confusion")
    for arm in group.arms:
        values = sections.heatmap(figure, arm.name).values
        assert [sum(value or 0 for value in row) for row in values] == pytest.approx([100] * 5)
        assert values[1][3] == pytest.approx(100 * raw_share(arm, 1, 3))
        assert values[3][1] == pytest.approx(100 * raw_share(arm, 3, 1))
    leader, other = group.pairs[0]
    panels = [sections.heatmap(figure, arm.name).values for arm in (leader, other)]
    difference = sections.heatmap(figure, f"{leader.name} minus {other.name}")
    assert difference.is_diverging
    assert np.array(difference.values) == pytest.approx(np.array(panels[0]) - np.array(panels[1]))


def test_the_pairs_confused_most_are_found(pair):
    # A cat is a dog to both, a dog is an eel to one of the two; eels are known.
    group = answered(
        pair,
        [0, 0, 0, 0, 1, 1, 2, 2],
        *NAMES,
        vit=[1, 1, 1, 0, 2, 1, 2, 2],
        resnet=[1, 0, 0, 0, 1, 1, 2, 2],
    )
    table = sections.table(classes_section(group), "Confused most")
    assert sections.names(table) == ["cat taken for dog", "dog taken for eel"]
    assert sections.row(table, "cat taken for dog")["vit"].text == "75.00 %"
    assert sections.row(table, "cat taken for dog")["resnet"].text == "25.00 %"
    assert sections.row(table, "dog taken for eel")["resnet"].value == 0


def test_a_class_without_test_images_has_no_accuracy_and_no_gap(pair):
    group = answered(pair, [0, 0, 1, 1], *NAMES, vit=[0, 1, 1, 2], resnet=[0, 0, 1, 0])
    section = classes_section(group)
    assert shares(group, arm_named(group, "vit")) == {0: 0.5, 1: 0.5}
    panel = sections.plot(sections.figure(section, "classes"), "Accuracy by class")
    assert sorted(panel.y.categories) == ["cat", "dog"]
    assert sorted(sections.names(sections.table(section, "by class"))) == ["cat", "dog"]
    matrix = sections.heatmap(sections.figure(section, "confusion"), "vit").values
    assert matrix == [[50, 50, 0], [0, 50, 50], [0, 0, 0]]


def test_holm_counts_the_classes_that_have_a_p_value(pair):
    # One dog alone shows no spread, so that its gap cannot be tested.
    group = answered(pair, [0, 0, 0, 1], *NAMES, vit=[0, 1, 1, 0], resnet=[0, 0, 0, 1])
    table = sections.table(classes_section(group), "by class")
    assert sections.row(table, "dog")["p, Holm"].text == "–"
    assert sections.row(table, "cat")["p, Holm"].value is not None
    assert table.note.endswith("over the 1 class tested.")


def test_one_class_only_is_a_table_of_one(pair):
    group = answered(pair, [0, 0, 0], "cat", vit=[0, 0, 0], resnet=[0, 0, 0])
    section = classes_section(group)
    assert sections.heatmap(sections.figure(section, "confusion"), "vit").values == [[100]]
    assert sections.table(section, "Confused most").rows == []
    assert (
        "Of 1 class of 3 test images each, resnet and vit differ in none by more"
        in sections.texts(section)
    )


def test_two_classes_of_one_name_stay_two(pair):
    # ImageNet has two kinds of "crane".
    group = answered(pair, [0, 0, 1, 1], "crane", "crane", vit=[0, 0, 0, 0], resnet=[0, 0, 1, 0])
    panel = sections.plot(sections.figure(classes_section(group), "classes"), "Accuracy by class")
    assert sorted(x or 0 for x in sections.series(panel, "resnet").x) == [50, 100]
    assert sorted(x or 0 for x in sections.series(panel, "vit").x) == [0, 100]


def test_one_arm_alone_has_no_gaps(tmp_path):
    group = make_group(tmp_path, Sample("vit"))
    section = classes_section(group)
    assert not sections.has_table(section, "minus")
    assert len(sections.figure(section, "confusion").panels) == 1


def test_three_arms_are_each_compared_with_the_leader(tmp_path):
    third = Sample("vit", accuracy=0.4, config={"label_smoothing": 0.1})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), third)
    section = classes_section(group)
    assert len(sections.figure(section, "confusion").panels) == 5
    for leader, other in group.pairs:
        assert sections.has_table(section, f"{leader.name} minus {other.name}, by class")


def test_a_class_on_which_every_image_differs_is_one_that_differs(pair):
    labels = [0] * 10 + [1] * 10 + [2] * 10
    group = answered(pair, labels, *NAMES, vit=labels, resnet=[1] * 10 + [1] * 10 + [0] * 10)
    section = classes_section(group)
    assert "vit scores higher than resnet in 2 of 3 classes, most in cat" in sections.texts(section)
    table = sections.table(section, "by class")
    # Eleven of twelve, and one against: 10 / 12 - 2.2010 / 6, with t(0.975, 11) = 2.2010.
    assert sections.row(table, "cat")["gap, points"].text == "+100.0 [+46.7, +100.0]"
    assert sections.row(table, "cat")["p, Holm"].value == pytest.approx(3 * 2 * 0.5**10)
    assert sections.row(table, "dog")["p, Holm"].value == 1


def test_each_arm_is_ahead_where_it_really_is(pair):
    labels = [0] * 20 + [1] * 20 + [2] * 20
    vit, resnet = [0] * 20 + [0] * 20 + [2] * 19 + [0], [1] * 20 + [1] * 20 + [2] * 20
    answer = classes_section(answered(pair, labels, *NAMES, vit=vit, resnet=resnet))
    text = sections.texts(answer)
    start = "vit scores higher than resnet in 1 of 3 classes, most in cat: by 100.00 points (95 %"
    assert start in text
    assert "resnet scores higher than vit in 1 of 3 classes, most in dog: by 100.00 points" in text
    assert sections.finding(answer) in text


def test_a_class_called_by_a_number_stands_in_quotation_marks(pair):
    group = answered(pair, [0, 0, 1, 1], "2", "3", vit=[0, 1, 1, 1], resnet=[0, 0, 1, 0])
    section = classes_section(group)
    assert set(sections.names(sections.table(section, "by class"))) == {"“2”", "“3”"}
    assert "“2” taken for “3”" in sections.names(sections.table(section, "Confused most"))
