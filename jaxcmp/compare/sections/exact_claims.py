"""Claims that follow from a study's models alone, without any run."""

import math

from jaxcmp.compare import cells
from jaxcmp.compare.sections.evidence import Judgement, decided
from jaxcmp.compare.sections.formulas import (
    attention_share,
    num_tokens,
    parameter_terms,
    tokens_for_half,
)
from jaxcmp.compare.sections.published import Claim, Study

MILLION = 1e6


def judge_parameters(claim: Claim, study: Study) -> Judgement:
    """A number of parameters in millions, of the claim's components or of all.

    Where it does not hold, the component that it would fit is named, if there is one.
    """
    arm, (stated,) = study.arms[claim.arms[0]], claim.stated
    terms = parameter_terms(arm.config["model"], study.num_channels)
    counted = [term for term in terms if term.component in claim.components or not claim.components]
    count = sum(term.count for term in counted)
    what = "All components together" if not claim.components else " and ".join(claim.components)
    sums = " + ".join(term.formula for term in counted if claim.components)
    reason = f"{what}: {sums} = {count:,}." if sums else f"{what} have {count:,}."

    holds = _is_near(count, claim)
    if holds:
        reason += f" {stated:g}M is within {claim.tolerance:g}M: {claim.why}."
    for term in terms:
        if not holds and _is_near(term.count, claim):
            reason += f" {stated:g}M is {term.component}, with {term.count:,}."
    return decided(holds, cells.count(count), reason)


def judge_attention(claim: Claim, study: Study) -> Judgement:
    """At least how much of the multiply-adds, in percent, is quadratic in the tokens.

    Raises ValueError for a model without attention, which such a claim cannot be about.
    """
    model = study.arms[claim.arms[0]].config["model"]
    share, tokens = attention_share(model, study.num_channels), num_tokens(model)
    half = tokens_for_half(model, study.num_channels)
    if share is None or tokens is None or half is None:
        raise ValueError(f"{claim.id} is about a model without attention")
    reason = (
        f"At {tokens:,} tokens, what is quadratic in them is {100 * share:.2f} % of the "
        f"multiply-adds; it would be a half at {math.ceil(half):,} tokens; {claim.why}."
    )
    percent = 100 * share
    return decided(percent >= claim.stated[0], cells.number(percent, f"{percent:.2f} %"), reason)


def _is_near(count: int, claim: Claim) -> bool:
    return abs(count / MILLION - claim.stated[0]) <= claim.tolerance
