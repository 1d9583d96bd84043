"""Size and speed: every count once, in its place, and whether seconds follow the counts."""

import dataclasses

import pytest
import sections
from sample_runs import SIZES, Sample, alter, make_group, with_files

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.document import Plot
from jaxcmp.compare.sections.work import tokens_for_half, work_section


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    samples = [Sample(arm, seed) for arm in ("vit", "resnet") for seed in (0, 1, 2)]
    return make_group(tmp_path_factory.mktemp("runs"), *samples)


def with_steps(group: Group, seconds: dict[str, list[float | None]], **work: int) -> Group:
    """Gives the steps of each seed these times, and an image so many multiply-adds."""

    def change(outcome: Outcome) -> Outcome:
        cost = dict(outcome.run.cost)
        cost["step_seconds"] = {"median": seconds[outcome.name][outcome.seed]}
        if outcome.name in work:
            cost["multiply_adds"] = {"components": {"head": work[outcome.name]}}
        return with_files(outcome, cost=cost)

    return alter(group, change)


def test_a_table_has_each_component_with_its_count_and_share(group):
    table = sections.table(work_section(group), "vit: parameters")
    counts = SIZES["vit"]["parameters"]
    assert {row[0].text: row[1].value for row in table.rows} == {
        **counts,
        "all": sum(counts.values()),
    }
    *rows, total = table.rows
    assert sum(row[2].value or 0 for row in rows) == pytest.approx(total[2].value)


def test_attention_has_its_share_and_the_tokens_for_a_half(group):
    text = sections.texts(work_section(group))
    assert text.count("attention's part that grows with the square") == 1
    # ViT-Tiny on images of 32 pixels: 65 tokens, of which 1,154 would make it a half.
    width, depth, hidden, tokens = 192, 12, 768, 65
    work = {
        "patch_embedding": (tokens - 1) * 48 * width,
        "blocks.qkv": depth * tokens * 3 * width**2,
        "blocks.attention_scores": depth * tokens**2 * width,
        "blocks.attention_values": depth * tokens**2 * width,
        "blocks.projection": depth * tokens * width**2,
        "blocks.mlp": depth * tokens * 2 * width * hidden,
        "head": width * 10,
    }
    half = tokens_for_half(work, tokens)
    assert half == 1154
    quadratic = 2 * depth * half**2 * width
    linear = depth * half * (4 * width**2 + 2 * width * hidden) + (half - 1) * 48 * width
    assert quadratic == pytest.approx(linear + width * 10, rel=1e-3)


def test_the_answer_names_the_largest_components(group):
    text = sections.texts(work_section(group))
    assert "444,581 parameters, 66.55 % of them in blocks.mlp" in text


def test_each_arm_has_a_panel_of_bars_of_each_kind(group):
    figure = sections.figure(work_section(group), "work")
    panels = [panel for panel in figure.panels if isinstance(panel, Plot)]
    assert [panel.series[0].arm for panel in panels] == [0, 1, 0, 1]
    assert panels[0].x.label == "thousand parameters"
    assert panels[2].y.categories[0] == "stem"


def test_seconds_are_per_image_and_averaged_over_runs(group):
    timed = with_steps(group, {"vit": [0.064, 0.128, None], "resnet": [0.1, 0.1, 0.1]})
    batch = timed.arms[1].config["batch_size"]
    row = sections.row(sections.table(work_section(timed), "beside seconds"), "vit")
    assert row["Training step per image, ms"].value == pytest.approx(96 / batch)
    assert row["n"].text == "2" and row["Training step per image, ms"].interval is None


@pytest.mark.parametrize(
    ("vit", "work", "meaning"),
    [
        ([0.2, 0.21, 0.22], 2000, "the one with more multiply-adds also takes longer"),
        ([0.05, 0.051, 0.052], 2000, "the one with fewer multiply-adds takes longer"),
        (
            [0.1, 0.12, 0.08],
            2000,
            "whether their seconds differ is not clear",
        ),
        (
            [0.2, 0.21, None],
            2000,
            "or equal ones, it is unknown whether their seconds differ",
        ),
        ([0.2, 0.21, 0.22], 1000, "the counts are equal"),
    ],
)
def test_a_sentence_says_whether_counts_and_seconds_rank_alike(group, vit, work, meaning):
    seconds = {"vit": vit, "resnet": [0.1, 0.101, 0.102]}
    answer = work_section(with_steps(group, seconds, vit=work, resnet=1000))
    assert sections.finding(answer).endswith(f"{meaning}.")
    assert f"resnet does {1000 / work:.2f} times the multiply-adds of vit" in sections.finding(
        answer
    )


def test_the_arm_that_others_are_compared_with_has_a_ratio_of_one_without_an_interval(group):
    seconds: dict[str, list[float | None]] = {
        "vit": [0.19, 0.2, 0.21],
        "resnet": [0.1, 0.101, 0.102],
    }
    table = sections.table(work_section(with_steps(group, seconds)), "beside seconds")
    cells = {arm: sections.row(table, arm)["seconds, relative to vit"] for arm in seconds}
    assert (cells["vit"].text, cells["vit"].interval) == ("1.00×", None)
    low, high = cells["resnet"].interval or (0, 0)
    assert low < (cells["resnet"].value or 0) < high < 1


@pytest.mark.parametrize(
    ("device_of", "has_mean"),
    [
        (lambda run: "T4" if run.name == "vit" else "H100", True),
        # In both arms alike, so that their means would be of both devices.
        (lambda run: "T4" if run.seed else "H100", False),
        (lambda run: "T4 and H100", False),
    ],
)
def test_times_on_several_devices_are_not_compared(group, device_of, has_mean):
    other = alter(group, lambda run: dataclasses.replace(run, device=device_of(run)))
    answer = work_section(other)
    assert not answer.findings
    row = sections.row(sections.table(answer, "beside seconds"), "resnet")
    assert row["seconds, relative to vit"].text == "–"
    assert (row["Training step per image, ms"].value is not None) == has_mean


def test_arms_of_one_size_share_their_tables(tmp_path):
    samples = [Sample("vit", config={"batch_size": size}) for size in (64, 128)]
    answer = work_section(make_group(tmp_path, *samples, Sample("resnet")))
    assert "The same holds for vit" in sections.texts(answer)
