"""Every section: a number names its runs, and missing data have a command."""

import pytest
import sections
from sample_evaluations import evaluate_sample
from sample_inspections import inspect_sample
from sample_runs import Sample, make_group
from sample_study import whole_study
from sample_transfer import pretrained

from jaxcmp.compare.arms import Group, runs_of
from jaxcmp.compare.report import SECTIONS
from jaxcmp.compare.sections.claims import blog_post_section
from jaxcmp.compare.sections.other_images import other_images_section
from jaxcmp.compare.sections.pretraining import pretraining_section
from jaxcmp.compare.sections.recipes import recipes_section
from jaxcmp.compare.sections.settings_tried import settings_tried_section
from jaxcmp.compare.sections.why import why_section

SHARES = {"unchanged": 0.9, "black": 0.8, "tiles": 0.4, "else": 0.6}


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    """Returns a study of the blog post's classes with all that a run folder may hold beside it."""
    samples = [*whole_study(2), *(pretrained(arm, s) for arm in ("vit", "resnet") for s in (0, 1))]
    found = make_group(tmp_path_factory.mktemp("all"), *samples)
    for outcome in runs_of(found.arms):
        inspect_sample(outcome.run.folder, SHARES)
        for name, classes in (("fog-test", ()), ("rain-test", (1, 3))):
            evaluate_sample(outcome.run.folder, name, 0.5, classes=classes)
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("plain"), Sample("vit"), Sample("resnet"))


# What these two show has tests of its own: settings that were tried, and the blog post's models.
OTHERS = {settings_tried_section, blog_post_section}


@pytest.mark.parametrize("section", [each for each in SECTIONS if each not in OTHERS])
def test_every_number_names_its_runs(group, section):
    answer = section(group)
    assert answer.section is not None and not list(sections.without_source(answer))


@pytest.mark.parametrize(
    ("section", "words", "command"),
    [
        (
            other_images_section,
            "On other images",
            "jaxcmp.evaluate {all} --config.data.name=cifar10_1",
        ),
        (why_section, "Why: what both answer", "jaxcmp.inspect {all}"),
        (recipes_section, "resnet with vit's recipe and vit with", "jaxcmp.study --config="),
        (
            pretraining_section,
            "a run from published weights",
            "jaxcmp.main --config=configs/transfer.py:resnet18 --config.init.path=resnet18.safe",
        ),
    ],
)
def test_what_no_run_has_is_left_out_with_the_command_that_makes_it(plain, section, words, command):
    answer = section(plain)
    folders = " ".join(outcome.folder for outcome in runs_of(plain.arms))
    assert answer.section is None and words in sections.texts(answer)
    (line,) = sections.commands(answer)
    assert line.startswith(f"python -m {command.format(all=folders)}")


def test_models_that_are_not_the_blog_posts_have_nothing_said_of_its_claims(plain):
    assert blog_post_section(plain).section is None
