"""Transfer: gains, and the gap between architectures, against sums of our own; what is missing."""

import dataclasses

import pytest
import sections
from sample_runs import Sample, arm_named, make_group
from sample_transfer import MEANS, from_file, keep, make_transfer, pretrained, with_means

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Column, Figure, Section, Text
from jaxcmp.compare.sections.pretraining import GAPS_TITLE as TITLE
from jaxcmp.compare.sections.pretraining import gaps_and_table, pretraining_section
from jaxcmp.compare.sections.pretraining_arms import pretrained_arms

NAME = "vit, pretrained on 5 classes of cifar10"


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_transfer(tmp_path_factory.mktemp("transfer"), num_seeds=3)


def gains(group: Group) -> list[list]:
    table = sections.table(pretraining_section(group), "Test accuracy from random")
    return table.rows


def test_each_gain_is_the_pretrained_arms_accuracy_minus_the_others(group):
    rows = [cells for cells in gains(group) if cells[0].text == "vit, pretrained"]
    assert [cells[1].value for cells in rows] == [50_000, 5_000]
    whole, part = rows
    assert [whole[i].value for i in (2, 4, 5)] == pytest.approx([20, 90, 70])
    assert part[2].value == pytest.approx(25)
    # Welch: t(0.975, 4) = 2.776 times the square root of 2 * 0.25 / 3.
    low, high = whole[2].interval
    assert (high - low) / 2 == pytest.approx(1.133, abs=1e-3)
    assert whole[4].text.endswith("%, n = 3") and whole[6].text == "vit"
    assert len(whole[4].runs) == 3 and len(whole[2].runs) == 6
    assert [cells[7].value for cells in rows] == [6, 6]


def test_sentences_say_what_the_weights_are_worth_on_the_most_and_the_fewest_images(group):
    text = sections.texts(pretraining_section(group))
    assert (
        f"On 50,000 training images, {NAME} is ahead of vit from random weights by 20.00 points of "
        "test accuracy (3 seeds each; Welch's 95 % interval 18.87 to 21.13, "
    ) in text
    assert f"On 5,000 training images, {NAME} is ahead of vit from random weights by 25.00" in text


def test_classes_have_their_gains_on_the_most_images(group):
    table = sections.table(pretraining_section(group), f"{NAME} minus vit from random weights")
    assert table.columns[0] == Column("class", is_numeric=False)
    assert len(table.rows) == len(group.class_names)
    (whole,) = (a for a in group.pretrained if a.name == NAME and a.outcomes[0].num_train > 5_000)
    random = arm_named(group, "vit")
    name = table.rows[0][0].text
    of_class = group.labels == group.class_names.index(name)
    gain = whole.is_right[:, of_class].mean() - random.is_right[:, of_class].mean()
    assert table.rows[0][1].value == pytest.approx(100 * gain)


def test_what_began_at_random_is_missing_with_its_command(tmp_path):
    group = make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    section = pretraining_section(group)
    assert [cells[5].text for cells in gains(group)] == ["not trained", "not trained"]
    assert [cells[7].value for cells in gains(group)] == [6, 6]
    text = sections.texts(section)
    assert f"The gain of {NAME}: the same run from random weights." in text
    assert any(line.endswith("-random-weights") for line in sections.commands(section))
    assert not [block for block in sections.parts(section) if isinstance(block, Figure)]


def test_a_missing_architecture_is_named_with_its_command(group, tmp_path):
    section = pretraining_section(keep(group, "vit"))
    text = sections.texts(section)
    assert "a pretrained resnet as well, from runs/pretrained/resnet/seed-0, a run of" in text
    lines = [line for line in sections.commands(section) if "resnet" in line]
    assert [line.split("--config=")[1] for line in lines] == [
        "configs/resnet.py:cpu --config.seed=0 --config.init.path=runs/pretrained/resnet/seed-0 "
        "--workdir=runs/resnet-pretrained/seed-0"
    ]
    files = make_group(tmp_path, Sample("vit"), pretrained("vit", 0, from_file()))
    lines = sections.commands(pretraining_section(files))
    assert any("transfer.py:resnet18 --config.init.path=resnet18.safetensors" in x for x in lines)


def test_a_single_size_is_told_to_try_a_tenth(group):
    section = pretraining_section(keep(group, "vit", "resnet", sizes=(50_000,)))
    parts = [line for line in sections.commands(section) if "train_fraction=0.1 " in line]
    assert len(parts) == 1
    assert "train_fraction" not in " ".join(sections.commands(pretraining_section(group)))


def test_a_gain_that_the_recipe_may_explain_is_said_to(tmp_path):
    group = make_group(tmp_path, Sample("vit"), pretrained("vit", num_epochs=3))
    section = pretraining_section(group)
    (cells,) = gains(group)
    assert cells[6].text == "vit, another num_epochs"
    assert "may be partly its recipe's" in sections.texts(section)
    assert sections.commands(section)[0].endswith("-random-weights")


def gaps(group: Group) -> Section:
    sentences, table = gaps_and_table(pretrained_arms(group))
    return Section("gaps", "Gaps", [*(Text(each) for each in sentences), *table])


def changed(group: Group, **vit: float) -> str:
    """The sentence on all images, with these means of the ViT."""
    means = MEANS | {("vit", start, 50_000): mean for start, mean in vit.items()}
    return sections.texts(gaps(with_means(group, means, num_seeds=3))).splitlines()[0]


def test_each_gap_has_its_interval_and_so_has_their_change(group):
    rows = sections.table(gaps(group), TITLE).rows
    assert [cells[0].text for cells in rows[:3]] == [
        "vit − resnet, from random weights",
        "vit − resnet, pretrained",
        "Change by pretraining",
    ]
    assert [cells[1].value for cells in rows] == [50_000] * 3 + [5_000] * 3
    assert [cells[2].value for cells in rows] == pytest.approx([-10, 5, 15, -20, -10, 10])
    # Each cell has the variance 0.5 ** 2 of three seeds half a point apart. A gap has t(0.975, 4) =
    # 2.776 times sqrt(2 * 0.25 / 3), the change t(0.975, 8) = 2.306 times sqrt(4 * 0.25 / 3).
    bounds = [cells[2].interval or (0, 0) for cells in rows[:3]]
    assert [(high - low) / 2 for low, high in bounds] == pytest.approx(
        [1.133, 1.133, 1.331], abs=1e-3
    )
    assert [cells[4].text for cells in rows[:3]] == ["3, 3", "3, 3", "3, 3, 3, 3"]
    assert [len(cells[2].runs) for cells in rows[:3]] == [6, 6, 12]


def test_a_gap_that_turns_clearly_changes_who_is_ahead(group):
    text = sections.texts(gaps(group)).splitlines()[0]
    assert text.startswith(
        "On 50,000 training images, vit minus resnet is −10.00 points (95 % interval −11.13 "
        "to −8.87, p < 0.001) from random weights and +5.00 points"
    )
    assert "from pretrained ones: pretraining changes who is ahead." in text
    assert "The gap changes by +15.00 points (95 % interval +13.67 to +16.33, p < 0.001)." in text


@pytest.mark.parametrize(
    ("pretrained", "random", "meaning"),
    [
        (0.80, 0.70, "pretraining does not change who is ahead."),
        (0.855, 0.70, "the means change places, but these seeds do not show that pretraining is"),
        (0.845, 0.70, "the means do not change places, though seeds alone can explain one"),
        (0.85, 0.70, "in one of the two they are level."),
        (0.95, 0.90, "pretraining does not change who is ahead."),
    ],
)
def test_what_is_less_clear_is_said_as_it_is(group, pretrained, random, meaning):
    assert meaning in changed(group, pretrained=pretrained, random=random)


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_fewer_than_three_seeds_have_no_interval_no_p_value_and_settle_nothing(tmp_path, num_seeds):
    samples = [
        make(arm, seed)
        for arm in ("vit", "resnet")
        for seed in range(num_seeds)
        for make in (Sample, pretrained)
    ]
    section = gaps(make_group(tmp_path, *samples))
    text = sections.texts(section)
    assert text.count("fewer than three seeds, or equal ones: no interval") == 3
    assert "pretraining changes who is ahead" not in text and "p " not in text.replace("gap ", "")
    rows = sections.table(section, TITLE).rows
    assert {(cells[2].interval, cells[3].text) for cells in rows} == {(None, "–")}


def test_weights_of_different_data_are_named(tmp_path):
    samples = [Sample("vit"), Sample("resnet"), pretrained("vit", 0, from_file())]
    text = sections.texts(gaps(make_group(tmp_path, *samples, pretrained("resnet"))))
    assert "They were pretrained on different data: ImageNet-21k; cifar10 (25,000 images" in text


def test_weights_of_the_same_data_are_preferred(tmp_path):
    files = [pretrained(arm, 0, from_file(path=f"{arm}.npz")) for arm in ("vit", "resnet")]
    samples = [Sample("vit"), Sample("resnet"), *files, pretrained("vit")]
    section = gaps(make_group(tmp_path, *samples))
    assert len(sections.table(section, TITLE).rows) == 3
    assert "on different data" not in sections.texts(section)


def test_one_architecture_alone_has_no_gap(group):
    assert gaps_and_table(pretrained_arms(keep(group, "vit"))) == ([], [])
    alone = dataclasses.replace(group, arms=group.arms[:1], smaller=())
    assert gaps_and_table(pretrained_arms(alone)) == ([], [])


def test_models_of_other_names_are_told_by_their_architecture(tmp_path):
    names = {"arm": "vit_ti16", "recipe": "vit_ti16"}
    samples = [Sample("vit"), Sample("resnet"), pretrained("vit", **names), pretrained("resnet")]
    rows = sections.table(gaps(make_group(tmp_path, *samples)), TITLE).rows
    assert [cells[0].text for cells in rows[:2]] == [
        "vit − resnet, from random weights",
        "vit − resnet, pretrained",
    ]


def test_a_gap_that_seeds_alone_explain_settles_nothing(group):
    # With random weights 80.005 against 80 is no gap, on whichever side it lies.
    for random in (0.79995, 0.80005):
        text = changed(group, pretrained=0.95, random=random)
        assert "pretraining changes" not in text and "pretraining does not change" not in text
