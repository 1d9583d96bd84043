"""Claims about the course of training: learning rates, convergence, bends and falls of curves."""

from collections.abc import Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import Claim, MeasuredArm
from jaxcmp.compare.sections.judges import (
    Judgement,
    Undecided,
    decided,
    decided_or_open,
    judge_stated,
)
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import MIN_RUNS, estimate_mean


def _curve(arm: MeasuredArm, epochs: Sequence[int] = ()) -> tuple[list[int], np.ndarray]:
    """Returns the epochs and the test accuracies after them [epochs, seeds], which has these."""
    curve = arm.curves.get("test_accuracy", {})
    if len(curve) < 2 or not set(epochs) <= curve.keys():
        which = f"the epochs around {epochs[1]}" if epochs else "its epochs"
        raise Undecided(f"The runs of {arm.name} did not record {which}.")
    return list(curve), np.array(list(curve.values()))


def judge_rate_at(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges the learning rates after epochs, which no chance changes."""
    recorded = arms[0].curves.get("learning_rate", {})
    rates = [recorded[epoch] for epoch in claim.at if epoch in recorded]
    if len(rates) < len(claim.at):
        raise Undecided(f"The runs of {arms[0].name} did not record these epochs.")
    pairs = zip(claim.stated, rates, strict=True)
    holds = all(abs(rate - stated) <= claim.tolerance for stated, each in pairs for rate in each)
    text = ", ".join(f"{each[0]:.2g}" for each in rates)
    return decided(holds, Cell(text), f"{claim.tolerance:g} is allowed: {claim.why}.")


def judge_convergence(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges from which epoch the test accuracy is close to the last one (`epochs_to_converge`)."""
    epochs, curve = _curve(arms[0])
    found = [float(epochs_to_converge(seed, np.array(epochs))) for seed in curve.T]
    estimate = estimate_mean(found, most=max(epochs))
    low, high = estimate.interval or (min(found), max(found))
    text = cells.over_runs(found, estimate, digits=1, unit=" epochs")
    cell = Cell(text, estimate.mean, estimate.interval, len(found))
    ends = low - claim.tolerance, high + claim.tolerance
    return judge_stated(claim, claim.stated[0], ends, estimate.interval, cell)


def judge_jump(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether the accuracy bends upwards at an epoch more than elsewhere, in every seed.

    The bend is the second difference of the accuracy. It does not hold where no seed has its
    largest one there.
    """
    (epoch,) = claim.at
    epochs, curve = _curve(arms[0], (epoch - 1, epoch, epoch + 1))
    bends = np.diff(curve, n=2, axis=0)
    largest = [epochs[1:-1][i] for i in bends.argmax(axis=0)]
    num, agreeing = len(largest), largest.count(epoch)
    cell = Cell(f"{agreeing} of {num} seeds", agreeing, num=num)
    reason = f"It bends upwards most after epoch {', '.join(map(str, largest))}, by seed."
    return decided_or_open(agreeing == num, agreeing == 0 and num >= MIN_RUNS, cell, reason)


def judge_smoothness(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether no epoch loses more than the stated points of test accuracy, in any seed.

    It does not hold where every seed of one of the arms has such an epoch.
    """
    (most,) = claim.stated
    falls = [-100 * np.diff(_curve(arm)[1], axis=0).min(axis=0) for arm in arms]
    are_smooth = [fall <= most + claim.tolerance for fall in falls]
    is_rough = any(not each.any() and len(each) >= MIN_RUNS for each in are_smooth)
    texts = [
        f"{arm.name} loses at most {', '.join(f'{value:.2f}' for value in np.maximum(fall, 0))}"
        for arm, fall in zip(arms, falls, strict=True)
    ]
    worst = float(max(fall.max() for fall in falls))
    cell = Cell(f"up to {max(worst, 0):.2f} {claim.unit}", worst, num=min(map(len, falls)))
    reason = f"From one epoch to the next, by seed: {'; '.join(texts)} points. Smooth: {claim.why}."
    return decided_or_open(all(each.all() for each in are_smooth), is_rough, cell, reason)
