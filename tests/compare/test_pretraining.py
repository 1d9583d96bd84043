"""Transfer: gains against sums of one's own, what is missing, and the commands that make it."""


import pytest
import sections
from sample_runs import Sample, make_group
from sample_transfer import from_file, keep, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Column, Figure
from jaxcmp.compare.sections.pretraining import pretraining_section

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
    (random,) = (arm for arm in group.arms if arm.name == "vit")
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
