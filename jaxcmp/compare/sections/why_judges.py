"""Claims about the reason: what inspections and runs on fewer images say of them."""

from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.inspected import InspectedArm, read_inspected
from jaxcmp.compare.sections.blog_post import Claim, Speaker
from jaxcmp.compare.sections.judges import class_gaps
from jaxcmp.compare.sections.rules import Judgement, Undecided, decided, judge_leads
from jaxcmp.compare.sections.why_attention import head_values
from jaxcmp.compare.sections.why_questions import class_correlation, find_gaps, questions_for
from jaxcmp.compare.statistics.means import CONFIDENCE, Lead, compare_runs, estimate_mean
from jaxcmp.compare.words import NOT_CLEAR
from jaxcmp.runs.inspections import STATES


def _inspected(speakers: Sequence[Speaker], part: str = "unchanged") -> list[InspectedArm]:
    """Returns the inspections of the arms, all of which have this part."""
    found = []
    for speaker in speakers:
        arms = read_inspected(speaker.group).arms.values()
        own = [each for each in arms if each.arm.name == speaker.name]
        if not own or not all(part in each for each in own[0].inspections):
            raise Undecided(
                f"The runs of {speaker.name} were not inspected: python -m jaxcmp.inspect measures "
                "it."
            )
        found += own
    return found


def judge_anywhere(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the first arm keeps more of its answers under shifts than the second.

    It is the first of the questions of "Why", corrected for all of them as there.
    """
    first, second = _inspected(speakers)
    gap = find_gaps(questions_for(first), first, second)[0]
    assert gap.difference  # Answers kept can always be compared.
    size, num = gap.difference.mean, min(len(each.inspections) for each in gap.arms)
    cell = Cell(f"{cells.points(size)} points", size, gap.difference.interval, num)
    return judge_leads([gap.difference], cell, gap.sentence)


def judge_global_shape(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the first arm leads by more in classes that shuffled tiles cost more.

    Those are the classes whose images need their arrangement. Over ten classes only a strong
    correlation is clear.
    """
    first, second = _inspected(speakers)
    gaps = class_gaps(speakers[0].group.class_names, speakers)
    leads = dict(enumerate(gaps.values()))
    correlation = class_correlation(leads, first, second)
    if correlation is None:
        raise Undecided("The classes are too few, or all alike.")
    rho, p_value, num = correlation
    cell = Cell(f"rank correlation {cells.decimals(rho)}", rho, num=num)
    one, two = speakers
    reason = (
        f"Of the lead of {one.name} over {two.name} with the accuracy that shuffled tiles cost, "
        f"over {num} classes ({cells.say_p(p_value)})."
    )
    return decided(rho > 0 if p_value < 1 - CONFIDENCE else None, cell, reason)


def judge_specialised(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether training leaves attention as spread out as it was at random weights.

    By its entropy, in percent of uniform attention's. Attention that gathers fails the claim; one
    that stays within the tolerance holds it.
    """
    (inspected,) = _inspected(speakers, "attention")
    trained, initial = (
        head_values(inspected, "entropy", state).mean(axis=(1, 2)) for state in STATES
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


def judge_crossover(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the first arm leads the second at every number of training images."""
    one, two = speakers
    sizes = [_by_size(speaker) for speaker in speakers]
    shared = sorted(sizes[0].keys() & sizes[1].keys())
    if len(shared) < 2:
        raise Undecided("No runs of both arms on parts of the training images are finished.")
    found = [compare_runs(sizes[0][n], sizes[1][n], most=1) for n in shared]
    names = {Lead.FIRST: f"{one.name} is ahead", Lead.SECOND: f"{two.name} is ahead"}
    pairs = zip(shared, found, strict=True)
    said = [f"{n:,} images: {names.get(each.lead, NOT_CLEAR)}" for n, each in pairs]
    num = sum(each.lead is Lead.FIRST for each in found)
    cell = Cell(f"ahead at {num} of {len(shared)} sizes", num, num=len(shared))
    return judge_leads(found, cell, f"{one.name} against {two.name} on {'; '.join(said)}.")


def _by_size(speaker: Speaker) -> dict[int, list[float]]:
    """The accuracies on all training images and on parts of them, for as many epochs."""
    arm = speaker.arm
    same = [
        each
        for each in speaker.group.smaller
        if each.index == arm.index >= 0
        and each.outcomes[0].num_epochs == arm.outcomes[0].num_epochs
    ]
    return {each.outcomes[0].num_train: each.accuracies for each in (*same, arm)}
