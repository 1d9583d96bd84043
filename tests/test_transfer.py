"""Transfer: gains against sums of one's own, what is missing, and the commands that make it."""

import dataclasses
import shlex

import pytest
import sections
from sample_runs import Sample, make_group, with_files
from sample_transfer import from_file, keep, make_transfer, pretrained

from jaxcmp.compare.arms import Group
from jaxcmp.compare.document import Column
from jaxcmp.compare.sections.transfer import transfer_section

NAME = "vit, pretrained on 5 classes of cifar10"


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    return make_transfer(tmp_path_factory.mktemp("transfer"))


def gains(group: Group) -> list[list]:
    (table,) = (
        block
        for block in transfer_section(group).blocks
        if block.kind == "table" and block.title.startswith("Test accuracy")
    )
    return table.rows


def test_each_gain_is_the_pretrained_arms_accuracy_minus_the_others(group):
    rows = [cells for cells in gains(group) if cells[0].text == "vit, pretrained"]
    assert [cells[1].value for cells in rows] == [50_000, 5_000]
    whole, part = rows
    assert [whole[i].value for i in (2, 4, 5)] == pytest.approx([20, 90, 70])
    assert part[2].value == pytest.approx(25)
    # Welch: t(0.975, 2) = 4.303 times the square root of 2 * 0.5 / 2.
    low, high = whole[2].interval
    assert (high - low) / 2 == pytest.approx(3.042, abs=1e-3)
    assert whole[4].text.endswith("%, n = 2") and whole[6].text == "vit"
    assert len(whole[4].runs) == 2 and len(whole[2].runs) == 4
    assert [cells[7].value for cells in rows] == [6, 6]


def test_sentences_say_what_the_weights_are_worth_on_the_most_and_the_fewest_images(group):
    text = sections.texts(transfer_section(group))
    assert (
        f"On 50,000 training images, {NAME} is ahead of vit from random weights by 20.00 points of "
        "test accuracy (2 seeds each; Welch's 95 % interval 16.96 to 23.04, "
    ) in text
    assert f"On 5,000 training images, {NAME} is ahead of vit from random weights by 25.00" in text


def test_classes_have_their_gains_on_the_most_images(group):
    table = sections.table(transfer_section(group), f"{NAME} minus vit from random weights")
    assert table.columns[0] == Column("class", is_numeric=False)
    assert len(table.rows) == len(group.class_names)
    (whole,) = (a for a in group.pretrained if a.name == NAME and a.outcomes[0].num_train > 5_000)
    (random,) = (arm for arm in group.arms if arm.name == "vit")
    name = table.rows[0][0].text
    of_class = group.labels == group.class_names.index(name)
    gain = whole.is_right[:, of_class].mean() - random.is_right[:, of_class].mean()
    assert table.rows[0][1].value == pytest.approx(100 * gain)


def test_without_pretrained_runs_the_section_is_a_sentence_and_the_commands(tmp_path):
    section = transfer_section(make_group(tmp_path, Sample("vit"), Sample("resnet")))
    assert len(section.blocks) == 2
    assert "No run here began from weights that had seen other images." in sections.texts(section)
    lines = [shlex.split(line)[3:5] for line in sections.commands(section)]
    assert lines == [
        ["--config=configs/transfer.py:vit_ti16", "--config.init.path=Ti_16.npz"],
        ["--config=configs/transfer.py:resnet18", "--config.init.path=resnet18.safetensors"],
    ]


def test_what_began_at_random_is_missing_with_its_command(tmp_path):
    group = make_group(tmp_path, pretrained("vit"), pretrained("resnet"))
    section = transfer_section(group)
    assert [cells[5].text for cells in gains(group)] == ["not trained", "not trained"]
    assert [cells[7].value for cells in gains(group)] == [6, 6]
    text = sections.texts(section)
    assert f"Nothing beside {NAME} and resnet, pretrained on 5 classes of cifar10 began" in text
    assert any(line.endswith("-random-weights") for line in sections.commands(section))
    assert not [block for block in section.blocks if block.kind == "figure"]


def test_a_missing_architecture_is_named_with_its_command(group, tmp_path):
    section = transfer_section(keep(group, "vit"))
    text = sections.texts(section)
    assert "takes a pretrained resnet as well. From runs/pretrained/resnet/seed-0, a run of" in text
    lines = [line for line in sections.commands(section) if "resnet" in line]
    assert [line.split("--config=")[1] for line in lines] == [
        "configs/resnet.py:cpu --config.init.path=runs/pretrained/resnet/seed-0 "
        "--workdir=runs/resnet-pretrained/seed-0"
    ]
    files = make_group(tmp_path, Sample("vit"), pretrained("vit", 0, from_file()))
    lines = sections.commands(transfer_section(files))
    assert any("transfer.py:resnet18 --config.init.path=resnet18.safetensors" in x for x in lines)


def test_a_single_size_is_told_to_try_a_tenth(group):
    section = transfer_section(keep(group, "vit", "resnet", sizes=(50_000,)))
    parts = [line for line in sections.commands(section) if "train_fraction=0.1 " in line]
    assert len(parts) == 4
    assert "train_fraction" not in " ".join(sections.commands(transfer_section(group)))


def test_a_gain_that_the_recipe_may_explain_is_said_to(tmp_path):
    group = make_group(tmp_path, Sample("vit"), pretrained("vit", num_epochs=3))
    section = transfer_section(group)
    (cells,) = gains(group)
    assert cells[6].text == "vit, another num_epochs"
    assert "differ in is more than their weights" in sections.texts(section)
    assert sections.commands(section)[0].endswith("-random-weights")


def test_the_command_without_weights_says_nothing_of_weights(tmp_path):
    group = make_group(tmp_path, Sample("vit"), pretrained("vit", num_epochs=3))
    (arm,) = group.pretrained
    run = arm.outcomes[0]
    line = "python -m jaxcmp.main --config=configs/vit.py --config.init.path a.npz --workdir=b"
    typed = with_files(run, environment=run.run.environment | {"command": line})
    arm = dataclasses.replace(arm, outcomes=(typed,))
    begun = dataclasses.replace(group, pretrained=(arm,))
    assert sections.commands(transfer_section(begun))[0] == (
        f"python -m jaxcmp.main --config=configs/vit.py --workdir={run.folder}-random-weights"
    )


def test_every_number_names_its_runs(group):
    assert not list(sections.without_source(transfer_section(group)))
