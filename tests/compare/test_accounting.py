"""Remarks on runs that an answer leaves out."""

from sample_outcomes import make_config, make_outcome, make_seeds
from sample_runs import TWO_SEEDS_EACH, alter, make_group, with_files

from jaxcmp.compare.accounting import about_recipes, account
from jaxcmp.compare.grouping import group


def test_runs_that_are_whole_and_of_one_kind_need_no_word(tmp_path):
    assert account(make_group(tmp_path, *TWO_SEEDS_EACH)) == []


def test_runs_beside_the_arms_are_counted_by_kind_and_named():
    own = [make_outcome(make_config(arm), f"runs/{arm}") for arm in ("vit", "resnet")]
    crossed = make_outcome(make_config("vit") | {"recipe": "resnet"}, "runs/crossed")
    longer = make_outcome(make_config("vit") | {"num_epochs": 300}, "runs/longer")
    other = make_seeds([0.5, 0.6], arm="wide", train_fraction=0.1)
    (only,) = group([*own, crossed, longer, *other])
    assert account(only)[0] == (
        "Beside these arms stand 2 runs on a part of the training images (wide), 1 run at another "
        "length (vit (300 epochs)) and 1 run of one model with another's recipe (vit with "
        "resnet's recipe)."
    )


def test_arms_that_differ_in_recipe_too_are_said_to_do_so(tmp_path):
    whole = make_group(tmp_path, *TWO_SEEDS_EACH)
    (remark,) = about_recipes(whole)
    assert remark.startswith("resnet and vit also differ in optimizer, ")
    config = whole.arms[0].config
    alike = alter(whole, lambda each: with_files(each, config=each.run.config | recipe_of(config)))
    assert about_recipes(alike) == []


def recipe_of(config):
    parts = ("optimizer", "schedule", "augment", "label_smoothing", "average_decay", "model")
    return {part: config[part] for part in parts}
