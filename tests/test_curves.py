"""Curves: a line per seed from its records, their mean, and what training accuracy is not."""

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
from jaxcmp.compare.document import Figure, Section
from jaxcmp.compare.sections.curves import curves_section

PANELS = {
    "Test accuracy": ("test_accuracy", 100),
    "Test loss": ("test_loss", 1),
    "Training loss": ("train_loss", 1),
    "Learning rate": ("learning_rate", 1),
}


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("curves"), *TWO_SEEDS_EACH)


@pytest.fixture(scope="module")
def section(group) -> Section:
    return curves_section(group)


@pytest.mark.parametrize("title", list(PANELS))
def test_each_seed_has_its_records_and_each_arm_their_mean(group, section, title):
    key, scale = PANELS[title]
    panel = sections.plot(sections.figure(section, "curves"), title)
    for arm in group.arms:
        rows = []
        for outcome in arm.outcomes:
            line = sections.series(panel, f"{arm.name}, seed {outcome.seed}")
            rows.append([scale * epoch[key] for epoch in outcome.epochs])
            assert (line.x, line.y) == ([1, 2, 3, 4, 5, 6], pytest.approx(rows[-1]))
            assert (line.style, line.arm, line.runs) == ("thin", arm.index, [outcome.number])
        mean = sections.series(panel, arm.name)
        assert mean.y == pytest.approx(np.mean(rows, axis=0))
        assert (mean.style, mean.arm, mean.runs) == ("thick", arm.index, arm.runs)


def test_each_arm_is_shown_alone_with_training_dashed(group, section):
    for arm in group.arms:
        figure = sections.figure(section, f"curves-{arm.index}")
        styles = {line.style for line in sections.plot(figure, f"{arm.name}: loss").series}
        assert styles == {"thin", "thick", "dashed"}
        panel = sections.plot(figure, f"{arm.name}: accuracy")
        (dashed,) = (line for line in panel.series if line.style == "dashed")
        rows = [[epoch["train_accuracy_mixed"] for epoch in o.epochs] for o in arm.outcomes]
        assert dashed.y == pytest.approx(100 * np.mean(rows, axis=0))


def test_training_accuracy_under_mixing_is_named_as_such_and_explained(section):
    labels = {
        name: {line.label for line in sections.plot(figure, f"{name}: accuracy").series}
        for name, figure in (
            ("resnet", sections.figure(section, "curves-0")),
            ("vit", sections.figure(section, "curves-1")),
        )
    }
    assert "training, against mixed targets" in labels["vit"]
    assert "training, augmented images" in labels["resnet"]
    assert "Why the training accuracy of vit is no measure" in sections.texts(section)


def test_without_mixing_there_is_nothing_to_explain(tmp_path):
    section = curves_section(make_group(tmp_path, Sample("resnet")))
    assert not sections.texts(section)


def test_one_seed_is_a_thick_line_alone(tmp_path):
    section = curves_section(make_group(tmp_path, Sample("vit", 3)))
    panel = sections.plot(sections.figure(section, "curves"), "Test accuracy")
    assert [line.style for line in panel.series] == ["thick"]


def test_a_mean_ends_where_the_first_of_its_runs_ends(group):
    def cut(outcome: Outcome) -> Outcome:
        return with_files(outcome, metrics=outcome.run.metrics[: 6 - 2 * outcome.seed])

    panel = sections.plot(
        sections.figure(curves_section(alter(group, cut)), "curves"), "Test accuracy"
    )
    assert sections.series(panel, "vit").x == [1, 2, 3, 4]
    assert sections.series(panel, "vit, seed 0").x == [1, 2, 3, 4, 5, 6]


def test_a_mean_is_of_the_same_epoch_of_all_runs(group, section):
    thin = sections.figure(curves_section(every_other_epoch_of(group, 1)), "curves")
    line = sections.series(sections.plot(thin, "Test accuracy"), "vit")
    whole = sections.series(
        sections.plot(sections.figure(section, "curves"), "Test accuracy"), "vit"
    )
    assert line.x == [2, 4, 6] and line.y == whole.y[1::2]


def test_records_of_steps_are_no_epochs(group):
    def more(outcome: Outcome) -> Outcome:
        step = {"kind": "train", "step": 1, "epoch": 1, "loss": 2.3}
        return with_files(outcome, metrics=[step, *outcome.run.metrics])

    assert curves_section(alter(group, more)) == curves_section(group)


def test_an_arm_without_records_of_epochs_is_left_out_by_name(group):
    def forget(outcome: Outcome) -> Outcome:
        is_forgotten = outcome.name == "vit" and outcome.seed == 1
        return with_files(outcome, metrics=[]) if is_forgotten else outcome

    section = curves_section(alter(group, forget))
    panel = sections.plot(sections.figure(section, "curves"), "Test accuracy")
    assert {line.arm for line in panel.series} == {0}
    assert "Left out: vit, " in sections.texts(section)


def test_runs_without_any_record_say_what_is_missing(group):
    section = curves_section(alter(group, lambda each: with_files(each, metrics=[])))
    assert "recorded no epoch" in sections.texts(section)
    assert len(sections.commands(section)) == len(group.arms)
    assert not [block for block in section.blocks if isinstance(block, Figure)]


def test_three_arms_have_a_figure_each(tmp_path):
    third = Sample("vit", config={"augment.mix_rate": 0.5})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), third)
    section = curves_section(group)
    names = [block.name for block in section.blocks if isinstance(block, Figure)]
    assert names == ["curves", "curves-0", "curves-1", "curves-2"]
    first, second = (arm.name for arm in group.arms[1:])
    assert f"{first} and {second} is no measure" in sections.texts(section)


def test_every_line_names_its_runs(section):
    assert not list(sections.without_source(section))
