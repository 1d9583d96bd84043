"""Claims about the reason: what inspections and runs on fewer images say of them."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.inspected import InspectedArm
from jaxcmp.compare.sections.blog_post import Claim, MeasuredArm
from jaxcmp.compare.sections.judges import Judgement, Undecided, class_gaps, decided
from jaxcmp.compare.sections.why_attention import head_values
from jaxcmp.compare.sections.why_questions import class_correlation, find_gaps, questions_for
from jaxcmp.compare.statistics.means import CONFIDENCE, Lead, compare_runs, estimate_mean
from jaxcmp.compare.words import NOT_CLEAR


def _inspected(arms: Sequence[MeasuredArm], part: str = "unchanged") -> list[InspectedArm]:
    """Returns the inspections of the arms, all of which have this part."""
    found = []
    for arm in arms:
        inspected = arm.inspected
        if inspected is None or not all(part in each for each in inspected.inspections):
            text = (
                f"The runs of {arm.name} were not inspected: python -m jaxcmp.inspect measures it."
            )
            raise Undecided(text)
        found.append(inspected)
    return found


def judge_anywhere(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether the first arm keeps more of its answers under shifts than the second."""
    first, second = _inspected(arms)
    (gap, *_) = find_gaps(questions_for(first)[:1], first, second)
    assert gap.difference  # Answers kept can always be compared.
    size, lead = gap.difference.mean, gap.difference.lead
    num = min(len(each.inspections) for each in gap.arms)
    cell = Cell(f"{cells.points(size)} points", size, gap.difference.interval, num)
    return decided(lead is Lead.FIRST if lead.is_real else None, cell, gap.sentence)


def judge_global_shape(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether the first arm leads by more in classes that shuffled tiles cost more.

    Those are the classes whose images need their arrangement. Over ten classes only a strong
    correlation is clear.
    """
    first, second = _inspected(arms)
    names = first.arm.outcomes[0].predictions.class_names
    gaps = class_gaps(names, arms)
    leads = {c: gaps[name] for c, name in enumerate(names) if name in gaps}
    correlation = class_correlation(leads, first, second)
    if correlation is None:
        raise Undecided("The classes are too few, or all alike.")
    rho, p_value, num = correlation
    cell = Cell(f"rank correlation {cells.two_digits(rho)}", rho, num=num)
    reason = (
        f"Of the lead of {arms[0].name} over {arms[1].name} with the accuracy that shuffled tiles "
        f"cost, over {num} classes ({cells.say_p(p_value)})."
    )
    return decided(rho > 0 if p_value < 1 - CONFIDENCE else None, cell, reason)


def judge_specialised(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether training leaves attention as spread out as it was at random weights.

    By its entropy, in percent of uniform attention's. Attention that gathers fails the claim; one
    that stays within the tolerance holds it.
    """
    (inspected,) = _inspected(arms, "attention")
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
    holds = None
    if estimate.interval is not None:
        low, high = estimate.interval
        if high < -claim.tolerance:
            holds = False
        elif -claim.tolerance <= low and high <= claim.tolerance:
            holds = True
    return decided(holds, cell, reason)


def judge_crossover(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether the first arm leads the second at every number of training images."""
    one, two = arms
    sizes = sorted(set(one.by_size) & set(two.by_size))
    if len(sizes) < 2:
        raise Undecided("No runs of both arms on parts of the training images are finished.")
    leads = [compare_runs(one.by_size[n], two.by_size[n], most=1).lead for n in sizes]
    names = {Lead.FIRST: f"{one.name} is ahead", Lead.SECOND: f"{two.name} is ahead"}
    said = [f"{n:,} images: {names.get(x, NOT_CLEAR)}" for n, x in zip(sizes, leads, strict=True)]
    reason = f"{one.name} against {two.name} on {'; '.join(said)}."
    num = leads.count(Lead.FIRST)
    cell = Cell(f"ahead at {num} of {len(sizes)} sizes", num, num=len(sizes))
    if Lead.SECOND in leads:
        return decided(False, cell, reason)
    return decided(True if num == len(sizes) else None, cell, reason)
