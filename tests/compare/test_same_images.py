"""The same images: counts, kappa, ensembles and pictures of the right runs and images."""

import base64
import dataclasses
import io
import itertools

import numpy as np
import pytest
import sections
from PIL import Image
from sample_runs import (
    TWO_SEEDS_EACH,
    Sample,
    alter,
    logits_of,
    make_group,
    make_predictions,
    with_logits,
)
from scipy.special import softmax

from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import Gallery, Picture, Text
from jaxcmp.compare.gaps import gap
from jaxcmp.compare.sections.answer import Answer
from jaxcmp.compare.sections.same_images import NUM_PICTURES, same_images_section, seed_pairs
from jaxcmp.compare.statistics.agreement import (
    ensemble_accuracy,
    error_consistency,
    mcnemar,
    right_counts,
)
from jaxcmp.runs.predictions import Pictures

AGREEMENT = "Agreement, and what an ensemble would gain"


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_group(tmp_path_factory.mktemp("same"), *TWO_SEEDS_EACH)


@pytest.fixture(scope="module")
def section(group) -> Answer:
    return same_images_section(group)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Group:
    samples = [Sample(arm, num_test=4, class_names=("cat", "dog")) for arm in ("vit", "resnet")]
    return make_group(tmp_path_factory.mktemp("pair"), *samples)


def kappa(one: Outcome, two: Outcome) -> float:
    found = error_consistency(right_counts(one.is_right, two.is_right))
    assert found is not None
    return found


def arm_with_seeds(group: Group, place: int, *seeds: int) -> Arm:
    outcome = group.arms[place].outcomes[0]
    runs = (dataclasses.replace(outcome, seed=s, number=100 * place + s) for s in seeds)
    return dataclasses.replace(group.arms[place], outcomes=tuple(runs))


def seeds_of(pairs: list[tuple[Outcome, Outcome]]) -> list[tuple[int, int]]:
    return [(one.seed, two.seed) for one, two in pairs]


def test_each_pair_of_seeds_is_counted_image_by_image(group, section):
    leader, other = group.pairs[0]
    table = sections.table(section, "run by run")
    assert sections.names(table) == ["seed 0", "seed 1"]
    for one, two in zip(leader.outcomes, other.outcomes, strict=True):
        row = sections.row(table, f"seed {one.seed}")
        counts = right_counts(one.is_right, two.is_right)
        (both, first), (second, neither) = counts.tolist()
        assert row[f"only {leader.name}, images"].value == first
        assert row[f"only {other.name}, images"].value == second
        assert row["both right"].value == pytest.approx(100 * both / 200)
        assert row["neither"].value == pytest.approx(100 * neither / 200)
        assert row["p, McNemar"].value == mcnemar(counts)
        assert row["p, McNemar"].runs == [one.number, two.number]


def test_equal_seeds_are_paired_first_and_the_rest_in_order(group):
    first, second = arm_with_seeds(group, 0, 0, 1, 2), arm_with_seeds(group, 1, 7, 2, 9)
    assert seeds_of(seed_pairs(first, second)) == [(2, 2), (0, 7), (1, 9)]
    # From several weights, runs of one arm share a seed: each has a partner of its own.
    first, second = arm_with_seeds(group, 0, 0, 0, 0), arm_with_seeds(group, 1, 0, 0, 0)
    numbers = [(one.number, two.number) for one, two in seed_pairs(first, second)]
    assert [*zip(*numbers, strict=True)] == [tuple(first.runs), tuple(second.runs)]


def test_an_arm_with_fewer_seeds_leaves_the_others_unpaired(group):
    first, second = arm_with_seeds(group, 0, 0, 1, 2), arm_with_seeds(group, 1, 1)
    assert seeds_of(seed_pairs(first, second)) == [(1, 1)]
    assert seeds_of(seed_pairs(second, first)) == [(1, 1)]
    different = arm_with_seeds(group, 1, 5)
    section = same_images_section(dataclasses.replace(group, arms=(first, different)))
    assert sections.names(sections.table(section, "run by run")) == ["seeds 0 and 5"]


def test_the_answer_is_paired_over_images_with_all_seeds(group, section):
    leader, other = group.pairs[0]
    found = gap(leader, other).over_images
    low, high = found.interval or (0, 0)
    assert sections.finding(section) in sections.texts(section)
    text = sections.finding(section)
    assert f"than vit by {found.mean:.2f} points" in text
    assert f"interval {low:.2f} to {high:.2f}, p " in text
    assert text.startswith("The choice of test images does not explain the gap: over the same ")


def test_agreement_is_a_mean_over_all_pairs_of_runs(group, section):
    leader, other = group.pairs[0]
    table, text = sections.table(section, AGREEMENT), sections.texts(section)
    for name, pairs in (
        (
            f"{leader.name} and {other.name}",
            list(itertools.product(leader.outcomes, other.outcomes)),
        ),
        (f"{leader.name} and itself, another seed", [leader.outcomes]),
        (f"{other.name} and itself, another seed", [other.outcomes]),
    ):
        row = sections.row(table, name)
        same = [
            np.mean(a.predictions.logits.argmax(1) == b.predictions.logits.argmax(1))
            for a, b in pairs
        ]
        assert row["same answer"].value == pytest.approx(100 * np.mean(same))
        kappas = [kappa(a, b) for a, b in pairs]
        assert f"{np.mean(kappas):.2f} between " in text
        assert row["error consistency, kappa"].value == pytest.approx(np.mean(kappas))
        both = [[each.predictions.logits for each in pair] for pair in pairs]
        ensembles = [ensemble_accuracy(logits, group.labels) for logits in both]
        best = [max(a.test_accuracy, b.test_accuracy) for a, b in pairs]
        assert row["ensemble"].value == pytest.approx(100 * np.mean(ensembles))
        assert row["gain, points"].value == pytest.approx(
            100 * np.mean(np.subtract(ensembles, best)), abs=1e-9
        )


def test_runs_that_are_always_right_have_no_kappa(pair):
    labels = np.array([0, 1, 0, 1])
    logits = {name: [logits_of([0, 1, 0, 1], 2)] for name in ("vit", "resnet")}
    section = same_images_section(with_logits(pair, logits, labels, "cat", "dog"))
    (row,) = sections.table(section, AGREEMENT).rows
    assert (row[2].text, row[5].text) == ("–", "0.00")
    assert sections.row(sections.table(section, "run by run"), "seed 0")["p, McNemar"].value == 1


def test_the_gallery_has_the_surest_disagreements_and_the_very_pictures(tmp_path):
    """Run by run, predictions lie in another order: ids alone say which image is meant."""
    names, n = ("cat", "dog", "eel"), 60
    labels = np.arange(n) % 3
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, size=(n, 4, 4, 3), dtype=np.uint8)
    group = make_group(
        tmp_path, *(Sample(arm, num_test=n, class_names=names) for arm in ("vit", "resnet"))
    )
    ids, predictions, stored = 10 * np.arange(n) + 3, {}, {}
    for arm in group.arms:
        found = make_predictions(rng, 0.5, labels, names)
        found = dataclasses.replace(found, ids=ids)
        predictions[arm.name] = found
        kept = np.flatnonzero(rng.random(n) < 0.4)
        stored[arm.name] = Pictures(ids[kept][::-1], images[kept][::-1])

    def change(outcome: Outcome) -> Outcome:
        parts = {"predictions": predictions[outcome.name], "pictures": stored[outcome.name]}
        return dataclasses.replace(outcome, **parts)

    group = alter(group, change)
    gallery = sections.gallery(same_images_section(group))

    probabilities = [
        softmax(predictions[arm.name].logits.astype(float), axis=1) for arm in group.pairs[0]
    ]
    answers = [each.argmax(axis=1) for each in probabilities]
    apart = [i for i in range(n) if answers[0][i] != answers[1][i]]
    apart.sort(key=lambda i: -min(each[i].max() for each in probabilities))
    assert len(gallery.pictures) == NUM_PICTURES < len(apart)
    kept = {int(number) for each in stored.values() for number in each.ids}
    assert {int(ids[i]) in kept for i in apart[:NUM_PICTURES]} == {True, False}
    for i, picture in zip(apart, gallery.pictures, strict=False):
        lines = [
            f"{arm.name}: {names[answers[a][i]]}, {100 * probabilities[a][i].max():.2f} %"
            for a, arm in enumerate(group.pairs[0])
        ]
        assert picture.lines == [f"is {names[labels[i]]}", *lines]
        assert picture.alternative.startswith(f"Test image {ids[i]}, ")
        assert (picture.png is not None) == (int(ids[i]) in kept)
        if picture.png is not None:
            assert np.array_equal(pixels(picture), images[i])


def pixels(picture: Picture) -> np.ndarray:
    assert picture.png is not None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.png))))


@pytest.mark.parametrize("shift", [0, 1], ids=["all right", "all wrong"])
def test_arms_that_never_disagree_have_a_sentence_in_place_of_a_gallery(pair, shift):
    def agreeing(outcome: Outcome) -> Outcome:
        found = outcome.predictions
        logits = 9 * np.eye(2, dtype=np.float32)[(found.labels + shift) % 2]
        return dataclasses.replace(outcome, predictions=dataclasses.replace(found, logits=logits))

    arms = tuple(
        dataclasses.replace(arm, outcomes=tuple(map(agreeing, arm.outcomes))) for arm in pair.arms
    )
    section = same_images_section(dataclasses.replace(pair, arms=arms))
    assert not any(isinstance(block, Gallery) for block in sections.parts(section))
    last = sections.parts(section)[-1]
    assert isinstance(last, Text) and "the same answer as vit to every test image" in last.text


def test_grey_pictures_are_shown_grey(pair):
    images = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2, 1)
    pictures = Pictures(np.arange(4), images)
    grey = alter(pair, lambda each: dataclasses.replace(each, pictures=pictures))
    labels, answers = np.array([0, 1, 0, 1]), {"vit": [0, 0, 0, 0], "resnet": [0, 1, 0, 1]}
    logits = {name: [logits_of(given, 2)] for name, given in answers.items()}
    gallery = sections.gallery(same_images_section(with_logits(grey, logits, labels, "cat", "dog")))
    assert [pixels(each).tolist() for each in gallery.pictures] == [
        images[i, :, :, 0].tolist() for i in (1, 3)
    ]


def test_runs_that_kept_no_pictures_have_a_gallery_of_words(tmp_path):
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"))
    without = alter(group, lambda each: dataclasses.replace(each, pictures=None))
    pictures = sections.gallery(same_images_section(without)).pictures
    assert pictures and all(each.png is None and len(each.lines) == 3 for each in pictures)


def test_one_arm_alone_says_that_it_takes_two(tmp_path):
    section = same_images_section(make_group(tmp_path, Sample("vit"), Sample("vit", 1)))
    assert "a run of the other one on the same data" in sections.texts(section)
    assert sections.commands(section) == [
        "python -m jaxcmp.main --config=configs/resnet.py:cpu --config.seed=0"
    ]


def test_three_arms_are_each_set_beside_the_leader(tmp_path):
    third = Sample("vit", accuracy=0.4, config={"num_epochs": 5})
    group = make_group(tmp_path, Sample("vit"), Sample("resnet"), third)
    section = same_images_section(group)
    for leader, other in group.pairs:
        assert sections.has_table(section, f"{leader.name} and {other.name}, run by run")
    # One seed each: no arm has another of itself.
    assert "itself" not in str(sections.parts(section))


def test_an_arm_is_right_more_often_where_its_lead_is_real(pair):
    labels = np.arange(40) % 2
    wrong = {0: labels, 1: labels.copy(), 8: labels.copy()}
    wrong[1][:1] ^= 1
    wrong[8][:8] ^= 1

    def said(vit: int, resnet: int) -> str:
        logits = {
            name: [logits_of(wrong[num].tolist(), 2)]
            for name, num in (("vit", vit), ("resnet", resnet))
        }
        return sections.texts(same_images_section(with_logits(pair, logits, labels, "cat", "dog")))

    assert "vit is right more often than resnet by 20.00 points (95 %" in said(0, 8)
    assert "vit scored more than resnet by 2.50 points (95 %" in said(0, 1)
    assert "The choice of test images alone can explain the gap: " in said(0, 1)
    level = said(0, 0)
    assert "resnet and vit are apart by 0.00 points (95 % interval −6.88 to 6.88, p" in level
    assert "right more often" not in said(0, 1) + level
