"""Architecture and recipe: the table of 2 x 2, its effects, and what is missing from it."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group
from sample_study import crossed
from sample_transfer import pretrained

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.sections.recipes import recipes_section

TABLE = "by architecture and recipe"
# By arm and recipe, seeds in their order.
ACCURACIES = {
    ("vit", "vit"): [0.80, 0.82],
    ("vit", "resnet"): [0.70, 0.71],
    ("resnet", "vit"): [0.83, 0.84],
    ("resnet", "resnet"): [0.86, 0.87],
}
CROSSED = [crossed(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1)]


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    made = make_group(tmp_path_factory.mktemp("square"), *TWO_SEEDS_EACH, *CROSSED)

    def change(outcome: Outcome) -> Outcome:
        accuracy = ACCURACIES[outcome.name, outcome.recipe_name][outcome.seed]
        return dataclasses.replace(outcome, test_accuracy=accuracy)

    return alter(made, change)


def keep(group: Group, *names: str) -> Group:
    kept = tuple(arm for arm in group.crossed if arm.name in names)
    return dataclasses.replace(group, crossed=kept)


def test_each_model_stands_in_a_row_with_both_recipes(group):
    table = sections.table(recipes_section(group), TABLE)
    assert [column.label for column in table.columns[1:]] == [
        "with resnet's recipe",
        "with vit's recipe",
    ]
    for arm in ("vit", "resnet"):
        for recipe in ("vit", "resnet"):
            cell = sections.row(table, arm)[f"with {recipe}'s recipe"]
            values = [100 * each for each in ACCURACIES[arm, recipe]]
            assert cell.value == pytest.approx(np.mean(values))
            assert cell.text == f"{values[0]:.2f} and {values[1]:.2f} %, n = 2"
            assert cell.num == 2 and cell.interval is None and len(cell.runs) == 2


def test_the_effects_are_those_of_the_table(group):
    table = sections.table(recipes_section(group), "Effects")
    values = {cells[0].text: cells[1].value for cells in table.rows}
    assert values == pytest.approx(
        {
            # (86.5 + 83.5) / 2 - (70.5 + 81) / 2, then the columns, then the gains of -10.5 and 3.
            "Architecture: resnet − vit": 9.25,
            "Recipe: vit's recipe − resnet's recipe": 3.75,
            "Interaction: the recipe's effect on resnet − on vit": 13.5,
            "resnet alone: resnet's recipe − vit's recipe": 3.0,
            "vit alone: resnet's recipe − vit's recipe": -10.5,
        }
    )


def test_the_plot_has_a_line_for_each_model_over_the_recipes(group):
    panel = sections.plot(
        sections.figure(recipes_section(group), "recipes"), "Each model with each recipe"
    )
    assert panel.x.categories == ["resnet's recipe", "vit's recipe"]
    line = sections.series(panel, "vit")
    assert (line.x, line.y) == ([0, 1], pytest.approx([70.5, 81]))
    assert line.low is None and len(line.runs) == 4
    seeds = [sections.series(panel, f"vit, run {number}").y for number in (1, 2)]
    assert seeds == [pytest.approx([70, 80]), pytest.approx([71, 82])]


def test_a_missing_cell_is_named_with_the_command_that_trains_it(group):
    section = recipes_section(keep(group, "vit with resnet's recipe"))
    assert "not finished: resnet with vit's recipe. The study trains it" in sections.texts(section)
    cell = sections.row(sections.table(section, TABLE), "resnet")["with vit's recipe"]
    assert (cell.text, cell.value) == ("not trained", None)
    assert sections.commands(section) == ["python -m jaxcmp.study --config=configs/study.py:cpu"]
    assert not sections.has_table(section, "Effects")
    line = sections.series(sections.figure(section, "recipes").panels[0], "resnet")  # pyright: ignore
    assert line.y == [pytest.approx(86.5), None]


def test_one_model_alone_is_told_to_train_another(tmp_path):
    section = recipes_section(make_group(tmp_path, Sample("vit")))
    assert "one model only" in sections.texts(section)
    assert "configs/resnet.py:cpu" in sections.commands(section)[0]


def test_crossed_runs_elsewhere_are_named_and_a_recipe_that_is_not_quite_one_too(tmp_path):
    strange = crossed("vit", 0, label_smoothing=0.3)
    small = crossed("vit", 0, **{"data.train_fraction": 0.1})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), strange, small)
    text = sections.texts(recipes_section(group))
    assert "is not quite that: label_smoothing differs from vit's model or resnet's" in text
    assert "Not shown here, on other images, at another length or of a third recipe: " in text
    assert "vit with resnet's recipe (10 % of the images)" in text


def test_arms_of_one_recipe_tell_nothing_apart(tmp_path):
    third = {"recipe": "third"}
    samples = [Sample("vit", config=third), Sample("resnet", config=third)]
    section = recipes_section(make_group(tmp_path, *samples))
    assert "Here all arms have third's recipe; the study trains both." in sections.texts(section)
    assert len(sections.commands(section)) == 1 and section.section is None


def test_pretrained_runs_stand_in_no_table_of_recipes(tmp_path):
    samples = [*TWO_SEEDS_EACH, *CROSSED]
    samples += [pretrained(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1)]
    section = recipes_section(make_group(tmp_path, *samples))
    shown = {
        run for row in sections.table(section, TABLE).rows for cell in row for run in cell.runs
    }
    assert shown == set(range(8))


def test_beside_a_variant_of_an_arm_the_first_screen_keeps_the_finding(tmp_path):
    stem = {"arm": "vit-conv", "recipe": "vit", "model.stem": "conv", "model.depth": 5}
    swapped = {"model.stem": "conv", "model.depth": 5, "arm": "vit-conv"}
    conv = [Sample("vit", seed, config=stem) for seed in (0, 1)]
    both = [
        dataclasses.replace(each, config=each.config | swapped)
        for each in CROSSED
        if each.arm == "vit"
    ]
    answer = recipes_section(make_group(tmp_path, *TWO_SEEDS_EACH, *CROSSED, *conv, *both))
    assert answer.section is not None and answer.finding is not None
    assert sections.texts(answer).count("Interaction: ") == 2
    assert answer.finding.text.startswith("Recipe: averaged over resnet and vit, ")
