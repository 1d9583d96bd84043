"""Calibration: scores against their definitions, and temperatures from held-out images alone."""

import dataclasses
import math

import numpy as np
import pytest
import sections
from sample_runs import Sample, alter, logits_of, make_group, make_predictions, with_logits
from scipy import optimize, stats
from scipy.special import log_softmax, softmax

from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.sections.confidence import confidence_section

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


def nll(outcome: Outcome, temperature: float = 1.0) -> float:
    found = outcome.predictions
    logs = log_softmax(found.logits.astype(float) / temperature, axis=1)
    return -float(np.mean([row[label] for row, label in zip(logs, found.labels, strict=True)]))


def brier(outcome: Outcome, temperature: float = 1.0) -> float:
    found = outcome.predictions
    wanted = np.eye(found.logits.shape[1])[found.labels]
    errors = softmax(found.logits.astype(float) / temperature, axis=1) - wanted
    return float(np.mean(np.sum(errors**2, axis=1)))


def ece(outcome: Outcome, temperature: float = 1.0) -> float:
    """Images by rising confidence, cut into 15 parts of nearly equal size."""
    found = outcome.predictions
    sure = softmax(found.logits.astype(float) / temperature, axis=1)
    order = np.argsort(sure.max(axis=1), kind="stable")
    is_right = sure.argmax(axis=1) == found.labels
    places = [math.floor((rank + 0.5) * 15 / len(order)) for rank in range(len(order))]
    excess = (is_right - sure.max(axis=1))[order]
    return sum(abs(np.sum(excess[np.array(places) == b])) for b in range(15)) / len(order)


def best_temperature(outcome: Outcome) -> float:
    held_out = outcome.held_out
    assert held_out is not None
    logits = held_out.logits.astype(float)

    def slope(temperature: float) -> float:
        """Returns the gradient of the likelihood in 1 / T: the expected logit minus the label's."""
        expected = (softmax(logits / temperature, axis=1) * logits).sum(axis=1)
        return float(np.mean(expected - logits[np.arange(len(logits)), held_out.labels]))

    return float(optimize.brentq(slope, 0.05, 20))  # pyright: ignore[reportArgumentType]


def temperature_of(group: Group, arm: Arm):
    table = sections.table(confidence_section(group), TITLE)
    return sections.row(table, f"{arm.name}, temperature-scaled")["temperature"]


def test_scores_are_means_over_seeds_of_their_definitions(group, section):
    table = sections.table(section, TITLE)
    for arm in group.arms:
        row = sections.row(table, arm.name)
        assert row["NLL"].value == pytest.approx(np.mean([nll(o) for o in arm.outcomes]))
        assert row["Brier"].value == pytest.approx(np.mean([brier(o) for o in arm.outcomes]))
        assert row["ECE, % [95 % interval]"].value == pytest.approx(
            100 * np.mean([ece(o) for o in arm.outcomes])
        )
        assert row["temperature"].text == "–"
        first, second = (f"{nll(o):.3f}" for o in arm.outcomes)
        assert row["NLL"].interval is None and row["NLL"].text == f"{first} and {second}"


def test_the_calibration_error_has_a_bootstrap_interval_that_repeats(group, section):
    for arm in group.arms:
        cell = sections.row(sections.table(section, TITLE), arm.name)["ECE, % [95 % interval]"]
        low, high = cell.interval or (0, 0)
        assert 0 <= low <= (cell.value or 0) < high
        assert cell.text == f"{cell.value:.2f} [{low:.2f}, {high:.2f}]"
    assert confidence_section(group) == section


def test_a_temperature_is_the_best_of_each_runs_held_out_images(group, section):
    table = sections.table(section, TITLE)
    for arm in group.arms:
        row = sections.row(table, f"{arm.name}, temperature-scaled")
        best = [best_temperature(outcome) for outcome in arm.outcomes]
        assert row["temperature"].value == pytest.approx(np.mean(best), rel=1e-4)
        for label, score in (("NLL", nll), ("Brier", brier), ("ECE, % [95 % interval]", ece)):
            scores = [score(o, t) for o, t in zip(arm.outcomes, best, strict=True)]
            scale = 100 if label.startswith("ECE") else 1
            assert row[label].value == pytest.approx(scale * np.mean(scores), rel=1e-3)


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
    assert after == pytest.approx(best_temperature(changed.arms[0].outcomes[0]), rel=1e-4)


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
    assert not sections.texts(section) and not sections.commands(section)


def test_an_arm_is_scaled_only_if_all_of_its_runs_held_images_out(tmp_path):
    group = make_group(tmp_path, Sample("vit", num_validation=50), Sample("vit", 1))
    section = confidence_section(group)
    assert sections.names(sections.table(section, TITLE)) == ["vit"]


def steps(sure: np.ndarray) -> list[list[float]]:
    """Returns the confidences of each tenth, joined until there are 20 of them."""
    found: list[list[float]] = [[]]
    for tenth in range(10):
        later = [each for each in sure if min(int(10 * each), 9) >= tenth]
        if len(found[-1]) >= 20 and len(later) >= 20:
            found.append([])
        found[-1] += [each for each in later if min(int(10 * each), 9) == tenth]
    return found


def test_a_diagram_has_the_mean_confidence_and_accuracy_of_each_bin(group, section):
    for arm in group.arms:
        panel = sections.plot(sections.figure(section, "reliability"), arm.name)
        line = sections.series(panel, arm.name)
        logits = np.concatenate(arm.logits).astype(float)
        sure = softmax(logits, axis=1).max(axis=1)
        is_right = logits.argmax(axis=1) == np.tile(group.labels, len(arm.logits))
        assert line.x == pytest.approx([100 * np.mean(each) for each in steps(sure)])
        # The surest tenth has enough answers for a step of its own.
        highest = sure >= 0.9
        assert highest.sum() >= 20 and line.x[-1] == pytest.approx(100 * sure[highest].mean())
        assert line.y[-1] == pytest.approx(100 * is_right[highest].mean())


def test_a_second_diagram_shows_the_scaled_confidence_where_there_is_one(group, section, without):
    for arm in group.arms:
        title = f"{arm.name}, temperature-scaled"
        panel = sections.plot(sections.figure(section, "reliability"), title)
        pairs = [(outcome, best_temperature(outcome)) for outcome in arm.outcomes]
        logits = [outcome.predictions.logits.astype(float) / t for outcome, t in pairs]
        sure = softmax(np.concatenate(logits), axis=1).max(axis=1)
        line = sections.series(panel, arm.name)
        assert line.x == pytest.approx([100 * np.mean(each) for each in steps(sure)], rel=1e-3)
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
    z = float(stats.norm.ppf(0.975))
    low, high = np.sort(np.roots([20 + z**2, -(2 * 15 + z**2), 15**2 / 20]).real)
    assert line.low == pytest.approx([100 * low])
    assert line.high == pytest.approx([100 * high])
