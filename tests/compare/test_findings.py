"""Evidence of runs on the blog post's claims, read from their folders."""

import numpy as np
import pytest
import sample_runs
from sample_runs import Sample

from jaxcmp.compare.sections.blog_post import is_near, load_claims, measured

SETTING = {"num_epochs": 100, "batch_size": 128}


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    return sample_runs.make_group(tmp_path_factory.mktemp("runs"), *sample_runs.TWO_SEEDS_EACH)


def test_evidence_has_one_number_for_each_seed_and_class(group):
    evidence = measured(group, load_claims()).arms["vit"]
    arm = group.arms[1]
    assert evidence.last_accuracies == arm.accuracies
    assert evidence.best_accuracies == [
        max(epoch["test_accuracy"] for epoch in outcome.epochs) for outcome in arm.outcomes
    ]
    cats = group.labels == group.class_names.index("cat")
    assert evidence.class_accuracies["cat"] == [
        float(np.mean(logits.argmax(axis=1)[cats] == group.labels[cats])) for logits in arm.logits
    ]
    assert evidence.seconds == {"cpu": [60.0, 60.0]}


def test_small_models_are_not_taken_for_the_blog_posts(group):
    arms = measured(group, load_claims()).arms
    assert arms["vit"].difference and arms["resnet"].difference


def test_of_several_arms_of_a_model_the_blog_posts_own_setting_speaks(tmp_path):
    names = load_claims().classes
    model = {"model.width": 192, "model.depth": 12, "model.mlp_width": 768}
    own = SETTING | model | {"schedule.warmup_epochs": 10.0}
    group = sample_runs.make_group(
        tmp_path,
        Sample("vit", 0, class_names=names),
        Sample("vit", 1, class_names=names, num_epochs=100, config=own),
    )
    evidence = measured(group, load_claims()).arms["vit"]
    assert evidence.difference is None
    assert evidence.runs == [1]
    # The small model is another one, whatever it was trained on.
    near = [is_near(load_claims(), arm) for arm in group.arms]
    assert sorted(near) == [False, True]


def test_an_image_that_seeds_answer_alike_counts_once_and_seeds_that_differ_tell_more(group):
    labels = np.array([0, 1] * 60)
    half = np.where(np.arange(120) < 60, labels, 1 - labels)
    # The second arm's seeds err on different images, as often as by chance.
    other = np.where(np.arange(120) % 4 < 2, labels, 1 - labels)
    alike, apart = (
        [sample_runs.logits_of(answers.tolist(), 2) for answers in pair]
        for pair in ((half, half), (half, other))
    )
    logits = {"vit": alike, "resnet": apart}
    found = measured(sample_runs.with_logits(group, logits, labels, "cat", "dog"), load_claims())
    assert found.arms["vit"].num_independent == pytest.approx(120)
    assert found.arms["resnet"].num_independent == pytest.approx(240)
    assert found.arms["vit"].class_independent == pytest.approx({"cat": 60, "dog": 60})
    assert found.arms["vit"].seeds == [0, 1]
