"""The section on the blog post's claims: what is judged, what is left open, and how it is shown."""

import dataclasses

import numpy as np
import sample_runs
import sections
from msgspec import structs
from sample_claims import CLAIMS, POST, post_speakers

from jaxcmp.compare.document import Table, Text
from jaxcmp.compare.sections.claims import judge, judged


def tables(section):
    return [block for block in sections.parts(section) if isinstance(block, Table)]


def verdicts(evidence):
    return {claim.id: judge(claim, POST, evidence).verdict for claim in POST.claims}


def test_without_runs_nothing_is_judged():
    assert set(verdicts({}).values()) == {"open"}
    reason = judge(CLAIMS["vit-accuracy"], POST, {}).reason
    assert reason == "No run of ViT-Tiny is finished."


def test_the_blog_posts_own_numbers_would_hold():
    found = verdicts(post_speakers())
    assert {name for name, verdict in found.items() if verdict == "open"} == {
        # By single seeds, no gap is really larger than another.
        "largest-gap",
        # Without curves, arms of other sizes and measures inside the models.
        *("accuracy-at-10", "jump", "learning-rates", "vit-convergence", "resnet-convergence"),
        *("augmentation", "per-parameter", "inductive-bias"),
        *("anywhere", "global-shape", "specialise", "smooth", "crossover"),
        "pretrained",
        "pretrained-gap",
    }
    assert "fails" not in found.values()


def apart(speakers, difference):
    """The ViT in another setting than the blog post's."""
    return speakers | {"vit": dataclasses.replace(speakers["vit"], difference=difference)}


def test_runs_in_another_setting_judge_nothing_but_are_named():
    other = apart(post_speakers(), "num_epochs is 10, the blog post's is 100")
    found = verdicts(other)
    assert found["resnet-accuracy"] == "holds"
    for name in ("vit-accuracy", "accuracy-gap", "time", "slower", "class-gaps", "largest-gap"):
        judgement = judge(CLAIMS[name], POST, other)
        assert judgement.verdict == "open" and judgement.measured.text == "–"
        assert "num_epochs is 10" in judgement.reason and "ViT-Tiny" in judgement.reason


def test_what_runs_do_not_say_is_left_open():
    speakers = post_speakers()
    group = speakers["vit"].group
    only_cats = sample_runs.with_logits(group, {"vit": [np.eye(2)]}, np.array([0, 0]), "cat", "dog")
    silent = dataclasses.replace(speakers["vit"], arm=only_cats.arms[0], group=only_cats)
    found = verdicts(speakers | {"vit": silent})
    for name in ("vit-classes", "class-gaps", "largest-gap"):
        assert found[name] == "open"
    assert found["slower"] == found["resnet-accuracy"] == found["resnet-classes"] == "holds"


def test_the_table_has_a_row_for_each_claim_with_a_coloured_verdict():
    table, _ = tables(judged(post_speakers(), POST))
    assert [column.label for column in table.columns] == [
        *("Claim", "Verdict", "The blog post", "Measured", "Reason")
    ]
    rows = dict(zip(CLAIMS, table.rows, strict=True))
    assert [cell.text for cell in rows["time"][1:4]] == ["holds", "44 and 15 min", "2.93 times"]
    assert rows["time"][4].text.endswith("so that their ratio is judged.")
    assert [cell.text for cell in rows["pretrained"][1:4]] == ["not measured", "98 %", "–"]
    assert rows["pretrained"][1].verdict == "open"
    assert rows["pretrained-gap"][2].text == "above 0 points"
    assert rows["class-gaps"][2].text == "1.9 to 18.6 points"
    assert [cell.text for cell in rows["largest-gap"][1:4]] == [
        *("not clear", "cat, 18.6 points", "cat, +18.60 points")
    ]
    assert rows["vit-accuracy"][3].runs == [3]


def test_the_classes_have_a_table_of_their_own():
    _, table = tables(judged(post_speakers(), POST))
    assert [row[0].text for row in table.rows] == list(POST.classes)
    assert [column.label for column in table.columns][-2:] == [
        "ResNet-18 − ViT-Tiny, the blog post, points",
        "ResNet-18 − ViT-Tiny, measured",
    ]
    cat = table.rows[3]
    assert [cell.text for cell in cat] == [
        *("cat", "68.4", "68.40 %", "87", "87.00 %", "18.6", "+18.60 points")
    ]
    assert {cell.verdict for cell in cat[2::2]} == {"holds"}
    _, empty = tables(judged({}, POST))
    assert {cell.text for row in empty.rows for cell in row[2::2]} == {"–"}


# The first seed and the number of seeds.
SEEDS = ((0, 1), (1, 2), (0, 3))
OWN = [POST.arms[name].command for name in ("vit", "resnet")]


def test_what_is_open_asks_for_the_first_seed_that_is_not_there():
    assert sections.commands(judged({}, POST))[:2] == OWN
    other = "num_epochs is 10, the blog post's is 100"
    speakers = [post_speakers(vit={"last": [0.868] * n, "first": i}) for i, n in SEEDS]
    for found, expected in (
        *zip(speakers, (" --config.seed=1", "", " --config.seed=3"), strict=True),
        # Those of another setting are no seeds of the blog post's.
        (apart(speakers[0], other), ""),
    ):
        lines = sections.commands(judged(found, POST))
        others = (POST.arms["vit-light"].command, POST.arms["vit-conv"].command)
        lines = [each for each in lines if each not in others]
        assert [line for line in lines if line.startswith(OWN[0])] == [f"{OWN[0]}{expected}"]


def test_only_arms_of_claims_left_open_get_commands():
    post = structs.replace(POST, claims=(CLAIMS["vit-accuracy"], CLAIMS["resnet-accuracy"]))
    for evidence, expected in (
        (post_speakers(), []),
        (post_speakers(resnet={"curve": {1: [0.5]}}), OWN[1:]),
    ):
        assert sections.commands(judged(evidence, post)) == expected


def test_the_answer_counts_the_verdicts():
    first, setting = sections.parts(judged(post_speakers(), POST))[:2]
    assert isinstance(setting, Text) and "100 epochs of CIFAR-10" in setting.text
    assert POST.name in setting.text
    assert isinstance(first, Text) and first.style == "answer"
    assert first.text == (
        "Of the blog post's 24 claims that runs can judge, 8 hold, 0 do not, and 16 could not be "
        "judged by these runs."
    )


def test_a_blog_post_without_claims_about_classes_has_one_table():
    post = structs.replace(POST, claims=POST.claims[:3])
    assert len(tables(judged(post_speakers(), post))) == 1
