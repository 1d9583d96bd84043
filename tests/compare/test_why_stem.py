"""How much of the gap a convolutional stem closes: the sentence, and Fieller's interval."""

import numpy as np
import pytest
import sections
from sample_runs import Sample, arm_named, make_group
from scipy import stats

from configs.resnet import get_config as resnet_config
from configs.vit import get_config as vit_config
from jaxcmp.compare.sections.why import crossed_stem_sentences, stem_sentences, why_section
from jaxcmp.compare.statistics.means import share_of_gap

VIT, CONV, RESNET = [60.0, 61.0, 62.0], [66.0, 67.5, 68.0], [80.0, 81.0, 80.5]


def test_the_share_is_how_far_the_middle_is_from_the_lower_end():
    estimate = share_of_gap(VIT, CONV, RESNET)
    expected = (np.mean(CONV) - np.mean(VIT)) / (np.mean(RESNET) - np.mean(VIT))
    assert estimate.mean == pytest.approx(expected)


def test_the_ends_of_the_interval_are_just_not_rejected():
    estimate = share_of_gap(VIT, CONV, RESNET)
    assert estimate.interval is not None
    for end in estimate.interval:
        # Welch's test of the contrast of three means, written out.
        weights = [-(1 - end), 1, -end]
        groups = [np.array(each) for each in (VIT, CONV, RESNET)]
        parts = [w**2 * g.var(ddof=1) / 3 for w, g in zip(weights, groups, strict=True)]
        contrast = sum(w * g.mean() for w, g in zip(weights, groups, strict=True))
        freedom = sum(parts) ** 2 / sum(part**2 / 2 for part in parts)
        p_value = 2 * stats.t.sf(abs(contrast) / sum(parts) ** 0.5, freedom)
        assert p_value == pytest.approx(0.05, rel=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng, num_covered = np.random.default_rng(0), 0
    for _ in range(400):
        drawn = [rng.normal(mean, 1, 3).tolist() for mean in (60, 70, 80)]
        interval = share_of_gap(*drawn).interval
        assert interval is not None
        num_covered += interval[0] <= 0.5 <= interval[1]
    assert 370 <= num_covered <= 396


def test_there_is_no_interval_where_the_gap_may_be_zero_or_seeds_are_few():
    assert share_of_gap([60, 70, 80], [65, 66, 67], [61, 72, 83]).interval is None
    assert share_of_gap(VIT[:2], CONV, RESNET).interval is None
    assert share_of_gap([1, 1, 1], [2, 2, 2], [3, 3, 3]).interval is None
    assert share_of_gap([1, 1, 1], [1, 1, 1], [3, 4, 5]).interval is None
    with pytest.raises(ZeroDivisionError):
        share_of_gap(VIT, CONV, VIT)


def make_stems(root, accuracies, **changes):
    """Arms of three seeds: a ResNet, a ViT, and that ViT with a convolutional stem."""
    conv = {"arm": "vit-conv", "recipe": "vit", "model.stem": "conv", "model.depth": 5} | changes
    samples = [
        Sample(arm, seed, accuracy=accuracy, config=config)
        for (arm, config), accuracy in zip(
            (("resnet", {}), ("vit", {}), ("vit", conv)), accuracies, strict=True
        )
        for seed in range(3)
    ]
    return make_group(root, *samples)


def test_the_report_says_how_much_of_the_gap_the_stem_closes(tmp_path):
    group = make_stems(tmp_path, (0.95, 0.5, 0.7))
    (text,) = stem_sentences(group)
    vit, conv, resnet = (arm_named(group, name).percents for name in ("vit", "vit-conv", "resnet"))
    share = share_of_gap(vit, conv, resnet)
    result = stats.ttest_ind(conv, vit, equal_var=False)
    gain = result.confidence_interval()
    assert share.interval is not None
    words = (
        f"it scores {np.mean(conv) - np.mean(vit):.2f} points more (95 % interval "
        f"{gain[0]:.2f} to {gain[1]:.2f}, p = {tuple(result)[1]:.2g}): "
        f"{100 * share.mean:.0f} % of the gap of vit to resnet, which is one of model and recipe "
        f"(95 % interval {100 * share.interval[0]:.0f} to {100 * share.interval[1]:.0f} %)."
    )
    assert text.endswith(words)


def test_the_gap_is_that_with_the_same_recipe_where_a_resnet_has_it(tmp_path):
    conv = {"arm": "vit-conv", "recipe": "vit", "model.stem": "conv", "model.depth": 5}
    recipe = {name: vit_config("cpu")[name] for name in ("optimizer", "schedule", "augment")}
    arms = (
        ("resnet", {}, 0.95),
        ("vit", {}, 0.4),
        ("vit", conv, 0.6),
        ("resnet", {"recipe": "vit", **recipe}, 0.8),
    )
    samples = [
        Sample(arm, seed, accuracy=share, config=config)
        for arm, config, share in arms
        for seed in range(3)
    ]
    group = make_group(tmp_path, *samples)
    (text,) = stem_sentences(group)
    (crossed,) = group.crossed
    vit, conv_arm = (arm_named(group, name).percents for name in ("vit", "vit-conv"))
    share = share_of_gap(vit, conv_arm, crossed.percents)
    assert f"{100 * share.mean:.0f} % of the gap of vit to {crossed.name} (95 %" in text
    assert "model and recipe" not in text


RESNETS_RECIPE = {
    "recipe": "resnet",
    **{name: resnet_config("cpu")[name] for name in ("optimizer", "schedule", "augment")},
}
STEM = {"arm": "vit-conv", "model.stem": "conv", "model.depth": 5}


def make_crossed(root, resnet=0.95, seeds=3, more=(), **changes):
    """Arms of a ResNet and of both ViTs with each recipe; `changes` are of the crossed ViTs.

    `more` are further arms, as here: name, configuration and accuracy.
    """
    recipe = RESNETS_RECIPE | changes
    arms = (
        ("resnet", {}, resnet),
        ("vit", {}, 0.4),
        ("vit", STEM | {"recipe": "vit"}, 0.6),
        ("vit", recipe, 0.5),
        ("vit", STEM | recipe, 0.8),
        *more,
    )
    return make_group(
        root,
        *(Sample(arm, s, accuracy=a, config=c) for arm, c, a in arms for s in range(seeds)),
    )


def test_the_stem_is_judged_with_the_resnets_recipe_too(tmp_path):
    group = make_crossed(tmp_path)
    (text,) = crossed_stem_sentences(group)
    named = {arm.name: arm.percents for arm in (*group.arms, *group.crossed)}
    alike = (f"{name} with resnet's recipe" for name in ("vit", "vit-conv"))
    patch, stem, resnet = (named[name] for name in (*alike, "resnet"))
    gain = f"{np.mean(stem) - np.mean(patch):.2f} points more than vit with that recipe (95 %"
    share = f"{100 * share_of_gap(patch, stem, resnet).mean:.0f} % of the gap of that vit to resnet"
    assert text.startswith(f"vit-conv with resnet's recipe scores {gain}")
    assert f"): {share} (95 %" in text
    answer = why_section(group)
    assert text in sections.texts(answer) and len(stem_sentences(group)) == 1
    assert [finding.text for finding in answer.findings] == stem_sentences(group)


def test_the_crossed_sentence_says_where_seeds_are_too_few_or_no_gap_is_clear(tmp_path):
    (few,) = crossed_stem_sentences(make_crossed(tmp_path / "few", seeds=1))
    assert few.endswith(
        ". So few seeds do not show a gap of that vit to resnet that it could close."
    )
    (level,) = crossed_stem_sentences(make_crossed(tmp_path / "level", resnet=0.5))
    assert level.endswith("; there is no clear gap of that vit to resnet that it could close.")


def test_the_crossed_vits_are_judged_beside_a_resnet_of_their_length_alone(tmp_path):
    short = {"num_epochs": 3}
    assert not crossed_stem_sentences(make_crossed(tmp_path / "without", **short))
    group = make_crossed(tmp_path / "with", more=[("resnet", short, 0.9)], **short)
    (resnet,) = group.other_lengths
    (text,) = crossed_stem_sentences(group)
    assert f" to {resnet.name} (95 %" in text


def test_vits_with_the_resnets_recipe_alone_are_said_to_be_what_they_are(tmp_path):
    arms = (("resnet", {}, 0.95), ("vit", RESNETS_RECIPE, 0.4), ("vit", STEM | RESNETS_RECIPE, 0.8))
    samples = (Sample(arm, s, accuracy=a, config=c) for arm, c, a in arms for s in range(3))
    group = make_group(tmp_path, *samples)
    (text,) = stem_sentences(group)
    assert not group.crossed and not crossed_stem_sentences(group)
    assert "with four convolutions in the place of its patches" in text


def test_where_no_gap_is_settled_there_is_no_share(tmp_path):
    (text,) = stem_sentences(make_stems(tmp_path, (0.7, 0.7, 0.7)))
    assert "no clear gap of vit to resnet" in text and "% of the gap" not in text


def test_other_differences_than_the_stem_are_no_such_pair(tmp_path):
    assert not stem_sentences(
        make_stems(tmp_path / "width", (0.9, 0.5, 0.7), **{"model.width": 48})
    )
    assert not stem_sentences(make_stems(tmp_path / "depth", (0.9, 0.5, 0.7), **{"model.depth": 6}))
    smoothing = {"label_smoothing": 0.1}
    assert not stem_sentences(make_stems(tmp_path / "recipe", (0.9, 0.5, 0.7), **smoothing))


def test_it_needs_no_inspection(tmp_path):
    answer = why_section(make_stems(tmp_path, (0.95, 0.5, 0.7)))
    assert "of the gap of vit to resnet" in sections.texts(answer)
