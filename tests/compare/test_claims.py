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


def apart(speakers, difference, name="vit"):
    """One model in another setting than the blog post's."""
    return speakers | {name: dataclasses.replace(speakers[name], difference=difference)}


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


def test_the_table_has_a_row_for_each_claim_measured_with_a_coloured_verdict():
    table, *_ = tables(judged(post_speakers(), POST))
    assert [column.label for column in table.columns] == [
        *("Claim", "Verdict", "The blog post", "Measured", "Reason")
    ]
    rows = {row[0].text: row for row in table.rows}
    rows = {name: rows[claim.says] for name, claim in CLAIMS.items() if claim.says in rows}
    assert [cell.text for cell in rows["time"][1:4]] == ["holds", "44 and 15 min", "2.93 times"]
    assert rows["time"][4].text.endswith("so that their ratio is judged.")
    assert rows["class-gaps"][2].text == "1.9 to 18.6 points"
    assert [cell.text for cell in rows["largest-gap"][1:4]] == [
        *("not clear", "cat, 18.6 points", "cat, +18.60 points")
    ]
    assert rows["largest-gap"][1].verdict == "open"
    assert rows["vit-accuracy"][3].runs == [3]


def test_what_no_run_measures_is_listed_by_the_reason_and_with_what_the_blog_post_states():
    measured, _, *others = tables(judged(post_speakers(), POST))
    listed = [row for table in others for row in table.rows]
    assert len(measured.rows) + len(listed) == len(POST.claims)
    assert {row[0].text for row in [*measured.rows, *listed]} == {c.says for c in POST.claims}
    by_title = {table.title: {row[0].text: row[1].text for row in table.rows} for table in others}
    assert by_title["Not measured: no run of a pretrained ViT is finished"] == {
        CLAIMS["pretrained"].says: "98 %",
        CLAIMS["pretrained-gap"].says: "above 0 points",
    }
    away = "num_epochs is 10, the blog post's is 100"
    found = {name: apart({name: each}, away, name)[name] for name, each in post_speakers().items()}
    # Two tables of 24 claims in place of a reason that every row repeats.
    setting = [table for table in tables(judged(found, POST)) if away in table.title]
    assert len(setting) == 2 and sum(len(table.rows) for table in setting) > 15


def test_the_classes_have_a_table_of_their_own():
    _, table, *_ = tables(judged(post_speakers(), POST))
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
    # Without runs that bear on them, there is no table of classes.
    assert all(table.title.startswith("Not measured: ") for table in tables(judged({}, POST)))


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
