"""Effects in sentences: who is ahead, how surely, and whether it depends on the recipe."""

from jaxcmp.compare.sections.effects import Square, effect_blocks

RUNS = [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


def said(*cells: list[float]) -> str:
    values = [[cells[0], cells[1]], [cells[2], cells[3]]]
    square = Square(("resnet", "vit"), ("resnet's recipe", "vit's recipe"), values, RUNS)
    sentences, _ = effect_blocks(square)
    return "\n".join(each.text for each in sentences)


def test_the_one_ahead_is_named_first_whatever_its_place():
    text = said([70.0, 70.2], [72.0, 72.2], [80.0, 80.2], [82.0, 82.2])
    assert "averaged over both recipes, vit is ahead of resnet by 10.00 points (95 %" in text
    assert (
        "averaged over both architectures, vit's recipe is ahead of resnet's recipe by 2.00" in text
    )
    assert "more than seeds alone explain." in text
    assert "do not show that one of the two effects depends on the other" in text


def test_an_architecture_that_is_ahead_with_one_recipe_only_is_told():
    text = said([86.0, 86.2], [80.0, 80.2], [70.0, 70.2], [85.0, 85.2])
    assert (
        "Which architecture is ahead depends on the recipe: with resnet's recipe resnet, by 16.00 "
        "points, with vit's recipe vit, by 5.00."
    ) in text
    assert "changes resnet by +6.00 points and vit by −15.00 points, a difference of 21.00" in text


def test_an_interaction_without_a_change_of_places_gives_both_leads():
    text = said([86.0, 86.2], [85.0, 85.2], [70.0, 70.2], [80.0, 80.2])
    assert (
        "resnet is ahead with either recipe, by 16.00 points with resnet's recipe and by 5.00 with "
        "vit's recipe."
    ) in text


def test_what_seeds_explain_is_said():
    text = said([80.0, 90.0], [80.0, 91.0], [81.0, 90.0], [79.0, 89.0])
    assert text.count("which seeds alone can explain") == 3


def test_single_seeds_have_no_interval_and_equal_ones_no_p_value():
    assert "of which single seeds tell no interval" in said([86.0], [80.0], [70.0], [85.0])
    text = said([86.0, 86.0], [80.0, 80.0], [70.0, 70.0], [85.0, 85.0])
    assert "no p value can be given" in text


def test_a_cell_with_one_seed_is_noted():
    values = [[[86.0, 86.2], [80.0]], [[70.0, 70.2], [85.0, 85.2]]]
    square = Square(("resnet", "vit"), ("a", "b"), values, RUNS)
    assert "A cell with one seed shows no spread" in effect_blocks(square)[1].note
