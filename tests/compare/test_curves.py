"""Curves: a line per seed from its records, their mean, and what training accuracy is not."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_runs import (
    TWO_SEEDS_EACH,
    Sample,
    alter,
    every_other_epoch_of,
    make_group,
    with_files,
)

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Figure, Plot
from jaxcmp.compare.sections.curves import curves_section, opening_figure
from jaxcmp.compare.sections.over_seeds import over_seeds

# Where each is shown, and how it is stored.
PANELS = {
    "Test accuracy by epoch": ("test_accuracy", 100),
    "Test loss": ("test_loss", 1),
    "Training loss": ("train_loss", 1),
    "Training accuracy without augmentation": ("train_accuracy", 100),
    "Learning rate": ("learning_rate", 100 / 1e-3),
}


def panel(group: Group, title: str) -> Plot:
    opening, answer = opening_figure(group), curves_section(group)
    figures = [block for block in sections.parts(answer) if isinstance(block, Figure)]
    panels = [each for figure in (opening, *figures) for each in figure.panels]
    (found,) = (each for each in panels if isinstance(each, Plot) and each.title == title)
    return found


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    samples = [
        dataclasses.replace(each, config={"schedule.peak_learning_rate": 1e-3})
        for each in TWO_SEEDS_EACH
    ]
    return make_group(tmp_path_factory.mktemp("curves"), *samples)


@pytest.mark.parametrize("title", list(PANELS))
def test_each_seed_has_its_records_and_each_arm_their_mean(group, title):
    key, scale = PANELS[title]
    for arm in group.arms:
        rows = []
        for outcome in arm.outcomes:
            line = sections.series(panel(group, title), f"{arm.name}, seed {outcome.seed}")
            rows.append([scale * epoch[key] for epoch in outcome.epochs])
            assert (line.x, line.y) == ([1, 2, 3, 4, 5, 6], pytest.approx(rows[-1]))
            assert (line.style, line.arm, line.runs) == ("thin", arm.index, [outcome.number])
        mean = sections.series(panel(group, title), arm.name)
        assert mean.y == pytest.approx(np.mean(rows, axis=0))
        assert (mean.style, mean.arm, mean.runs) == ("thick", arm.index, arm.runs)


def test_each_arm_has_a_panel_with_training_dashed(group):
    for arm in group.arms:
        found = panel(group, f"{arm.name}: accuracy")
        assert {line.style for line in found.series} == {"thin", "thick", "dashed"}
        (dashed,) = (line for line in found.series if line.style == "dashed")
        rows = [[epoch["train_accuracy_mixed"] for epoch in o.epochs] for o in arm.outcomes]
        assert dashed.y == pytest.approx(100 * np.mean(rows, axis=0))


def test_training_accuracy_under_mixing_is_named_as_such_and_explained(group, tmp_path):
    labels = {
        name: {line.label for line in panel(group, f"{name}: accuracy").series}
        for name in ("resnet", "vit")
    }
    assert "training, mixed targets" in labels["vit"]
    assert "training, augmented images" in labels["resnet"]
    assert "The dashed accuracy of vit cannot be compared" in sections.texts(curves_section(group))
    assert not sections.texts(curves_section(make_group(tmp_path, Sample("resnet"))))


def test_one_seed_is_a_thick_line_alone(tmp_path):
    found = panel(make_group(tmp_path, Sample("vit", 3)), "Test loss")
    assert [line.style for line in found.series] == ["thick"]


def test_a_mean_is_of_the_same_epoch_of_all_runs(group):
    thin = sections.series(panel(every_other_epoch_of(group, 1), "Test loss"), "vit")
    whole = sections.series(panel(group, "Test loss"), "vit")
    assert thin.x == [2, 4, 6] and thin.y == whole.y[1::2]


def test_runs_without_clean_training_accuracy_have_the_other_curves(group):
    def forget(outcome: Outcome) -> Outcome:
        kept = [{k: v for k, v in r.items() if k != "train_accuracy"} for r in outcome.run.metrics]
        return with_files(outcome, metrics=kept) if outcome.seed == 1 else outcome

    title = "Training accuracy without augmentation"
    of_one = sections.series(panel(alter(group, forget), title), "vit")
    assert of_one.runs == [group.arms[1].runs[0]]
    none = alter(alter(group, lambda o: dataclasses.replace(o, seed=1)), forget)
    figures = [f for f in sections.parts(curves_section(none)) if isinstance(f, Figure)]
    titles = [each.title for each in figures[0].panels]
    assert titles == ["Test loss", "Training loss"]


def test_records_of_steps_are_no_epochs(group):
    def more(outcome: Outcome) -> Outcome:
        step = {"kind": "train", "step": 1, "epoch": 1, "loss": 2.3}
        return with_files(outcome, metrics=[step, *outcome.run.metrics])

    assert curves_section(alter(group, more)) == curves_section(group)


def test_three_seeds_have_an_interval_that_ends_where_shares_do():
    (line,) = over_seeds("vit", [1.0, 2.0], [[98, 99, 100], [50, 51, 52]], "thick", 0, [3, 4, 5])
    assert line.y == pytest.approx([99, 51]) and line.runs == [3, 4, 5]
    # Deviation 1, t(0.975, 2) = 4.3027 in any table: 4.3027 / sqrt(3) = 2.4841.
    assert line.low == pytest.approx([99 - 2.4841, 51 - 2.4841], abs=1e-4)
    assert line.high == pytest.approx([100, 51 + 2.4841], abs=1e-4)


def test_of_two_seeds_each_has_a_thin_line_and_the_mean_no_interval():
    *seeds, line = over_seeds("vit", [1.0, 2.0], [[40, 50], [60, 80]], "thick", 0, [3, 4])
    assert [each.style for each in seeds] == ["thin", "thin"]
    assert [each.y for each in seeds] == [[40, 60], [50, 80]]
    assert (line.y, line.low, line.high) == ([45, 70], None, None)


def test_places_of_one_seed_of_none_and_of_many_have_no_thin_lines():
    first, second, line = over_seeds(
        "vit", [1.0, 2.0, 3.0, 4.0], [[40], [], [60, 80], [1, 2, 3]], "dashed", 0, [3]
    )
    assert first.y == [None, None, 60, None] and second.y == [None, None, 80, None]
    assert line.y == [40, None, 70, 2]
    assert line.low is not None and line.low[:3] == [None, None, None] and line.low[3] is not None
