"""Claims about the reason: what inspections and runs on fewer images say of them."""

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.inspected import InspectedArm
from jaxcmp.compare.sections.blog_post import (
    BlogPost,
    Claim,
    Judgement,
    Measured,
    MeasuredArm,
    decided,
    undecided,
)
from jaxcmp.compare.sections.judges import from_runs
from jaxcmp.compare.sections.why_attention import head_values
from jaxcmp.compare.sections.why_questions import Gap, class_correlation, find_gaps, questions_for
from jaxcmp.compare.statistics.means import CONFIDENCE, Lead, compare_runs, estimate_mean
from jaxcmp.compare.words import NOT_CLEAR

UNINSPECTED = "The runs of {} were not inspected: python -m jaxcmp.inspect measures it."


def judge_anywhere(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether the first arm keeps more of its answers under shifts than the second."""
    found = _inspected(measured, claim)
    if isinstance(found, str):
        return undecided(found)
    (gap, *_) = find_gaps(questions_for(found[0])[:1], *found)
    return from_runs(measured.of(claim), _by_lead(gap, gap.lead))


def _by_lead(gap: Gap, lead: Lead) -> Judgement:
    size, interval = gap.difference.mean, gap.difference.interval
    num = min(len(each.inspections) for each in (gap.first, gap.second))
    cell = Cell(f"{cells.points(size)} points", size, interval, num)
    if not lead.is_real:
        return Judgement("open", cell, gap.sentence)
    return decided(lead is Lead.FIRST, cell, gap.sentence)


def judge_global_shape(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether the first arm leads by more in classes that shuffled tiles cost more.

    Those are the classes whose images need their arrangement. Over ten classes only a strong
    correlation is clear.
    """
    found = _inspected(measured, claim)
    if isinstance(found, str):
        return undecided(found)
    first, second = measured.of(claim)
    names = found[0].arm.outcomes[0].predictions.class_names
    leads = {
        c: 100
        * float(np.mean(first.class_accuracies[name]) - np.mean(second.class_accuracies[name]))
        for c, name in enumerate(names)
        if name in first.class_accuracies and name in second.class_accuracies
    }
    correlation = class_correlation(leads, *found)
    if correlation is None:
        return undecided("The classes are too few, or all alike.")
    rho, p_value, num = correlation
    cell = Cell(f"rank correlation {cells.two_digits(rho)}", rho, num=num)
    reason = (
        f"Of the lead of {first.name} over {second.name} with the accuracy that shuffled tiles "
        f"cost, over {num} classes ({cells.say_p(p_value)})."
    )
    is_clear = p_value < 1 - CONFIDENCE
    judgement = decided(rho > 0, cell, reason) if is_clear else Judgement("open", cell, reason)
    return from_runs([first, second], judgement)


def judge_specialised(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether training leaves attention as spread out as it was at random weights.

    By its entropy, in percent of uniform attention's. Attention that gathers fails the claim; one
    that stays within the tolerance holds it.
    """
    found = _inspected(measured, claim)
    if isinstance(found, str):
        return undecided(found)
    (arm,), (inspected,) = measured.of(claim), found
    if not all("attention" in each for each in inspected.inspections):
        return undecided(UNINSPECTED.format(arm.name))
    trained, initial = (
        head_values(inspected, "entropy", state).mean(axis=(1, 2))
        for state in ("trained", "initial")
    )
    changes = (trained - initial).tolist()
    estimate = estimate_mean(changes)
    text = cells.over_runs(changes, estimate, digits=2, unit=f" {claim.unit}")
    cell = Cell(text, estimate.mean, estimate.interval, len(changes))
    reason = (
        "The change of attention's entropy by training, in percent of uniform attention's; lower "
        f"is more gathered. {claim.tolerance:g} is allowed: {claim.why}."
    )
    if estimate.interval is None:
        return from_runs([arm], Judgement("open", cell, reason))
    low, high = estimate.interval
    if high < -claim.tolerance:
        return from_runs([arm], decided(False, cell, reason))
    is_unchanged = -claim.tolerance <= low and high <= claim.tolerance
    verdict = "holds" if is_unchanged else "open"
    return from_runs([arm], Judgement(verdict, cell, reason))


def judge_crossover(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether the first arm leads the second at every number of training images."""
    arms = measured.of(claim)
    sizes = sorted(set(arms[0].by_size) & set(arms[1].by_size))
    if len(sizes) < 2:
        return undecided("No runs of both arms on parts of the training images are finished.")
    leads = [compare_runs(arms[0].by_size[n], arms[1].by_size[n], most=1).lead for n in sizes]
    num = leads.count(Lead.FIRST)
    cell = Cell(f"ahead at {num} of {len(sizes)} sizes", num, num=len(sizes))
    reason = f"{arms[0].name} against {arms[1].name} on " + "; ".join(
        f"{n:,} images: {_ahead(lead, arms)}" for n, lead in zip(sizes, leads, strict=True)
    )
    if Lead.SECOND in leads:
        return from_runs(arms, decided(False, cell, f"{reason}."))
    verdict = "holds" if num == len(sizes) else "open"
    return from_runs(arms, Judgement(verdict, cell, f"{reason}."))


def _ahead(lead: Lead, arms: list[MeasuredArm]) -> str:
    names = {Lead.FIRST: arms[0].name, Lead.SECOND: arms[1].name}
    return f"{names[lead]} is ahead" if lead in names else NOT_CLEAR


def _inspected(measured: Measured, claim: Claim) -> list[InspectedArm] | str:
    """Returns the inspections of the claim's arms, or says which arm has none."""
    found = []
    for arm in measured.of(claim):
        if arm.inspected is None:
            return UNINSPECTED.format(arm.name)
        found.append(arm.inspected)
    return found
