"""The section on parameters and work: every count once, in its place, with a formula or without."""

import dataclasses
import json

import pytest
from test_formulas import MODELS, counts

from jaxcmp.compare.document import Commands, Figure, Plot, Section, Table, Text
from jaxcmp.compare.report_json import to_json
from jaxcmp.compare.sections.formulas import multiply_add_terms, parameter_terms
from jaxcmp.compare.sections.work import ArmSizes, work_section


def sizes(index, name, key, **changes):
    model, num_channels = MODELS[key]
    parameters = counts(parameter_terms(model, num_channels))
    return dataclasses.replace(
        ArmSizes(
            index=index,
            name=name,
            model=model,
            num_channels=num_channels,
            # cost.json has its parameters by the alphabet.
            parameters=dict(sorted(parameters.items())),
            multiply_adds=counts(multiply_add_terms(model, num_channels)),
            step_seconds=[0.1, 0.11],
            batch_size=128,
            device="T4",
            runs=[2 * index, 2 * index + 1],
        ),
        **changes,
    )


VIT, RESNET = sizes(0, "vit", "vit:"), sizes(1, "resnet", "resnet:")


def tables(section: Section) -> dict[str, Table]:
    return {block.title: block for block in section.blocks if isinstance(block, Table)}


def column(table: Table, label: str) -> list[str]:
    (place,) = (i for i, each in enumerate(table.columns) if each.label == label)
    return [row[place].text for row in table.rows]


def texts(section: Section) -> str:
    return "\n".join(block.text for block in section.blocks if isinstance(block, Text))


def test_a_table_has_each_component_with_its_count_share_and_formula():
    table = tables(work_section([VIT, RESNET]))["vit: parameters"]
    assert column(table, "Component")[0] == "patch_embedding"
    assert dict(zip(column(table, "Component"), column(table, "Count"), strict=True)) == {
        **{name: f"{count:,}" for name, count in VIT.parameters.items()},
        "all": "5,362,762",
    }
    (mlp,) = (row for row in table.rows if row[0].text == "blocks.mlp")
    assert [cell.text for cell in mlp[1:]] == [
        "3,550,464",
        "66.21",
        "12 blocks × (192 × 768 + 768 + 768 × 192 + 192)",
    ]
    assert mlp[1].value == 3_550_464 and mlp[1].runs == [0, 1]


def test_shares_add_up_to_all():
    for arm in (VIT, RESNET):
        for kind in ("parameters", "multiply-adds of an image's forward pass"):
            *rows, total = tables(work_section([arm]))[f"{arm.name}: {kind}"].rows
            assert sum(row[2].value or 0 for row in rows) == pytest.approx(100)
            assert sum(row[1].value or 0 for row in rows) == total[1].value


def test_a_count_of_another_version_is_shown_without_a_formula():
    parameters = VIT.parameters | {"blocks.mlp": 7, "register": 5}
    section = work_section([dataclasses.replace(VIT, parameters=parameters)])
    rows = {row[0].text: row for row in tables(section)["vit: parameters"].rows}
    assert [cell.text for cell in rows["blocks.mlp"][1:4:2]] == ["7", "–"]
    assert [cell.text for cell in rows["register"][1:4:2]] == ["5", "–"]
    assert rows["cls"][3].text == "192"


def test_attention_is_left_out_where_the_formulas_are_not_the_runs():
    assert "QK^T" in texts(work_section([VIT]))
    work = VIT.multiply_adds | {"blocks.attention_scores": 7}
    assert "QK^T" not in texts(work_section([dataclasses.replace(VIT, multiply_adds=work)]))
    unknown = dataclasses.replace(VIT, model={"name": "mixer"})
    assert "QK^T" not in texts(work_section([unknown]))
    assert set(column(tables(work_section([unknown]))["vit: parameters"], "Formula")) == {"–", ""}


def test_attention_has_its_share_and_the_tokens_for_a_half():
    text = texts(work_section([VIT, RESNET]))
    assert "5.33 % of the multiply-adds at 65 tokens" in text
    assert "a half at 1,154 tokens, of an image of about 136 pixels a side" in text
    assert text.count("QK^T") == 1


def test_the_answer_names_the_largest_components():
    (answer,) = (
        block.text
        for block in work_section([VIT, RESNET]).blocks
        if isinstance(block, Text) and block.style == "answer"
    )
    assert "365,107,584 multiply-adds for an image, 63.00 % of them in blocks.mlp" in answer
    assert "11,173,962 parameters, 75.12 % of them in stage_4" in answer


def test_each_arm_has_a_panel_of_bars_of_each_kind_with_a_shared_axis():
    (figure,) = (block for block in work_section([VIT, RESNET]).blocks if isinstance(block, Figure))
    panels = [panel for panel in figure.panels if isinstance(panel, Plot)]
    assert [panel.series[0].arm for panel in panels] == [0, 1, 0, 1]
    assert panels[0].x.limits == panels[1].x.limits != panels[2].x.limits
    assert panels[0].x.label == "million parameters"
    # The component that an image meets first is the topmost.
    assert panels[0].y.categories[0] == "patch_embedding"
    (series,) = panels[3].series
    assert dict(zip(panels[3].y.categories, series.x, strict=True))["stem"] == 1.769472
    assert series.style == "bars" and series.y == [float(i) for i in range(len(series.x))]


def test_arms_of_one_size_share_their_tables():
    strong = dataclasses.replace(VIT, index=2, name="vit strong")
    section = work_section([VIT, RESNET, strong])
    assert not [title for title in tables(section) if title.startswith("vit strong")]
    assert "The same holds for vit strong." in texts(section)
    assert column(tables(section)["Multiply-adds beside seconds"], "Arm")[2] == "vit strong"


def test_the_smallest_model_has_an_axis_without_a_prefix():
    counts = {"parameters": {"head": 12}, "multiply_adds": {"head": 1500}}
    (figure,) = (
        block
        for block in work_section([dataclasses.replace(VIT, **counts)]).blocks
        if isinstance(block, Figure)
    )
    labels = [panel.x.label for panel in figure.panels if isinstance(panel, Plot)]
    assert labels == ["parameters", "thousand multiply-adds"]


@pytest.mark.parametrize("arms", [[], [dataclasses.replace(VIT, multiply_adds={})]])
def test_without_counts_the_section_says_what_command_fills_it(arms):
    text, commands = work_section(arms).blocks
    assert isinstance(text, Text) and isinstance(commands, Commands)
    assert "python -m jaxcmp.main --config=configs/vit.py" in commands.lines


def test_the_section_is_plain_data():
    json.dumps(to_json(work_section([VIT, RESNET])))  # pyright: ignore[reportArgumentType]
