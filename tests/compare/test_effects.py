"""Effects in sentences: who is ahead, how surely, and whether it depends on the recipe."""

from sample_arms import make_arm

from jaxcmp.compare.sections.recipes import effects_of

MODELS, RECIPES = ("resnet", "vit"), ("resnet's recipe", "vit's recipe")


def effects(*cells: list[float]):
    """Accuracies in percent: of each model in its turn, with each recipe."""
    arms = [make_arm("", [value / 100 for value in cell]) for cell in cells]
    return effects_of(MODELS, RECIPES, [arms[:2], arms[2:]])


def said(*cells: list[float]) -> str:
    return "\n".join(effects(*cells)[0])


def test_the_one_ahead_is_named_first_whatever_its_place():
    text = said([70.0, 70.1, 70.2], [72.0, 72.1, 72.2], [80.0, 80.1, 80.2], [82.0, 82.1, 82.2])
    assert "averaged over both recipes, vit is ahead of resnet by 10.00 points (95 %" in text
    assert "averaged over resnet and vit, vit's recipe is ahead of resnet's recipe by 2.00" in text
    assert "more than seeds alone explain." in text
    assert "do not show that one of the two effects depends on the other" in text


def test_an_architecture_that_is_ahead_with_one_recipe_only_is_told():
    text = said([86.0, 86.1, 86.2], [80.0, 80.1, 80.2], [70.0, 70.1, 70.2], [85.0, 85.1, 85.2])
    assert (
        "Which architecture is ahead depends on the recipe: with resnet's recipe resnet, by 16.00 "
        "points, with vit's recipe vit, by 5.00."
    ) in text
    assert "changes resnet by +6.00 points and vit by −15.00 points, a difference of 21.00" in text


def test_an_interaction_without_a_change_of_places_gives_both_leads():
    text = said([86.0, 86.1, 86.2], [85.0, 85.1, 85.2], [70.0, 70.1, 70.2], [80.0, 80.1, 80.2])
    assert (
        "resnet is ahead with either recipe, by 16.00 points with resnet's recipe and by 5.00 with "
        "vit's recipe."
    ) in text


def test_what_seeds_explain_is_said():
    text = said([80.0, 85.0, 90.0], [80.0, 85.5, 91.0], [81.0, 85.5, 90.0], [79.0, 84.0, 89.0])
    assert text.count("which seeds alone can explain") == 3


def test_too_few_seeds_and_equal_ones_have_no_interval_and_no_lead():
    for spread in ([0.0], [0.0, 0.1], [0.0] * 3):
        text = said(*([mean + each for each in spread] for mean in (86.0, 80.0, 70.0, 85.0)))
        assert "(too few seeds, or equal ones, for an interval)" in text
        assert "is ahead" not in text and "p =" not in text and "p <" not in text


def test_a_lead_that_seeds_alone_explain_does_not_make_it_depend_on_the_recipe():
    # The first recipe: 90.015 against 90.005. The interaction is real, and so is the second gap.
    text = said(
        [90.0, 90.015, 90.03], [80.0, 80.05, 80.1], [89.9, 90.005, 90.11], [85.0, 85.05, 85.1]
    )
    assert "Which architecture is ahead depends" not in text
    assert (
        "The gap between the two depends on the recipe, but these runs do not show that who is "
        "ahead does: ahead by more than seeds alone explain is vit with vit's recipe, by 5.00"
    ) in text


def test_level_architectures_are_level_up_to_rounding():
    # In floats, half of 0.1 and 0.7 is not half of 0.3 and 0.5.
    text = said([0.1], [0.7], [0.3], [0.5])
    assert "averaged over both recipes, resnet and vit are level." in text


def test_a_cell_with_two_seeds_leaves_effects_without_interval_and_p_value():
    three = [80.0, 80.1, 80.2]
    _, table = effects(three, [86.0, 86.2], three, three)
    shown = [(row[1].interval is None, row[2].text) for row in table.rows]
    assert shown[:4] == [(True, "–")] * 4
    # That of the other architecture is of three seeds each, which are equal.
    assert shown[4] == (False, "1")
