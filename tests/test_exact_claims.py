"""Claims about the models alone: each verdict both ways, with the arithmetic in the reason."""

import dataclasses

import pytest

from jaxcmp.compare.sections.exact_claims import judge_attention, judge_parameters
from jaxcmp.compare.sections.formulas import parameter_terms
from jaxcmp.compare.sections.published import load_claims

STUDY = load_claims()
CLAIMS = {claim.id: claim for claim in STUDY.claims}


def changed(name, **fields):
    return dataclasses.replace(CLAIMS[name], **fields)


@pytest.mark.parametrize(
    ("name", "verdict", "count"),
    [
        ("vit-parameters", "holds", 5_362_762),
        ("resnet-parameters", "fails", 11_173_962),
        ("head-parameters", "fails", 5_130),
        ("mlp-parameters", "fails", 3_550_464),
    ],
)
def test_the_studys_counts_are_judged_by_exact_ones(name, verdict, count):
    judgement = judge_parameters(CLAIMS[name], STUDY)
    assert (judgement.verdict, judgement.measured.value) == (verdict, count)


@pytest.mark.parametrize(
    ("name", "stated", "verdict"),
    [
        ("vit-parameters", 5.4, "holds"),
        ("vit-parameters", 5.2, "fails"),
        ("resnet-parameters", 11.2, "holds"),
        ("head-parameters", 0.0, "holds"),
        ("mlp-parameters", 3.55, "holds"),
        ("mlp-parameters", 3.53, "fails"),
    ],
)
def test_a_count_holds_within_its_tolerance(name, stated, verdict):
    assert judge_parameters(changed(name, stated=(stated,)), STUDY).verdict == verdict


def test_the_reason_has_the_formula():
    reason = judge_parameters(CLAIMS["head-parameters"], STUDY).reason
    assert "head: 512 × 10 classes + 10 = 5,130." in reason
    both = changed("mlp-parameters", components=("cls", "norm"))
    assert "cls and norm: 192 + 2 × 192 = 576." in judge_parameters(both, STUDY).reason


def test_the_component_that_a_wrong_number_fits_is_named():
    assert "2.1M is stage_3, with 2,099,712." in (
        judge_parameters(CLAIMS["head-parameters"], STUDY).reason
    )
    # Nothing fits 11.7M; what holds needs no other explanation.
    assert " is stage" not in judge_parameters(CLAIMS["resnet-parameters"], STUDY).reason
    right = changed("head-parameters", components=("stage_3",))
    assert "2.1M is within 0.1M" in judge_parameters(right, STUDY).reason
    assert " is stage_3, with" not in judge_parameters(right, STUDY).reason


def test_what_the_notes_of_the_study_say_is_so():
    # The ImageNet variant: a stem of 7 x 7 in place of 3 x 3, and 1,000 classes.
    model = STUDY.arms["resnet"].config["model"] | {"num_classes": 1000}
    count = sum(term.count for term in parameter_terms(model, 3)) + (7 * 7 - 3 * 3) * 3 * 64
    assert count == 11_689_512
    assert round(count / 1e6, 1) == CLAIMS["resnet-parameters"].stated[0]
    assert round(8 * 2 * 192 * 768 / 1e6, 2) == CLAIMS["mlp-parameters"].stated[0]


def test_attention_is_no_bottleneck_at_a_twentieth_of_the_work():
    judgement = judge_attention(CLAIMS["attention"], STUDY)
    assert (judgement.verdict, judgement.measured.text) == ("fails", "5.33 %")
    assert "65 tokens" in judgement.reason and "1,154 tokens" in judgement.reason
    assert judge_attention(changed("attention", stated=(5.3,)), STUDY).verdict == "holds"
    assert judge_attention(changed("attention", stated=(5.4,)), STUDY).verdict == "fails"


def test_a_claim_about_attention_needs_a_model_that_has_it():
    with pytest.raises(ValueError, match="without attention"):
        judge_attention(changed("attention", arms=("resnet",)), STUDY)
