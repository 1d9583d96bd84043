"""More than two arms: short names, every pair, and nothing chosen on the test images."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import sections
from sample_outcomes import make_arm
from sample_runs import Sample, make_group
from sections import console_text

from jaxcmp.compare.arms import Arm, Group, ranked, runs_of
from jaxcmp.compare.gaps import every_gap
from jaxcmp.compare.pages.page import render_html
from jaxcmp.compare.report import build
from jaxcmp.compare.sections.results import facts, results_section
from jaxcmp.compare.statistics.means import compare_runs
from jaxcmp.compare.statistics.paired import holm
from jaxcmp.compare.tables import render
from jaxcmp.compare.verdict import chosen, title_of, verdict

RATES = {"vit": (3e-4, 1e-3, 3e-3), "resnet": (0.03, 0.1, 0.3)}


def sweep(root: Path, *, num_validation: int = 0, seeds: int = 3) -> Group:
    """Three learning rates of each model; the middle one is the best of either."""
    return make_group(
        root,
        *(
            Sample(
                arm,
                seed,
                accuracy={"vit": 0.6, "resnet": 0.8}[arm] + (0.0, 0.12, 0.03)[i],
                num_validation=num_validation,
                config={"schedule.peak_learning_rate": rate},
            )
            for arm, rates in RATES.items()
            for i, rate in enumerate(rates)
            for seed in range(seeds)
        ),
    )


@pytest.fixture(scope="module")
def six(tmp_path_factory) -> Group:
    return sweep(tmp_path_factory.mktemp("six"))


@pytest.fixture(scope="module")
def held_out(tmp_path_factory) -> Group:
    return sweep(tmp_path_factory.mktemp("held-out"), num_validation=400)


def with_held_out(name: str, accuracies: list[float], held_out: float | None) -> Arm:
    arm = make_arm(name, accuracies)
    # A cached property: as if the run folder had said so.
    arm.__dict__["held_out_accuracy"] = held_out
    return arm


def test_names_say_what_differs_and_no_more(six):
    assert [arm.name for arm in six.arms] == [
        *(f"resnet (peak_learning_rate={rate})" for rate in (0.03, 0.1, 0.3)),
        *(f"vit (peak_learning_rate={rate})" for rate in (0.0003, 0.001, 0.003)),
    ]
    assert title_of(six.arms) == "resnet or vit? 6 arms by peak_learning_rate"


def test_a_title_is_a_line_whatever_the_arms_differ_in(tmp_path):
    sizes = [(96, 3, 2), (192, 3, 4), (192, 6, 6), (384, 6, 8)]
    samples = [
        Sample("vit", config={"model.width": w, "model.num_heads": h, "model.depth": d})
        for w, h, d in sizes
    ]
    title = title_of(make_group(tmp_path, *samples).arms)
    assert title.startswith("Which vit? 4 arms by ") and title.endswith(" and 1 more")
    three = [make_arm(name, [0.9, 0.91]) for name in ("a", "b", "c")]
    assert title_of(three) == "a or b or c?"
    many = [make_arm(f"a model of a long name, {i}", [0.9, 0.91]) for i in range(12)]
    assert title_of(many) == "Which of 12 models?"


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        # There is data.image_size as well.
        ("model.image_size", (32, 36), "model.image_size"),
        # Words have no quotes.
        ("compute_dtype", ("bfloat16", "float32"), "compute_dtype"),
    ],
)
def test_a_name_has_the_last_part_of_a_key_unless_another_key_ends_in_it(
    tmp_path, key, values, name
):
    group = make_group(tmp_path, *(Sample("vit", config={key: value}) for value in values))
    assert [arm.name for arm in group.arms] == [f"vit ({name}={value})" for value in values]


def test_every_pair_is_in_the_table_with_difference_interval_and_p_after_holm(six):
    table = sections.table(results_section(six), "Every pair")
    shown = {frozenset((row[0].text, row[1].text)) for row in table.rows}
    names = [arm.name for arm in six.arms]
    assert shown == {frozenset(pair) for pair in itertools.combinations(names, 2)}
    by_name = {arm.name: arm for arm in six.arms}
    gaps = {(gap.first.name, gap.second.name): gap for gap in every_gap(six.arms)}
    for ahead, behind, by, p_holm, p_value, _ in table.rows:
        one, two = (by_name[each.text] for each in (ahead, behind))
        # What test_means.py and test_paired.py check against Welch's and Holm's definitions.
        expected = compare_runs(one.percents, two.percents, most=100)
        assert (by.value, by.interval) == (expected.mean, expected.interval) and expected.mean >= 0
        assert p_value.value == expected.p_value and by.runs == one.runs + two.runs
        assert p_holm.value == gaps[one.name, two.name].corrected.p_value
    corrected = holm([gap.over_seeds for gap in gaps.values()])
    assert corrected == [gap.corrected for gap in gaps.values()] and len(corrected) == 15


def test_without_held_out_images_no_arm_is_the_best(six):
    assert ranked(six.arms) == list(six.arms) and chosen(six.arms) == []
    lines = verdict(six.arms)
    assert lines[0].startswith("Of the 9 pairs of a resnet arm and a vit arm, ")
    assert " of 15 pairs of arms differ by more than seeds alone explain" in lines[1]
    assert "--config.data.validation_fraction=0.1" in lines[-1]
    assert not any("is ahead of" in line for line in lines)


def test_held_out_images_choose_the_arm_of_each_model(held_out):
    best = chosen(held_out.arms)
    assert [arm.name for arm in best] == [
        "resnet (peak_learning_rate=0.1)",
        "vit (peak_learning_rate=0.001)",
    ]
    first, second, *_ = verdict(held_out.arms)
    assert first.startswith(f"{best[0].name} is ahead of {best[1].name} by ")
    assert f"{best[0].name} of 3 resnet arms and {best[1].name} of 3 vit arms" in second


def test_findings_are_about_the_best_of_each_model_where_held_out_images_choose_it(held_out):
    first, other = held_out.of_main_pair(held_out.pairs)
    assert {first.name, other.name} == {arm.name for arm in chosen(held_out.arms)}


def test_findings_of_settings_that_nothing_chooses_between_are_about_no_pair(six):
    assert six.of_main_pair(six.pairs) is None
    assert not build([six], []).comparisons[0].findings


def test_findings_of_arms_with_names_of_their_own_are_about_the_first_of_each_model(tmp_path):
    arms = ("vit", "resnet", "vit-conv")
    samples = [Sample("vit", seed, config={"arm": arm}) for arm in arms for seed in (0, 1, 2)]
    samples[3:6] = [Sample("resnet", seed) for seed in (0, 1, 2)]
    group = make_group(tmp_path, *samples)
    pair = group.of_main_pair(group.pairs)
    assert pair is not None
    first, other = pair
    assert {first.name, other.name} == {"resnet", "vit"}
    (comparison,) = build([group], []).comparisons
    assert comparison.tradeoff is not None
    assert comparison.tradeoff.title == "Accuracy and cost: resnet and vit"
    assert [fact.arm for fact in comparison.facts] == [0, 1, 2, None]
    assert comparison.facts[-1].label == "multiply-adds per image, resnet to vit"


def test_several_arms_of_one_model_have_no_pair_that_findings_are_about(six):
    alike = [arm for arm in six.arms if arm.architecture == "vit"]
    group = dataclasses.replace(six, arms=tuple(alike))
    assert len(alike) > 2 and group.of_main_pair(group.pairs) is None


def test_arms_that_are_level_on_held_out_images_are_said_to_be():
    held_out = {"a": 0.7, "b": 0.1 + 0.2 + 0.4, "c": 0.6}
    arms = [with_held_out(name, [0.8, 0.81, 0.82], each) for name, each in held_out.items()]
    for outcome in runs_of(arms):
        outcome.run.config["model"] = {"name": "vit"}
    assert " of 3 vit arms, level with 1 of them." in " ".join(verdict(arms))


def test_what_the_test_images_say_changes_no_ranking():
    """Else the luckiest arm on them is taken for the best."""
    arms = [
        with_held_out("a", [0.99, 0.98], 0.5),
        with_held_out("b", [0.60, 0.61], 0.7),
        with_held_out("c", [0.80, 0.81], 0.6),
    ]
    assert [arm.name for arm in ranked(arms)] == ["b", "c", "a"]
    without = [*arms[:2], with_held_out("c", [0.80, 0.81], None)]
    assert [arm.name for arm in ranked(without)] == ["a", "b", "c"]
    # In a pair, the more accurate one still stands first.
    group = Group("cifar10", tuple(arms))
    assert [(one.name, two.name) for one, two in group.pairs] == [("c", "b"), ("a", "b")]


def test_a_lead_within_the_spread_of_seeds_counts_for_nobody():
    arms = [make_arm("a", [0.90, 0.93, 0.96]), make_arm("b", [0.85, 0.9, 0.95])]
    arms.append(make_arm("c", [0.8, 0.9, 0.97]))
    assert not any(gap.lead.is_real for gap in every_gap(arms))
    assert "None of 3 pairs of arms differ by" in " ".join(verdict_of(arms))


def verdict_of(arms: list[Arm]) -> list[str]:
    return verdict([with_held_out(arm.name, arm.accuracies, None) for arm in arms])


def test_pairs_without_a_p_value_are_counted_and_not_corrected_for():
    arms = [make_arm("a", [0.9, 0.91, 0.92]), make_arm("b", [0.8, 0.82, 0.84])]
    arms.append(make_arm("c", [0.7, 0.701]))
    gaps = every_gap(arms)
    assert [gap.corrected.p_value is None for gap in gaps] == [False, True, True]
    assert gaps[0].corrected.p_value == gaps[0].over_seeds.p_value
    text = " ".join(verdict_of(arms))
    assert "1 of 3 pairs of arms differs by more than seeds alone explain" in text
    assert "correction for 1 test). Of 2 it is unknown" in text


def test_of_pairs_with_fewer_than_three_seeds_nothing_is_said_to_differ_or_not_to():
    arms = [make_arm(name, [0.9 - i / 10, 0.901 - i / 10]) for i, name in enumerate("abc")]
    text = " ".join(verdict_of(arms))
    assert "Whether any of the 3 pairs of arms differs by more than seeds alone explain is" in text
    assert "none differ" not in text and "Holm" not in text


def test_the_first_screen_of_six_arms_says_each_thing_once(six):
    report = build([six], [])
    (comparison,) = report.comparisons
    assert len(comparison.title) < 60
    assert [fact.arm for fact in facts(six)] == [arm.index for arm in six.arms]
    assert sum("half of the 95 % t-interval over seeds" in s for s in comparison.notes) == 1
    assert comparison.tradeoff is None
    page = render_html(report)
    assert page.index("Every pair of the 6 arms") < page.index("Multiply-adds per image, forward")


def test_the_terminal_has_every_pair_too(six):
    text = console_text(render(six), 200)
    lines = [line for line in text.splitlines() if " over " in line and " to " in line]
    assert len(lines) == 15


def test_an_arm_some_of_whose_runs_held_nothing_out_has_no_held_out_accuracy(six, held_out):
    arm = held_out.arms[0]
    assert arm.held_out_accuracy is not None and 0.7 < arm.held_out_accuracy < 0.9
    mixed = dataclasses.replace(arm, outcomes=(*arm.outcomes, six.arms[0].outcomes[0]))
    assert mixed.held_out_accuracy is None
