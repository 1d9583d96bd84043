"""More data: made-up runs whose power laws are known, and where arms change places."""

import dataclasses

import pytest
import sections
from sample_outcomes import make_arm
from sample_runs import Sample, alter, make_group
from sample_study import equal_steps, part
from scipy import stats

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.sections.data_size import Sized, crossing_sentence, data_size_section
from jaxcmp.compare.sections.results import results_section

FRACTIONS = (0.1, 0.5, 1.0)
# Errors are coefficient * n ** -exponent.
LAWS = {"vit": (20.0, 0.5), "resnet": (2.0, 0.25)}
TABLE = "Test accuracy by training images"


def sample(arm: str, fraction: float, seed: int = 0) -> Sample:
    return Sample(arm, seed, num_test=20, config={"data.train_fraction": fraction})


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Group:
    """Returns two arms on three sizes with two seeds each."""
    samples = [sample(a, f, s) for a in LAWS for f in FRACTIONS for s in (0, 1)]
    return make_group(tmp_path_factory.mktemp("sizes"), *samples)


def lawful(group: Group, laws: dict[str, tuple[float, float]], *, spread: float = 0.0) -> Group:
    """Gives the runs the errors of these laws, one seed above and the other below by this share."""

    def change(outcome: Outcome) -> Outcome:
        coefficient, exponent = laws[outcome.name]
        factor = (1 + spread) ** (1 if outcome.seed else -1)
        error = coefficient * outcome.num_train**-exponent * factor
        return dataclasses.replace(outcome, test_accuracy=1 - error)

    return alter(group, change)


def keep(group: Group, arm: str, *sizes: int) -> Group:
    """Drops the runs of this arm on smaller parts of other sizes."""
    smaller = tuple(
        each for each in group.smaller if each.name != arm or each.outcomes[0].num_train in sizes
    )
    return dataclasses.replace(group, smaller=smaller)


def test_the_runs_on_most_images_are_the_headline_and_the_rest_never_join_their_average(runs):
    assert [arm.outcomes[0].num_train for arm in runs.arms] == [50_000, 50_000]
    assert sorted(arm.outcomes[0].num_train for arm in runs.smaller) == [5000] * 2 + [25_000] * 2
    table = sections.table(results_section(lawful(runs, LAWS)), "Results")
    accuracy = sections.row(table, "Test accuracy, last epoch")["vit"]
    assert (accuracy.value, accuracy.num) == (pytest.approx(100 * (1 - 20 * 50_000**-0.5)), 2)


def test_runs_on_parts_stand_under_the_arm_of_their_recipe(runs):
    group = lawful(runs, LAWS, spread=0.01)
    table = sections.table(data_size_section(group), TABLE)
    assert sections.names(table) == ["5,000", "25,000", "50,000"]
    cell = sections.row(table, "5,000")["vit"]
    errors = [20 * 5000**-0.5 * factor for factor in (1.01, 1 / 1.01)]
    assert cell.value == pytest.approx(100 * (1 - sum(errors) / 2))
    assert cell.num == 2
    (part,) = (
        each for each in group.smaller if (each.name, each.outcomes[0].num_train) == ("vit", 5000)
    )
    assert cell.runs == part.runs
    shown = [f"{100 * (1 - error):.2f}" for error in errors[::-1]]
    assert cell.interval is None and cell.text == f"{shown[0]} and {shown[1]} %, n = 2"


def test_the_law_of_the_error_is_found_again(runs):
    text = sections.texts(data_size_section(lawful(runs, LAWS)))
    # Twice the images: 2 ** 0.5 = 1.41 and 2 ** 0.25 = 1.19.
    assert "vit: error = 20 × images^−0.500; twice the images divide the error by 1.41." in text
    assert "resnet: error = 2 × images^−0.250; twice the images divide the error by 1.19." in text
    growing = sections.texts(data_size_section(lawful(runs, LAWS | {"vit": (0.01, -0.2)})))
    assert "vit: error = 0.01 × images^0.200; twice the images divide the error by 0.87." in growing


def test_the_figure_has_every_run_and_the_fitted_line(runs):
    group = lawful(runs, LAWS, spread=0.01)
    figure = sections.figure(data_size_section(group), "data-size")
    panel = sections.plot(figure, "Error, equal epochs")
    points = sections.series(panel, "vit")
    assert points.x == [5000, 5000, 25_000, 25_000, 50_000, 50_000]
    line = sections.series(panel, "vit, power law")
    assert line.x == [5000, 25_000, 50_000]
    assert line.y == pytest.approx([100 * 20 * n**-0.5 for n in line.x])
    assert points.runs == line.runs and len(line.runs) == 6
    accuracy = sections.series(sections.plot(figure, "Accuracy, equal epochs"), "vit")
    assert accuracy.y == pytest.approx([100 - y * (1.01 + 1 / 1.01) / 2 for y in line.y if y])


def test_arms_are_compared_where_both_were_measured(runs):
    # The ViT was never tried on 5,000 images.
    section = data_size_section(keep(lawful(runs, LAWS), "vit", 25_000))
    assert ": at 25,000 images, vit scored more by " in sections.texts(section)
    row = sections.row(sections.table(section, TABLE), "5,000")
    assert row["vit"].text == "–" and row["resnet"].num == 2


def test_a_run_without_an_error_leaves_a_gap_and_no_law(runs):
    def change(outcome: Outcome) -> Outcome:
        is_perfect = outcome.name == "vit" and outcome.num_train == 50_000
        return dataclasses.replace(outcome, test_accuracy=1.0) if is_perfect else outcome

    section = data_size_section(alter(lawful(runs, LAWS), change))
    assert "vit: a run without an error leaves no power law" in sections.texts(section)
    panel = sections.plot(sections.figure(section, "data-size"), "Error, equal epochs")
    assert sections.series(panel, "vit").y[-2:] == [None, None]
    assert [line.label for line in panel.series if line.style == "dashed"] == ["resnet, power law"]


def test_an_arm_with_one_size_only_is_not_drawn(runs):
    section = data_size_section(keep(lawful(runs, LAWS), "vit"))
    labels = [column.label for column in sections.table(section, TABLE).columns]
    assert labels == ["training images", "resnet"]
    assert not section.findings and "measured" not in sections.texts(section)


@pytest.mark.parametrize(
    ("had", "word", "asked", "suffix"),
    [(1.0, "Less data", "0.1", "0.1"), (0.5, "More data", "1.0", "all-images")],
)
def test_without_parts_each_arm_is_suggested_a_part_or_all_of_the_images_if_it_had_a_part(
    tmp_path, had, word, asked, suffix
):
    group = make_group(tmp_path, sample("vit", had, 2), sample("resnet", had, 2))
    answer = data_size_section(group)
    assert answer.section is None
    assert [each.text.partition(":")[0] for each in answer.more] == [word, word]
    assert sections.commands(answer) == [
        f"python -m jaxcmp.main --config=configs/{arm.name}.py:cpu --config.seed=2 "
        f"--config.data.train_fraction={asked} --workdir={arm.outcomes[0].folder}-{suffix}"
        for arm in group.arms
    ]


@pytest.fixture(scope="module")
def both_budgets(tmp_path_factory) -> Group:
    """Returns two sizes at equal epochs, and the smaller one at equal steps too."""
    samples = [
        each
        for arm in LAWS
        for s in (0, 1, 2)
        for each in (Sample(arm, s, num_test=20), part(arm, 0.1, s), equal_steps(arm, 0.1, s))
    ]
    samples = [dataclasses.replace(each, num_test=20) for each in samples]
    return make_group(tmp_path_factory.mktemp("budgets"), *samples)


def test_equal_steps_are_a_series_of_their_own_with_leads_of_their_own(both_budgets):
    def change(outcome: Outcome) -> Outcome:
        is_long, is_vit = outcome.num_epochs > 6, outcome.name == "vit"
        # The ViT leads on few images, unless training lasts as long as on all.
        accuracy = 0.5 if is_vit and not is_long else 0.4
        if outcome.num_train == 50_000:
            accuracy = 0.7 if is_vit else 0.8
        # Seeds lie a tenth of a point to either side.
        return dataclasses.replace(outcome, test_accuracy=accuracy + 0.001 * (outcome.seed - 1))

    section = data_size_section(alter(both_budgets, change))
    for budget, value in (("equal epochs", 50), ("equal steps", 40)):
        table = sections.table(section, f"at {budget}")
        assert sections.names(table) == ["5,000", "50,000"]
        cell = sections.row(table, "5,000")["vit"]
        assert (cell.value, cell.num) == (pytest.approx(value), 3)
        assert sections.row(table, "50,000")["vit"].value == pytest.approx(70)
    text = sections.texts(section)
    assert "At equal epochs, resnet and vit change places as measured between 5,000 images" in text
    assert "At equal steps, resnet scored no less than vit at any of the 2 sizes measured" in text
    panel = sections.plot(sections.figure(section, "data-size-steps"), "Accuracy, equal steps")
    line = sections.series(panel, "resnet")
    assert line.y == pytest.approx([40, 80])
    assert not list(sections.without_source(section))


def test_runs_that_are_at_neither_budget_are_named(tmp_path):
    odd = dataclasses.replace(part("vit", 0.1, num_epochs=9), num_test=20)
    samples = [sample("vit", 1.0), sample("resnet", 1.0), sample("vit", 0.1), odd]
    group = make_group(tmp_path, *samples)
    text = sections.texts(data_size_section(group))
    assert "Not shown here" in text and "3-vit-0" in text
    assert sections.commands(data_size_section(group)) == [
        "python -m jaxcmp.main --config=configs/vit.py:cpu --config.seed=0 "
        "--config.data.train_fraction=0.1 --config.num_epochs=60 "
        "--config.schedule.warmup_epochs=10 "
        f"--workdir={group.arms[1].outcomes[0].folder}-0.1-equal-steps"
    ]


def sized(name: str, accuracies: dict[int, list[float]]) -> Sized:
    """An arm with these accuracies by number of training images."""
    parts = {size: make_arm(name, own) for size, own in accuracies.items()}
    return Sized(parts[max(parts)], parts)


def said(first: dict[int, list[float]], second: dict[int, list[float]]) -> str:
    return crossing_sentence(sized("resnet", first), sized("vit", second), "equal steps")


RESNET = {100: [0.3, 0.31, 0.32], 200: [0.5, 0.51, 0.52], 400: [0.8, 0.805, 0.81]}


def test_a_change_of_places_has_its_two_sizes_with_the_lead_at_each():
    text = said(RESNET, {100: [0.4, 0.41, 0.43], 200: [0.6, 0.605, 0.61], 400: [0.7, 0.71, 0.72]})
    result = stats.ttest_ind([60, 60.5, 61], [50, 51, 52], equal_var=False)
    low, high = result.confidence_interval(0.95)
    assert (
        "At equal steps, resnet and vit change places as measured between 200 images, where vit "
        f"leads by 9.50 points (95 % interval {low:.2f} to {high:.2f}, "
        "p < 0.001, n = 3), and 400, where resnet leads by 9.50 points (95 % "
    ) in text


def test_means_that_change_places_settle_nothing_where_seeds_could_explain_it():
    first = {100: [0.3], 200: [0.45], 400: [0.8]}
    text = said(first, {100: [0.2], 200: [0.5], 400: [0.75]})
    assert "the means of resnet and vit change places, which seeds alone can explain: " in text
    assert (
        "between 100 images, where resnet scored more by 10.00 points (fewer than three seeds"
        in text
    )
    assert "; and between 200 images, where vit scored more by 5.00 points" in text
    assert "leads" not in text and "change places as measured" not in text


def test_an_arm_that_is_never_behind_is_said_to_be_so():
    text = said(RESNET, {100: [0.1, 0.11, 0.12], 200: [0.5, 0.51, 0.52], 400: [0.7]})
    assert (
        "resnet scored no less than vit at any of the 3 sizes measured, and is ahead by more than "
        "seeds alone explain at 1: at 100 images, resnet leads by 20.00 points"
    ) in text
    assert (
        "at 400, resnet scored more by 10.50 points (fewer than three seeds" in text
        and "n = 3 and 1)" in text
    )
    text = said(RESNET, {100: [0.1, 0.11, 0.12], 200: [0.4, 0.41, 0.42], 400: [0.7, 0.705, 0.71]})
    assert "resnet is ahead of vit at all 3 sizes measured: at 100 images, resnet leads" in text


def test_a_lead_that_seeds_alone_explain_is_no_change_of_places():
    first = {100: [0.3, 0.31, 0.32], 200: [0.9, 0.90015, 0.9003]}
    text = said(first, {100: [0.4, 0.405, 0.41], 200: [0.899, 0.90005, 0.9011]})
    assert (
        "change places, which seeds alone can explain" in text
        and "where vit leads by 9.50 points" in text
    )
    assert "where resnet scored more by 0.01 points (95 % interval" in text
    assert "n = 3), which seeds alone can explain" in text


@pytest.mark.parametrize("runs", [[0.0], [0.0, 0.001]])
def test_fewer_than_three_seeds_are_ahead_at_no_size_and_have_no_interval(runs):
    def at(**means: float) -> dict[int, list[float]]:
        return {int(size[1:]): [mean + run for run in runs] for size, mean in means.items()}

    text = said(at(n100=0.3, n200=0.5), at(n100=0.1, n200=0.4))
    assert "with fewer than three seeds their spread is unknown: at 100 images, resnet" in text
    assert "is ahead" not in text and "leads" not in text and "95 %" not in text
    text = said(at(n100=0.3, n200=0.5, n400=0.7), at(n100=0.1, n200=0.51, n400=0.9))
    assert "change places, which seeds alone can explain" in text and "leads" not in text
    assert "95 %" not in text


@pytest.mark.parametrize("sizes", [(100,), ()])
def test_sizes_that_only_one_arm_has_are_no_place_to_change(sizes):
    own = {size: [0.2, 0.21] for size in sizes} | {150: [0.3, 0.31], 160: [0.4, 0.41]}
    text = said(RESNET, dict(sorted(own.items())))
    assert ("measured on 100 images only" in text) == bool(sizes)
    assert "change places" not in text
