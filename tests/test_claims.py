"""The section on the study's claims: what is judged, what is left open, and how it is shown."""

import dataclasses
import json

from test_trained_claims import CLAIMS, STUDY, measured

from jaxcmp.compare.document import Commands, Table, Text
from jaxcmp.compare.report_json import to_json
from jaxcmp.compare.sections.claims import claims_section, judge
from jaxcmp.compare.sections.evidence import Measured

EXACT = {"vit-parameters", "resnet-parameters", "head-parameters", "mlp-parameters", "attention"}


def tables(section):
    return [block for block in section.blocks if isinstance(block, Table)]


def verdicts(evidence):
    return {claim.id: judge(claim, STUDY, evidence).verdict for claim in STUDY.claims}


def test_without_runs_only_what_follows_from_the_models_is_judged():
    found = verdicts(Measured())
    assert {name for name, verdict in found.items() if verdict != "open"} == EXACT
    reason = judge(CLAIMS["vit-accuracy"], STUDY, Measured()).reason
    assert reason == "No run of ViT-Tiny is finished."


def test_the_studys_own_numbers_would_hold():
    found = verdicts(measured())
    assert {name for name, verdict in found.items() if verdict == "open"} == {
        "pretrained",
        "pretrained-gap",
    }
    failing = {name for name, verdict in found.items() if verdict == "fails"}
    assert failing == EXACT - {"vit-parameters"}


def test_runs_in_another_setting_judge_nothing_but_are_named():
    other = measured(vit={"difference": "num_epochs is 10, the study's is 100"})
    found = verdicts(other)
    assert found["resnet-accuracy"] == "holds"
    for name in ("vit-accuracy", "accuracy-gap", "time", "slower", "class-gaps", "largest-gap"):
        judgement = judge(CLAIMS[name], STUDY, other)
        assert judgement.verdict == "open" and judgement.measured.text == "–"
        assert "num_epochs is 10" in judgement.reason and "ViT-Tiny" in judgement.reason


def test_what_runs_do_not_say_is_left_open():
    silent = measured(
        vit={"best_accuracies": [], "class_accuracies": {"cat": [0.9]}}, resnet={"num_test": 0}
    )
    found = verdicts(silent)
    for name in ("vit-accuracy", "resnet-accuracy", "vit-classes", "resnet-classes", "largest-gap"):
        assert found[name] == "open"
    assert found["slower"] == "holds"


def test_the_table_has_a_row_for_each_claim_with_a_coloured_verdict():
    table, _ = tables(claims_section(measured()))
    assert [column.label for column in table.columns] == [
        *("Claim", "Verdict", "The study", "Measured", "Reason")
    ]
    rows = dict(zip(CLAIMS, table.rows, strict=True))
    head = rows["head-parameters"]
    assert [cell.text for cell in head[1:4]] == ["does not hold", "2.1M", "5,130"]
    assert head[1].verdict == "fails"
    assert [cell.text for cell in rows["time"][1:4]] == ["holds", "44 and 15 min", "2.93 times"]
    assert rows["time"][4].text.endswith("so that their ratio is judged.")
    assert rows["resnet-parameters"][4].text.endswith("with 1000 classes and a stem of 7 × 7.")
    assert [cell.text for cell in rows["pretrained"][1:4]] == ["not measured here", "98 %", "–"]
    assert rows["pretrained"][1].verdict == "open"
    assert rows["pretrained-gap"][2].text == "above 0 points"
    assert rows["attention"][2].text == "at least 50 %"
    assert rows["class-gaps"][2].text == "1.9 to 18.6 points"
    assert rows["largest-gap"][2].text == "cat, 18.6 points"
    assert rows["vit-accuracy"][3].runs == [3]


def test_the_classes_have_a_table_of_their_own():
    _, table = tables(claims_section(measured()))
    assert [row[0].text for row in table.rows] == list(STUDY.classes)
    assert [column.label for column in table.columns][-2:] == [
        "ResNet-18 − ViT-Tiny, the study, points",
        "ResNet-18 − ViT-Tiny, measured",
    ]
    cat = table.rows[3]
    assert [cell.text for cell in cat] == [
        *("cat", "68.4", "68.40 %", "87", "87.00 %", "18.6", "+18.60 points")
    ]
    assert {cell.verdict for cell in cat[2::2]} == {"holds"}
    _, empty = tables(claims_section(Measured()))
    assert {cell.text for row in empty.rows for cell in row[2::2]} == {"–"}


def commands_of(evidence):
    blocks = (b for b in claims_section(evidence).blocks if isinstance(b, Commands))
    return [line for block in blocks for line in block.lines]


def test_commands_are_given_as_long_as_a_run_here_could_judge_more():
    assert commands_of(Measured())[:2] == [
        "python -m jaxcmp.main --config=configs/vit.py",
        "python -m jaxcmp.main --config=configs/resnet.py",
    ]
    # What is left needs runs from pretrained weights.
    assert not [line for line in commands_of(measured()) if "transfer.py" not in line]


def test_the_answer_counts_the_verdicts():
    first, setting = claims_section(measured()).blocks[:2]
    assert isinstance(setting, Text) and "100 epochs of CIFAR-10" in setting.text
    assert STUDY.name in setting.text
    assert isinstance(first, Text) and first.style == "answer"
    assert first.text == (
        "Of the study's 16 claims, 10 hold, 4 do not, and 2 could not be judged by these runs."
    )


def test_a_study_without_claims_about_classes_has_one_table():
    study = dataclasses.replace(STUDY, claims=STUDY.claims[:3])
    assert len(tables(claims_section(measured(), study))) == 1


def test_the_section_is_plain_data():
    json.dumps(to_json(claims_section(measured())))  # pyright: ignore[reportArgumentType]
