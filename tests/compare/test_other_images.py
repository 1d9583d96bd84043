"""The section "On other images": its numbers, its claims, and what it leaves out."""

import dataclasses
import json

import numpy as np
import pytest
import sections
from sample_evaluations import evaluate_sample
from sample_runs import Sample, alter, make_group

from jaxcmp.compare.arms import Group, runs_of
from jaxcmp.compare.report import FINDINGS, build
from jaxcmp.compare.sections.other_images import other_images_section
from jaxcmp.compare.sections.results import results_section, tradeoff
from jaxcmp.compare.statistics.means import compare_runs, estimate_mean
from jaxcmp.compare.statistics.paired import holm, paired_difference
from jaxcmp.runs import RESULT
from jaxcmp.runs.evaluations import folder_of, read_evaluation

SEEDS = (0, 1, 2)
# Shares of right answers: the runs' own are 0.7 of the ViT and 0.8 of the ResNet.
FOG = {"vit": 0.65, "resnet": 0.3}
SNOW = {"vit": 0.5, "resnet": 0.6}
REPEATED = {"largest_difference": 0.0, "num_changed_answers": 0}


def make_evaluated(root, sets, seeds=SEEDS, arms=("vit", "resnet")) -> Group:
    group = make_group(root, *(Sample(arm, seed) for arm in arms for seed in seeds))
    for outcome in runs_of(group.arms):
        for name, shares in sets.items():
            evaluate_sample(outcome.run.folder, name, shares[outcome.name])
    return group


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    root = tmp_path_factory.mktemp("other")
    return make_evaluated(root, {"fog-test": FOG, "snow-test": SNOW})


@pytest.fixture(scope="module")
def answer(group):
    return other_images_section(group)


def right(group, arm, name="fog-test"):
    """Who is right [seeds, n], straight from the files."""
    found = []
    for outcome in runs_of(group.arms):
        if outcome.name == arm:
            predictions = read_evaluation(outcome.run.folder, name).predictions
            found.append(predictions.logits.argmax(axis=1) == predictions.labels)
    return np.array(found)


def own(group, arm):
    return np.array([o.test_accuracy for o in runs_of(group.arms) if o.name == arm])


def test_accuracy_and_drop_are_means_over_seeds_and_the_drop_is_paired(group, answer):
    table = sections.table(answer, "Accuracy on other images")
    assert sections.names(table) == ["own test images", "fog", "snow"]
    for arm in ("vit", "resnet"):
        accuracy, cells = right(group, arm).mean(axis=1), sections.row(table, "fog")
        assert cells[f"{arm}, accuracy"].value == pytest.approx(100 * accuracy.mean())
        assert cells[f"{arm}, accuracy"].num == 3
        drops = 100 * (own(group, arm) - accuracy)
        assert cells[f"{arm}, drop"].value == pytest.approx(drops.mean())
        expected = estimate_mean(drops.tolist()).interval
        assert cells[f"{arm}, drop"].interval == pytest.approx(expected)
    assert sections.row(table, "fog")["number"].value == 300
    assert sections.row(table, "fog")["seeds of resnet and vit"].text == "3 and 3"


def gaps_of(answer, name):
    return sections.row(sections.table(answer, "Gaps on other images"), name)


def test_gaps_are_welchs_over_seeds_corrected_for_the_sets_and_paired_over_images(group, answer):
    over_seeds, corrected = [], []
    for name in ("fog", "snow"):
        one, two = (right(group, arm, f"{name}-test") for arm in ("resnet", "vit"))
        cells = gaps_of(answer, name)
        assert (cells["first"].text, cells["second"].text) == ("resnet", "vit")
        over_seeds.append(compare_runs(*((100 * x.mean(axis=1)).tolist() for x in (one, two))))
        cell = cells["over seeds, points [95 % interval]"]
        assert cell.value == pytest.approx(over_seeds[-1].mean)
        assert cell.interval == pytest.approx(over_seeds[-1].interval)
        over_images = paired_difference(one.mean(axis=0) - two.mean(axis=0)).times(100)
        cell = cells["over images, points [95 % interval]"]
        assert cell.interval == pytest.approx(over_images.interval)
        corrected.append(cells["p over seeds, Holm"].value)
    assert corrected == pytest.approx([each.p_value for each in holm(over_seeds)])


def test_the_first_screen_says_that_the_leader_changes(group, answer):
    one, two = right(group, "resnet").mean(), right(group, "vit").mean()
    start = (
        "The leader changes on other images: on fog, vit is ahead of resnet by "
        f"{100 * (two - one):.2f} points of accuracy (95 % interval "
    )
    gap = 100 * (own(group, "resnet").mean() - own(group, "vit").mean())
    assert sections.finding(answer).startswith(start)
    assert sections.finding(answer).endswith(
        f"on their own test images, resnet is ahead by {gap:.2f}."
    )
    (comparison,) = build([group], []).comparisons
    assert sections.finding(answer) in [each.text for each in comparison.findings]
    assert FINDINGS[1] is other_images_section
    assert "Of 2 sets of other images, resnet is ahead on" in sections.texts(answer)


def test_a_leader_that_stays_is_no_finding(tmp_path):
    answer = other_images_section(make_evaluated(tmp_path, {"fog-test": SNOW}))
    assert not answer.findings
    text = "On fog, resnet is ahead by more than seeds explain."
    assert text in sections.texts(answer)


def test_training_images_and_other_checkpoints_are_shown_and_make_no_claim(tmp_path):
    group = make_group(tmp_path, *(Sample(arm, seed) for arm in FOG for seed in SEEDS))
    for outcome in runs_of(group.arms):
        folder, share = outcome.run.folder, FOG[outcome.name]
        evaluate_sample(folder, "cifar10-train", share, split="train")
        evaluate_sample(folder, "fog-best", share, which="best")
    answer = other_images_section(group)
    assert not answer.findings and "sets of other images" not in sections.texts(answer)
    assert gaps_of(answer, "fog, best checkpoint")["ahead"].text == "vit"
    assert gaps_of(answer, "cifar10, split train")["ahead"].text == "vit"
    shown = sections.some(tradeoff(group))
    assert not [n for n in sections.names(shown) if "Accuracy on" in n]


def test_two_seeds_make_no_claim_and_are_shown_each(tmp_path):
    group = make_evaluated(tmp_path, {"fog-test": FOG}, seeds=(0, 1))
    answer = other_images_section(group)
    assert not answer.findings
    assert "takes three seeds of both" in sections.texts(answer)
    assert gaps_of(answer, "fog")["ahead"].text == "–"
    table = sections.table(answer, "Accuracy on other images")
    values = [f"{100 * x:.2f}" for x in right(group, "vit").mean(axis=1)]
    assert sections.row(table, "fog")["vit, accuracy"].text == f"{' and '.join(values)} %"


def test_results_have_a_row_for_each_set(group):
    expected = 100 * right(group, "vit").mean()
    table = sections.table(results_section(group), "Results")
    shown = sections.some(tradeoff(group))
    for each in (table, shown):
        cell = sections.row(each, "Accuracy on fog")["vit"]
        assert cell.value == pytest.approx(expected) and cell.num == 3
    assert sections.row(shown, "Accuracy on fog")["vit"].text.endswith(" ✓")
    assert sections.row(shown, "Accuracy on fog")["resnet to vit"].value == pytest.approx(
        100 * right(group, "resnet").mean() - expected
    )


def test_many_sets_do_not_fill_the_first_screen(tmp_path):
    names = ("aa-test", "bbb-test", "cccc-test", "ddddd-test")
    group = make_evaluated(tmp_path, dict.fromkeys(names, SNOW), seeds=(0,))
    shown = sections.some(tradeoff(group))
    assert not [n for n in sections.names(shown) if "Accuracy on" in n]
    table = sections.table(results_section(group), "Results")
    assert len([n for n in sections.names(table) if n.startswith("Accuracy on ")]) == 4


def test_a_part_of_the_classes_is_compared_with_the_own_images_of_these_classes(tmp_path):
    group = make_group(tmp_path, *(Sample("vit", seed) for seed in SEEDS))
    found = [
        evaluate_sample(o.run.folder, "fog-test", 0.5, classes=(1, 3)) for o in runs_of(group.arms)
    ]
    answer, drops = other_images_section(group), []
    for outcome, predictions in zip(runs_of(group.arms), found, strict=True):
        mine = outcome.predictions
        is_in = np.isin(mine.labels, (1, 3))
        before = np.mean((mine.logits.argmax(axis=1) == mine.labels)[is_in])
        drops.append(100 * (before - predictions.accuracy))
    table = sections.table(answer, "Accuracy on other images")
    (name,) = (each for each in sections.names(table) if each.startswith("fog"))
    assert name == "fog, 2 classes" and "Over all outputs of the model" in table.note
    assert sections.row(table, name)["vit, drop"].value == pytest.approx(np.mean(drops))
    among = [np.mean((p.logits[:, 3] > p.logits[:, 1]) == (p.labels == 3)) for p in found]
    cell = sections.row(sections.table(answer, "among the classes"), name)["vit"]
    assert cell.value == pytest.approx(100 * np.mean(among))


def test_the_figure_has_the_own_images_first_and_each_set(group, answer):
    plot = sections.plot(sections.figure(answer, "other-images"), "Accuracy on other images")
    assert plot.y.categories == ["own test images", "fog", "snow"]
    line = sections.series(plot, "vit")
    expected = [own(group, "vit"), right(group, "vit"), right(group, "vit", "snow-test")]
    assert line.x == pytest.approx([100 * each.mean() for each in expected])
    assert list(line.y) == [0, 1, 2] and line.low is not None


def test_only_runs_on_the_same_images_are_compared_and_the_others_are_named(tmp_path):
    group = make_evaluated(tmp_path, {"fog-test": FOG})
    others = runs_of(group.arms)[2:5]
    first, second, third = (each.run.folder for each in others)
    evaluate_sample(first, "fog-test", 0.5, digest="other pixels")
    evaluate_sample(second, "fog-test", 0.5, classes=(0, 1))
    (folder_of(third, "fog-test") / RESULT).unlink()
    answer = other_images_section(group)
    (command,) = sections.commands(answer)
    folders = [outcome.folder for outcome in others]
    expected = ["python", "-m", "jaxcmp.evaluate", *folders, "--config.data.name=fog"]
    assert command.split() == expected
    text = f"Left out: {folder_of(third, 'fog-test')} is not finished"
    assert text in sections.texts(answer)
    assert gaps_of(answer, "fog")["first"].text == "resnet"


def test_evaluations_of_another_step_or_other_classes_are_left_out(tmp_path):
    group = make_evaluated(tmp_path, {"fog-test": FOG}, seeds=(0,))
    one, other = runs_of(group.arms)
    evaluate_sample(one.run.folder, "fog-test", 0.5, step=1)
    folder = folder_of(other.run.folder, "fog-test")
    arrays = dict(np.load(folder / "predictions.npz"))
    names = ("a", "b", "c", "d", "e")
    np.savez(folder / "predictions.npz", allow_pickle=False, **arrays | {"class_names": names})
    content = json.loads((folder / RESULT).read_text())
    content["data"]["class_names"] = names
    (folder / RESULT).write_text(json.dumps(content))
    answer = other_images_section(group)
    assert f"{one.folder}: the evaluation fog-test is of step 1, and" in sections.texts(answer)
    assert "fog-test is of a model with other classes" in sections.texts(answer)
    assert not sections.has_table(answer, "Accuracy on other images")


def test_a_repetition_is_no_other_set_of_images_but_is_told(tmp_path):
    group = make_evaluated(tmp_path, {"fog-test": FOG}, seeds=(0,))
    for outcome in runs_of(group.arms):
        evaluate_sample(outcome.run.folder, "cifar10-test", 0.5, repetition=REPEATED)
    answer = other_images_section(group)
    text = "Evaluated again on their own test images, 2 runs gave the same logits, bit for bit."
    assert text in sections.texts(answer)
    assert sections.names(sections.table(answer, "Accuracy on")) == ["own test images", "fog"]
    apart = {"largest_difference": 0.25, "num_changed_answers": 3}
    evaluate_sample(runs_of(group.arms)[0].run.folder, "cifar10-test", 0.5, repetition=apart)
    # Files are read once for a run.
    fresh = alter(group, dataclasses.replace)
    text = "1 of 2 runs gave the same logits, bit for bit; the others differ by at most 0.25, in 3"
    assert text in sections.texts(other_images_section(fresh))


def test_a_single_run_that_was_repeated_with_other_logits_is_told(tmp_path):
    group = make_evaluated(tmp_path, {"fog-test": FOG}, seeds=(0,))
    apart = {"largest_difference": 0.25, "num_changed_answers": 1}
    evaluate_sample(runs_of(group.arms)[0].run.folder, "cifar10-test", 0.5, repetition=apart)
    text = "the logits of 1 run differ by at most 0.25, in 1 answer."
    assert text in sections.texts(other_images_section(group))


def test_sets_of_one_title_are_told_apart_by_the_names_of_their_evaluations(tmp_path):
    sets = {"fog-test": FOG, "fog-mine": SNOW, "cifar10-test-16px": SNOW}
    answer = other_images_section(make_evaluated(tmp_path, sets, seeds=(0,)))
    assert sections.names(sections.table(answer, "Accuracy on other images")) == [
        "own test images",
        "cifar10 (cifar10-test-16px)",
        "fog (fog-mine)",
        "fog (fog-test)",
    ]


def make_family(group, names=("fog", "frost", "darkness")):
    """Evaluates on the same images changed in several ways: configurations of one data set."""
    for outcome in runs_of(group.arms):
        for kind in names:
            folder, share = outcome.run.folder, FOG[outcome.name]
            evaluate_sample(folder, f"made-{kind}-test", share, data_name=f"made/{kind}")


def test_the_same_images_changed_in_several_ways_are_one_set_their_mean(tmp_path):
    group = make_group(tmp_path, *(Sample(arm, seed) for arm in FOG for seed in SEEDS))
    make_family(group)
    answer = other_images_section(group)
    title = "made, mean of 3 sets"
    table = sections.table(answer, "Accuracy on other images")
    assert sections.names(table) == ["own test images", title]
    shares = {}
    for arm in FOG:
        found = [right(group, arm, f"made-{k}-test") for k in ("fog", "frost", "darkness")]
        shares[arm] = np.mean(found, axis=0)
        cell = sections.row(table, title)[f"{arm}, accuracy"]
        assert cell.value == pytest.approx(100 * shares[arm].mean()) and cell.num == 3
    # Each image counts once, however many sets it is in.
    gaps = (shares["resnet"] - shares["vit"]).mean(axis=0)
    expected, cells = paired_difference(gaps).times(100), gaps_of(answer, title)
    assert len(gaps) == 300
    cell = cells["over images, points [95 % interval]"]
    assert cell.interval == pytest.approx(expected.interval)
    assert cells["ahead"].text == "vit" and answer.findings
    each = sections.table(answer, "Accuracy on each set of images")
    assert sections.names(each)[1:] == ["made/darkness", "made/fog", "made/frost"]
    assert f"Accuracy on {title}" in sections.names(sections.some(tradeoff(group)))
    assert not list(sections.without_source(answer))


def test_a_mean_of_sets_is_over_the_runs_that_have_all_of_them(tmp_path):
    group = make_group(tmp_path, *(Sample("vit", seed) for seed in SEEDS))
    make_family(group)
    last = runs_of(group.arms)[-1]
    (folder_of(last.run.folder, "made-fog-test") / RESULT).unlink()
    answer = other_images_section(group)
    table = sections.table(answer, "Accuracy on other images")
    assert sections.row(table, "made, mean of 3 sets")["vit, accuracy"].num == 2
    assert sections.commands(answer) == [
        f"python -m jaxcmp.evaluate {last.folder} --config.data.name=made/fog"
    ]


def test_sets_of_other_images_are_never_averaged(tmp_path):
    group = make_group(tmp_path, Sample("vit"))
    make_family(group, ("fog", "frost"))
    (outcome,) = runs_of(group.arms)
    # As many images, with other labels.
    name, changes = "made-other-test", {"data_name": "made/other"}
    evaluate_sample(outcome.run.folder, name, 0.5, classes=(4, 3, 2, 1, 0), **changes)
    table = sections.table(other_images_section(group), "Accuracy on other images")
    assert sections.names(table)[1:] == ["made, mean of 2 sets", "made/other"]


def test_classes_matched_by_position_are_told(tmp_path):
    group = make_group(tmp_path, Sample("vit"))
    (outcome,) = runs_of(group.arms)
    evaluate_sample(outcome.run.folder, "fog-test", 0.5, matched_by="position")
    text = "The classes of fog were matched by position, not by name."
    assert text in sections.texts(other_images_section(group))
