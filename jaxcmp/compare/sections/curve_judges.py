"""Claims about the course of training: learning rates, convergence, bends and falls of curves."""

from collections.abc import Sequence

import numpy as np

from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import Claim, Speaker
from jaxcmp.compare.sections.judges import curve_of
from jaxcmp.compare.sections.rules import (
    Judgement,
    Undecided,
    decided,
    decided_or_open,
    judge_is,
    number,
)
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import MIN_RUNS


def _curve(speaker: Speaker, epochs: Sequence[int] = ()) -> tuple[list[int], np.ndarray]:
    """Returns the epochs and the test accuracies after them [epochs, seeds], which has these."""
    curve = curve_of(speaker, "test_accuracy")
    if len(curve) < 2 or not set(epochs) <= curve.keys():
        which = f"the epochs around {epochs[1]}" if epochs else "its epochs"
        raise Undecided(f"The runs of {speaker.name} did not record {which}.")
    return list(curve), np.array(list(curve.values()))


def judge_rate_at(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges the learning rates after epochs, which no chance changes."""
    recorded = curve_of(speakers[0], "learning_rate")
    rates = [recorded[epoch] for epoch in claim.at if epoch in recorded]
    if len(rates) < len(claim.at):
        raise Undecided(f"The runs of {speakers[0].name} did not record these epochs.")
    pairs = zip(claim.stated, rates, strict=True)
    holds = all(abs(rate - stated) <= claim.tolerance for stated, each in pairs for rate in each)
    text = ", ".join(f"{each[0]:.2g}" for each in rates)
    return decided(holds, Cell(text), f"{claim.tolerance:g} is allowed: {claim.why}.")


def judge_convergence(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges from which epoch the test accuracy is close to the last one (`epochs_to_converge`)."""
    epochs, curve = _curve(speakers[0])
    found = [float(epochs_to_converge(seed, np.array(epochs))) for seed in curve.T]
    return judge_is(claim, claim.stated[0], number(claim, [found], most=max(epochs), digits=1))


def judge_jump(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the accuracy bends upwards at an epoch more than elsewhere, in every seed.

    The bend is the second difference of the accuracy. It does not hold where no seed has its
    largest one there.
    """
    (epoch,) = claim.at
    epochs, curve = _curve(speakers[0], (epoch - 1, epoch, epoch + 1))
    bends = np.diff(curve, n=2, axis=0)
    largest = [epochs[1:-1][i] for i in bends.argmax(axis=0)]
    num, agreeing = len(largest), largest.count(epoch)
    cell = Cell(f"{agreeing} of {num} seeds", agreeing, num=num)
    reason = f"It bends upwards most after epoch {', '.join(map(str, largest))}, by seed."
    return decided_or_open(agreeing == num, agreeing == 0 and num >= MIN_RUNS, cell, reason)


def judge_smoothness(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether no epoch loses more than the stated points of test accuracy, in any seed.

    It does not hold where every seed of one of the arms has such an epoch.
    """
    (most,) = claim.stated
    falls = [-100 * np.diff(_curve(each)[1], axis=0).min(axis=0) for each in speakers]
    are_smooth = [fall <= most + claim.tolerance for fall in falls]
    is_rough = any(not each.any() and len(each) >= MIN_RUNS for each in are_smooth)
    texts = [
        f"{each.name} loses at most {', '.join(f'{value:.2f}' for value in np.maximum(fall, 0))}"
        for each, fall in zip(speakers, falls, strict=True)
    ]
    worst = float(max(fall.max() for fall in falls))
    cell = Cell(f"up to {max(worst, 0):.2f} {claim.unit}", worst, num=min(map(len, falls)))
    reason = f"From one epoch to the next, by seed: {'; '.join(texts)} points. Smooth: {claim.why}."
    return decided_or_open(all(each.all() for each in are_smooth), is_rough, cell, reason)
