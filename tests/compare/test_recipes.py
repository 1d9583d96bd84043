"""Architecture and recipe: the table of 2 x 2, its effects, and what is missing from it."""

import dataclasses

import numpy as np
import pytest
import sections
from sample_outcomes import make_arm
from sample_runs import TWO_SEEDS_EACH, Sample, alter, make_group
from sample_study import crossed
from sample_transfer import pretrained

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Figure
from jaxcmp.compare.sections.recipes import effects_of, recipes_section, shares_of

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
    assert table.note.startswith("Mean over seeds")
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


def test_the_gap_of_two_arms_is_divided_where_both_effects_are_clear():
    def divided(*accuracies):
        first, second, third, fourth = (
            make_arm("a", [mean - 0.001, mean, mean + 0.001]) for mean in accuracies
        )
        return shares_of(("a", "b"), [[first, second], [third, fourth]])

    # With a's recipe, then with b's: the model is worth 25 points, the recipe 15.
    text = divided(0.9, 0.7, 0.6, 0.5)
    assert text.startswith(
        "With their own recipes a is 40.00 points above b: the model is worth 25"
    )
    assert ", the recipe 15.00 points (" in text
    # The other one ahead, then effects against each other, then one that is not clear.
    assert "b is 40.00 points above a: " in divided(0.5, 0.6, 0.7, 0.9)
    assert divided(0.7, 0.9, 0.4, 0.6) == divided(0.9, 0.9, 0.6, 0.6) == ""


def test_the_effects_are_those_of_the_table(group):
    table = sections.table(recipes_section(group), "Effects")
    assert table.note.startswith("Effects are those of a two-way analysis of variance")
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
    assert "not finished: resnet with vit's recipe. The study trains each" in sections.texts(
        section
    )
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
    assert answer.section is not None
    assert sections.texts(answer).count("Interaction: ") == 2
    shown, folded = (
        [block.name for block in blocks if isinstance(block, Figure)]
        for blocks in (answer.section.blocks, answer.section.details)
    )
    assert (shown, folded) == (["recipes"], ["recipes-1"])
    assert sections.finding(answer).startswith("Recipe: averaged over resnet and vit, ")


MODELS, RECIPES = ("resnet", "vit"), ("resnet's recipe", "vit's recipe")


def effects(*cells: list[float]):
    """Accuracies in percent: of each model in its turn, with each recipe."""
    arms = [make_arm("", [value / 100 for value in cell]) for cell in cells]
    return effects_of(MODELS, RECIPES, [arms[:2], arms[2:]])


def said(*cells: list[float]) -> str:
    return "\n".join(effects(*cells)[0])


DO = "but these runs do not show that who is ahead does: ahead by more than seeds alone explain"


@pytest.mark.parametrize(
    ("resnet", "vit", "words"),
    [
        # The one ahead is named first, whatever its place.
        (
            ([70.0, 70.1, 70.2], [72.0, 72.1, 72.2]),
            ([80.0, 80.1, 80.2], [82.0, 82.1, 82.2]),
            [
                "averaged over both recipes, vit is ahead of resnet by 10.00 points (95 %",
                "over resnet and vit, vit's recipe is ahead of resnet's recipe by 2.00",
                "more than seeds alone explain.",
                "do not show that one of the two effects depends on the other",
            ],
        ),
        # Each architecture is ahead with one recipe only.
        (
            ([86.0, 86.1, 86.2], [80.0, 80.1, 80.2]),
            ([70.0, 70.1, 70.2], [85.0, 85.1, 85.2]),
            [
                "Which architecture is ahead depends on the recipe: with resnet's recipe resnet, "
                "by 16.00 points, with vit's recipe vit, by 5.00.",
                "changes resnet by +6.00 points and vit by −15.00 points, a difference of 21.00",
            ],
        ),
        # An interaction without a change of places gives both leads.
        (
            ([86.0, 86.1, 86.2], [85.0, 85.1, 85.2]),
            ([70.0, 70.1, 70.2], [80.0, 80.1, 80.2]),
            [
                "resnet is ahead with either recipe, by 16.00 points with resnet's recipe and by "
                "5.00 with vit's recipe."
            ],
        ),
        # The first recipe: 90.015 against 90.005. The interaction is real, as is the second gap.
        (
            ([90.0, 90.015, 90.03], [80.0, 80.05, 80.1]),
            ([89.9, 90.005, 90.11], [85.0, 85.05, 85.1]),
            [f"depends on the recipe, {DO} is vit with vit's recipe, by 5.00"],
        ),
        # In floats, half of 0.1 and 0.7 is not half of 0.3 and 0.5.
        (([0.1], [0.7]), ([0.3], [0.5]), ["over both recipes, resnet and vit are level."]),
    ],
)
def test_an_effect_and_what_depends_on_what_are_said_as_they_are(resnet, vit, words):
    text = said(*resnet, *vit)
    assert all(each in text for each in words)
    is_turned = "Which architecture is ahead depends"
    assert (is_turned in text) == any(is_turned in each for each in words)


def test_what_seeds_explain_is_said():
    text = said([80.0, 85.0, 90.0], [80.0, 85.5, 91.0], [81.0, 85.5, 90.0], [79.0, 84.0, 89.0])
    assert text.count("which seeds alone can explain") == 3


def test_too_few_seeds_and_equal_ones_have_no_interval_and_no_lead():
    for spread in ([0.0], [0.0, 0.1], [0.0] * 3):
        text = said(*([mean + each for each in spread] for mean in (86.0, 80.0, 70.0, 85.0)))
        assert "(fewer than three seeds, or equal ones: no interval)" in text
        assert "is ahead" not in text and "p =" not in text and "p <" not in text


def test_a_cell_with_two_seeds_leaves_effects_without_interval_and_p_value():
    three = [80.0, 80.1, 80.2]
    _, table = effects(three, [86.0, 86.2], three, three)
    shown = [(row[1].interval is None, row[2].text) for row in table.rows]
    assert shown[:4] == [(True, "–")] * 4
    # That of the other architecture is of three seeds each, which are equal.
    assert shown[4] == (False, "1")
