"""Claims about the course of training: learning rates, convergence, bends and falls of curves."""

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import (
    BlogPost,
    Claim,
    Judgement,
    Measured,
    decided,
    undecided,
)
from jaxcmp.compare.sections.judges import decided_or_open, from_runs, place
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import MIN_RUNS, estimate_mean


def judge_rate_at(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges the learning rates after epochs, which no chance changes."""
    (arm,) = measured.of(claim)
    rates = [arm.curves.get("learning_rate", {}).get(epoch) for epoch in claim.at]
    if not all(rates):
        return undecided(f"The runs of {arm.name} did not record these epochs.")
    pairs = zip(claim.stated, filter(None, rates), strict=True)
    holds = all(abs(rate - stated) <= claim.tolerance for stated, each in pairs for rate in each)
    text = ", ".join(f"{each[0]:.2g}" for each in rates if each)
    return from_runs(
        [arm], decided(holds, Cell(text), f"{claim.tolerance:g} is allowed: {claim.why}.")
    )


def judge_convergence(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges from which epoch the test accuracy is close to the last one (`epochs_to_converge`)."""
    (arm,) = measured.of(claim)
    curve = arm.curves.get("test_accuracy", {})
    if not curve:
        return undecided(f"The runs of {arm.name} recorded no epochs.")
    epochs, last = np.array(list(curve)), max(curve)
    seeds = np.array(list(curve.values())).T
    found = [float(epochs_to_converge(accuracy, epochs)) for accuracy in seeds]
    estimate = estimate_mean(found, most=last)
    low, high = estimate.interval or (min(found), max(found))
    low, high, stated = low - claim.tolerance, high + claim.tolerance, claim.stated[0]
    holds = low <= stated <= high
    reason = f"{stated:g} is {place(holds)} {low:.1f} to {high:.1f}, as {claim.why}."
    text = cells.over_runs(found, estimate, digits=1, unit=" epochs")
    cell = Cell(text, estimate.mean, estimate.interval, len(found))
    return from_runs([arm], decided_or_open(holds, estimate.interval is not None, cell, reason))


def judge_jump(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether the accuracy bends upwards at an epoch more than elsewhere, in every seed.

    The bend is the second difference of the accuracy. It does not hold where no seed has its
    largest one there.
    """
    (arm,), (epoch,) = measured.of(claim), claim.at
    curve = arm.curves.get("test_accuracy", {})
    if not {epoch - 1, epoch, epoch + 1} <= curve.keys():
        return undecided(f"The runs of {arm.name} did not record the epochs around {epoch}.")
    bends = np.diff(np.array(list(curve.values())), n=2, axis=0)
    largest = [list(curve)[1:-1][i] for i in bends.argmax(axis=0)]
    agreeing = largest.count(epoch)
    is_clear = agreeing == len(largest) or (agreeing == 0 and len(largest) >= MIN_RUNS)
    cell = Cell(f"{agreeing} of {len(largest)} seeds", agreeing, num=len(largest))
    reason = f"It bends upwards most after epoch {', '.join(map(str, largest))}, by seed."
    return from_runs([arm], decided_or_open(agreeing == len(largest), is_clear, cell, reason))


def judge_smoothness(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether no epoch loses more than the stated points of test accuracy, in any seed.

    It does not hold where every seed of one of the arms has such an epoch.
    """
    arms, (most,) = measured.of(claim), claim.stated
    falls: list[np.ndarray] = []
    for arm in arms:
        curve = arm.curves.get("test_accuracy", {})
        if len(curve) < 2:
            return undecided(f"The runs of {arm.name} recorded no epochs.")
        falls.append(-100 * np.diff(np.array(list(curve.values())), axis=0).min(axis=0))
    are_smooth = [fall <= most + claim.tolerance for fall in falls]
    holds = all(each.all() for each in are_smooth)
    is_clear = holds or any(not each.any() and len(each) >= MIN_RUNS for each in are_smooth)
    texts = [
        f"{arm.name} loses at most {', '.join(f'{value:.2f}' for value in np.maximum(fall, 0))}"
        for arm, fall in zip(arms, falls, strict=True)
    ]
    num = min(map(len, falls))
    worst = float(max(fall.max() for fall in falls))
    cell = Cell(f"up to {max(worst, 0):.2f} {claim.unit}", worst, num=num)
    reason = f"From one epoch to the next, by seed: {'; '.join(texts)} points. Smooth: {claim.why}."
    return from_runs(arms, decided_or_open(holds, is_clear, cell, reason))
