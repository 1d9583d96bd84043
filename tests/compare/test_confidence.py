"""Calibration: the scores of each arm, and temperatures from held-out images alone."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_runs import Sample, alter, logits_of, make_group, make_predictions, with_logits
from scipy import stats

from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.sections.confidence import confidence_section
from jaxcmp.compare.statistics.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.runs.metrics import cross_entropy

TITLE = "Calibration on the test images"


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    """Returns two seeds of each arm, with held-out images."""
    samples = [Sample(arm, s, num_validation=100) for arm in ("vit", "resnet") for s in (0, 1)]
    return make_group(tmp_path_factory.mktemp("calibration"), *samples)


@pytest.fixture(scope="module")
def without(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("without"), Sample("vit"), Sample("resnet"))


@pytest.fixture(scope="module")
def section(group):
    return confidence_section(group)


ECE = "ECE, % [95 % interval]"
# What test_calibration.py checks against their definitions.
SCORES = {
    "NLL": cross_entropy,
    "Brier": brier_score,
    ECE: lambda logits, labels: 100 * expected_calibration_error(logits, labels),
}


def answers(outcome: Outcome, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    return outcome.predictions.logits.astype(float) / temperature, outcome.predictions.labels


def best_temperature(outcome: Outcome) -> float:
    assert outcome.held_out is not None
    return fit_temperature(outcome.held_out.logits, outcome.held_out.labels)


def temperature_of(group: Group, arm: Arm):
    table = sections.table(confidence_section(group), TITLE)
    return sections.row(table, f"{arm.name}, temperature-scaled")["temperature"]


def test_scores_are_means_over_seeds_of_their_definitions(group, section):
    table = sections.table(section, TITLE)
    for arm in group.arms:
        row = sections.row(table, arm.name)
        for label, score in SCORES.items():
            scores = [score(*answers(outcome)) for outcome in arm.outcomes]
            assert row[label].value == pytest.approx(np.mean(scores))
        assert row["temperature"].text == "–"
        first, second = (f"{cross_entropy(*answers(o)):.3f}" for o in arm.outcomes)
        assert row["NLL"].interval is None and row["NLL"].text == f"{first} and {second}"


def test_without_held_out_images_the_table_has_no_temperatures(without):
    table = sections.table(confidence_section(without), TITLE)
    assert [column.label for column in table.columns] == ["Arm", "NLL", "Brier", ECE]
    assert all(len(row) == 4 for row in table.rows)


def test_the_calibration_error_has_a_bootstrap_interval_that_repeats(group, section):
    for arm in group.arms:
        cell = sections.row(sections.table(section, TITLE), arm.name)[ECE]
        low, high = cell.interval or (0, 0)
        assert 0 <= low <= (cell.value or 0) < high
        assert cell.text == f"{cell.value:.2f} [{low:.2f}, {high:.2f}]"
    assert confidence_section(group) == section


def test_a_temperature_is_the_best_of_each_runs_held_out_images(group, section):
    table = sections.table(section, TITLE)
    for arm in group.arms:
        row = sections.row(table, f"{arm.name}, temperature-scaled")
        best = [best_temperature(outcome) for outcome in arm.outcomes]
        assert row["temperature"].value == pytest.approx(np.mean(best))
        for label, score in SCORES.items():
            scores = [score(*answers(o, t)) for o, t in zip(arm.outcomes, best, strict=True)]
            assert row[label].value == pytest.approx(np.mean(scores))


def test_test_labels_have_no_say_in_a_temperature(group):
    def relabel(outcome: Outcome) -> Outcome:
        found = outcome.predictions
        labels = (found.labels + 1) % len(found.class_names)
        return dataclasses.replace(outcome, predictions=dataclasses.replace(found, labels=labels))

    arm = group.arms[0]
    assert temperature_of(alter(group, relabel), arm) == temperature_of(group, arm)


def test_held_out_labels_have_their_say_in_a_temperature(tmp_path):
    group = make_group(tmp_path, Sample("vit", num_validation=100))
    (arm,) = group.arms
    before = temperature_of(group, arm).value
    labels = np.arange(100) % 5
    held_out = make_predictions(np.random.default_rng(9), 0.25, labels, group.class_names)
    changed = alter(group, lambda each: dataclasses.replace(each, held_out=held_out))
    after = temperature_of(changed, arm).value
    assert before is not None and after is not None and after > before + 0.5
    assert after == pytest.approx(best_temperature(changed.arms[0].outcomes[0]))


def test_without_held_out_images_nothing_is_scaled_and_a_command_says_what_would_be(without):
    section = confidence_section(without)
    assert sections.names(sections.table(section, TITLE)) == ["resnet", "vit"]
    assert "Temperature scaling for resnet and vit" in sections.texts(section)
    first = without.arms[0].outcomes[0]
    assert sections.commands(section)[0] == (
        "python -m jaxcmp.main --config=configs/resnet.py:cpu --config.seed=0 "
        f"--config.data.validation_fraction=0.1 --workdir={first.folder}-held-out"
    )


def test_with_held_out_images_nothing_is_asked_for(section):
    assert "Temperature scaling" not in sections.texts(section) and not sections.commands(section)


@pytest.mark.parametrize(
    ("accuracy", "surely"),
    [(0.9, "more than seeds alone explain"), (0.5, "which seeds alone can explain")],
)
def test_the_section_says_which_arm_is_better_calibrated_and_how_surely(tmp_path, accuracy, surely):
    arms = {"vit": 0.5, "resnet": accuracy}
    samples = [Sample(arm, s, accuracy=share) for arm, share in arms.items() for s in range(3)]
    group = make_group(tmp_path, *samples)
    (pair,) = group.pairs
    errors = [
        [100 * expected_calibration_error(*answers(outcome)) for outcome in arm.outcomes]
        for arm in pair
    ]
    less, more = sorted(errors, key=np.mean)
    ends = stats.ttest_ind(more, less, equal_var=False).confidence_interval()
    (one, two), (x, y) = (arm.name for arm in pair), (f"{np.mean(each):.2f} %" for each in errors)
    low, high = (f"{end:.2f}".replace("-", "−") for end in ends)
    gap = f"{np.mean(more) - np.mean(less):.2f} points apart (95 % interval {low} to {high}, p "
    text = sections.texts(confidence_section(group))
    assert f"of {one} is {x} and that of {two} {y}: {gap}" in text and f"), {surely}." in text


def test_of_several_pairs_p_is_corrected_and_scores_are_those_without_a_temperature(tmp_path):
    samples = [
        Sample(arm, seed, accuracy=share, config=config, num_validation=50)
        for arm, config, share in (
            ("resnet", {}, 0.9),
            ("vit", {}, 0.5),
            ("vit", {"arm": "wide", "model.width": 48}, 0.6),
        )
        for seed in range(3)
    ]
    group = make_group(tmp_path, *samples)
    text = sections.texts(confidence_section(group))
    assert len(group.pairs) > 1
    assert text.count("Without a temperature, the calibration error (ECE") == len(group.pairs)
    assert text.count("after Holm's correction for all pairs") == len(group.pairs)


def test_one_seed_of_each_shows_the_gap_and_no_interval(without):
    text = sections.texts(confidence_section(without))
    assert "points apart (fewer than three seeds, or equal ones: no interval)." in text
    assert "seeds alone" not in text


def test_one_arm_has_no_such_sentence(tmp_path):
    assert "calibration error" not in sections.texts(
        confidence_section(make_group(tmp_path, Sample("vit")))
    )


def test_an_arm_is_scaled_only_if_all_of_its_runs_held_images_out(tmp_path):
    group = make_group(tmp_path, Sample("vit", num_validation=50), Sample("vit", 1))
    section = confidence_section(group)
    assert sections.names(sections.table(section, TITLE)) == ["vit"]


def check_diagram(section, title: str, arm: Arm, temperatures: list[float]) -> None:
    """The line has the bins of the answers of all seeds."""
    pairs = zip(arm.outcomes, temperatures, strict=True)
    logits, labels = (np.concatenate(x) for x in zip(*(answers(*p) for p in pairs), strict=True))
    panel = sections.plot(sections.figure(section, "reliability"), title)
    confidence, accuracy, _ = reliability(logits, labels)
    line = sections.series(panel, arm.name)
    assert line.x == pytest.approx(100 * confidence)
    assert line.y == pytest.approx(100 * accuracy)


def test_a_diagram_has_the_mean_confidence_and_accuracy_of_each_bin(group, section):
    for arm in group.arms:
        check_diagram(section, arm.name, arm, [1.0] * len(arm.runs))


def test_a_second_diagram_shows_the_scaled_confidence_where_there_is_one(group, section, without):
    for arm in group.arms:
        title = f"{arm.name}, temperature-scaled"
        check_diagram(section, title, arm, list(map(best_temperature, arm.outcomes)))
    figure = sections.figure(confidence_section(without), "reliability")
    assert [panel.title for panel in figure.panels] == ["resnet", "vit"]


def test_a_bin_has_the_interval_of_its_images_whatever_the_number_of_seeds(tmp_path):
    group = make_group(tmp_path, *(Sample("vit", s, num_test=20) for s in range(4)))
    # All equally sure: one bin of 20 images, 15 of them right with every seed.
    labels = np.zeros(20, int)
    logits = {"vit": [logits_of([0] * 15 + [1] * 5, 5)] * 4}
    group = with_logits(group, logits, labels, *group.class_names)
    panel = sections.plot(sections.figure(confidence_section(group), "reliability"), "vit")
    line = sections.series(panel, "vit")
    assert line.y == pytest.approx([75])
    low, high = wilson_interval(15, 20)
    assert (line.low, line.high) == (pytest.approx([100 * low]), pytest.approx([100 * high]))
