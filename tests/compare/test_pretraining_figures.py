"""Figures of transfer: at the end, against images and against epochs, each as measured."""

import pytest
import sections
from sample_runs import alter, every_other_epoch_of, make_group, with_files
from sample_transfer import keep, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Figure, Section
from jaxcmp.compare.sections.pretraining import pretraining_figures
from jaxcmp.compare.sections.pretraining_arms import pretrained_arms


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_transfer(tmp_path_factory.mktemp("transfer"))


def figures(group: Group) -> Section:
    return Section("figures", "Figures", pretraining_figures(pretrained_arms(group)))


def test_lines_go_from_random_to_pretrained_weights(group):
    panel = sections.figure(figures(group), "pretraining").panels[0]
    assert panel.title == "From random and from pretrained weights, 50,000 images"
    line = sections.series(panel, "vit")  # pyright: ignore[reportArgumentType]
    assert line.y == pytest.approx([70, 90]) and line.arm == 1
    assert line.low is None and len(line.runs) == 4
    first = sections.series(panel, "vit, run 1")  # pyright: ignore[reportArgumentType]
    assert first.y == pytest.approx([69.5, 89.5]) and first.style == "thin"


def test_against_images_both_starts_have_a_line_and_one_colour(group):
    panel = sections.plot(
        sections.figure(figures(group), "pretraining"), "Accuracy by training images"
    )
    tuned, random = (
        sections.series(panel, name) for name in ("resnet, pretrained", "resnet, random weights")
    )
    assert (tuned.x, random.x) == ([5_000, 50_000], [5_000, 50_000])
    assert tuned.y == pytest.approx([75, 85]) and random.y == pytest.approx([60, 80])
    assert (tuned.style, random.style, tuned.arm, random.arm) == ("thick", "dashed", 0, 0)


def test_one_size_has_no_axis_of_images(group):
    shown = figures(keep(group, "vit", "resnet", sizes=(50_000,)))
    assert len(sections.figure(shown, "pretraining").panels) == 1


def test_epochs_have_a_panel_for_each_architecture_and_size_with_each_seed(group):
    found = sections.figure(figures(group), "pretraining-curves")
    assert [panel.title for panel in found.panels] == [
        "vit on 50,000 images",
        "vit on 5,000 images",
        "resnet on 50,000 images",
        "resnet on 5,000 images",
    ]
    line = sections.series(sections.plot(found, found.panels[0].title), "vit, pretrained")
    (arm,) = (a for a in group.pretrained if a.name.startswith("vit") and a.runs == line.runs)
    first = [100 * outcome.epochs[0]["test_accuracy"] for outcome in arm.outcomes]
    assert line.y[0] == pytest.approx(sum(first) / 2) and line.x == [1, 2, 3, 4, 5, 6]
    panel = sections.plot(found, found.panels[0].title)
    seeds = [sections.series(panel, f"vit, pretrained, run {number}").y[0] for number in (1, 2)]
    assert line.high is None and seeds == pytest.approx(first)


def test_runs_that_were_evaluated_less_often_are_averaged_where_all_were(group):
    lines = [
        sections.figure(figures(each), "pretraining-curves").panels[0].series[0]  # pyright: ignore
        for each in (group, every_other_epoch_of(group, 0))
    ]
    whole, thin = lines
    assert thin.x == [2, 4, 6] and thin.y == whole.y[1::2]


def test_runs_without_epochs_are_named_and_those_without_a_counterpart_not_drawn(group, tmp_path):
    silent = alter(group, lambda outcome: with_files(outcome, metrics=[]))
    section = figures(silent)
    assert "without a record of its epochs" in sections.texts(section)
    assert [block.name for block in section.blocks if isinstance(block, Figure)] == ["pretraining"]
    assert not figures(make_group(tmp_path, pretrained("vit"))).blocks
