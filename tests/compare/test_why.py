"""The section "Why": its numbers, its intervals, and what it says of runs not inspected."""

import numpy as np
import pytest
import sections
from sample_inspections import SIZES, inspect_sample
from sample_runs import Sample, make_group
from scipy import stats

from jaxcmp.compare.arms import Group
from jaxcmp.compare.sections.why import why_section
from jaxcmp.runs.inspections import INSPECTION, read_inspection

SEEDS = (0, 1, 2)
RESNET = {"unchanged": 0.9, "black": 0.8, "tiles": 0.4, "else": 0.6}
VIT = {"unchanged": 0.8, "black": 0.5, "tiles": 0.5, "else": 0.5}


def make_inspected(root, arms, seeds=SEEDS) -> Group:
    group = make_group(root, *(Sample(arm, seed) for arm in arms for seed in seeds))
    for arm in group.arms:
        for outcome in arm.outcomes:
            inspect_sample(outcome.run.folder, arms[arm.name])
    return group


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return make_inspected(tmp_path_factory.mktemp("why"), {"resnet": RESNET, "vit": VIT})


@pytest.fixture(scope="module")
def answer(group):
    return why_section(group)


def shares(group, name, measure, kind, level, count="right"):
    """The share of each seed, in percent, straight from the files."""
    (arm,) = (each for each in group.arms if each.name == name)
    found = []
    for outcome in arm.outcomes:
        inspection = read_inspection(outcome.run.folder)
        assert inspection is not None
        (e,) = (e for e in inspection[measure] if (e["kind"], e["level"]) == (kind, level))
        found.append(100 * sum(e["trained"][count]) / (e["variants"] * sum(SIZES)))
    return found


def kept(group, name):
    return shares(group, name, "shifts", "black", 4, "kept")


def test_without_an_inspection_the_command_is_named(tmp_path):
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"))
    answer = why_section(group)
    (command,) = sections.commands(answer)
    folders = [outcome.folder for arm in group.arms for outcome in arm.outcomes]
    assert answer.section is None and command == " ".join(["python -m jaxcmp.inspect", *folders])


def test_shifts_are_compared_on_the_same_images_with_welchs_interval_over_seeds(group, answer):
    one, two = kept(group, "resnet"), kept(group, "vit")
    interval = stats.ttest_ind(one, two, equal_var=False).confidence_interval()
    words = (
        "Shifted by 4 pixels in eight directions, resnet keeps "
        f"{np.mean(one):.2f} % of its answers and vit {np.mean(two):.2f} %: "
        f"{np.mean(one) - np.mean(two):.2f} points apart (95 % interval {interval[0]:.2f} to "
        f"{interval[1]:.2f}, p < 0.001 after Holm's correction), more than seeds alone explain."
    )
    assert words in sections.texts(answer)
    assert "same 100 test images" in sections.texts(answer)
    assert "seeds: 3 of resnet, 3 of vit" in sections.texts(answer)


def test_a_loss_is_what_the_change_costs_of_the_unchanged_accuracy(group, answer):
    table = sections.table(answer, "Trained and untrained")
    cell = sections.row(table, "accuracy lost to shuffled tiles of 8 pixels, points")["vit"]
    (arm,) = (each for each in group.arms if each.name == "vit")
    unchanged = [
        100 * sum((read_inspection(o.run.folder) or {})["unchanged"]["trained"]) / sum(SIZES)
        for o in arm.outcomes
    ]
    after = shares(group, "vit", "arrangement", "tiles", 8)
    assert cell.value == pytest.approx(np.mean(unchanged) - np.mean(after))
    assert cell.num == 3 and cell.runs == arm.runs


def test_the_first_screen_has_the_gap_that_seeds_explain_least(group, answer):
    assert answer.finding is not None
    assert answer.finding.text in sections.texts(answer)
    one, two = kept(group, "resnet"), kept(group, "vit")
    least = tuple(stats.ttest_ind(one, two, equal_var=False))[1]
    assert answer.finding.text.startswith("Shifted by 4 pixels") and least < 0.001


def test_where_seeds_explain_every_gap_the_first_screen_says_so(tmp_path):
    group = make_inspected(tmp_path, {"resnet": VIT, "vit": VIT})
    finding = why_section(group).finding
    assert finding is not None and "seeds can explain each of 4 differences" in finding.text


def test_two_seeds_have_no_interval_and_make_no_finding(tmp_path):
    answer = why_section(make_inspected(tmp_path, {"resnet": RESNET, "vit": VIT}, (0, 1)))
    assert answer.finding is None
    assert "too few seeds" in sections.texts(answer) and "interval 9" not in sections.texts(answer)


def test_figures_have_the_untrained_model_dashed_and_mark_the_crop(group, answer):
    figure = sections.figure(answer, "why-shifts")
    plot = sections.plot(figure, "Shifted, black behind")
    line = sections.series(plot, "resnet")
    assert line.x == [1, 2, 3, 4, 6, 8] and line.low is not None
    assert line.y[3] == pytest.approx(np.mean(kept(group, "resnet")))
    assert sections.series(plot, "resnet, untrained").style == "dashed"
    (mark,) = (each for each in plot.series if each.style == "reference")
    assert set(mark.x) == {4.0}


def test_the_map_of_places_is_relative_to_its_centre(group, answer):
    figure = sections.figure(answer, "why-places")
    (panel,) = (each for each in figure.panels if each.title.startswith("vit"))
    centre = np.mean(shares(group, "vit", "places", "place", 24))
    corner = np.mean(shares(group, "vit", "places", "place", 6))
    assert panel.title == f"vit: {centre:.1f} % at the centre"
    values = sections.heatmap(figure, panel.title).values
    assert values[3][3] == 0 and values[0][6] == pytest.approx(corner - centre)


def test_corruptions_are_thirteen_each_with_the_mean_over_its_severities(group, answer):
    (panel,) = sections.figure(answer, "why-corruptions").panels
    plot = sections.plot(sections.figure(answer, "why-corruptions"), panel.title)
    assert len(plot.y.categories) == 13
    line = sections.series(plot, "vit")
    severities = [shares(group, "vit", "corruptions", "fog", level) for level in range(1, 6)]
    place = plot.y.categories.index("fog")
    assert line.x[place] == pytest.approx(np.mean(severities))
    assert line.low is not None and line.low[place] == pytest.approx(
        stats.t.interval(0.95, 2, np.mean(severities), stats.sem(np.mean(severities, axis=0)))[0]
    )


def test_the_rank_correlation_over_classes_says_how_few_they_are(answer):
    assert "n = 5 classes, too few" in sections.texts(answer)


def test_every_number_names_its_runs(answer):
    assert not list(sections.without_source(answer))


def test_runs_inspected_on_other_images_or_not_at_all_or_damaged_are_named(tmp_path):
    group = make_inspected(tmp_path, {"resnet": RESNET, "vit": VIT})
    (resnet, vit) = group.arms
    other, damaged, without = (*resnet.outcomes[:2], vit.outcomes[0])
    inspect_sample(other.run.folder, RESNET, digest="4567")
    (damaged.run.folder / INSPECTION).write_text("{")
    (without.run.folder / INSPECTION).unlink()
    answer = why_section(group)
    (command,) = sections.commands(answer)
    assert set(command.split()[3:]) == {each.folder for each in (other, damaged, without)}
    assert f"{damaged.run.folder / INSPECTION} cannot be used" in sections.texts(answer)
    assert "seeds: 1 of resnet, 2 of vit" in sections.texts(answer)
