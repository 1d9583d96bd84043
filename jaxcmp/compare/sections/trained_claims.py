"""Claims that only trained models can judge: accuracies, their gaps, and times.

A number holds if it lies within the 95 % t-interval over seeds, or at the one seed that there is,
widened by the test set's own sampling error: 95 % of a normal distribution, shared out among as
many numbers as the claim states (Bonferroni 1936), and by the claim's tolerance.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.evidence import Judgement, Measured, MeasuredArm, decided, undecided
from jaxcmp.compare.sections.published import Claim, Study
from jaxcmp.compare.statistics.means import CONFIDENCE, compare_means, estimate_mean
from jaxcmp.compare.statistics.ratios import compare_ratio


def judge_best_accuracy(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """The best test accuracy over epochs, in percent, with the last epoch's beside it."""
    (arm,) = measured.of(claim)
    judgement = _judge_spread(claim, claim.stated[0], _spread([arm.best_accuracies], arm.num_test))
    last = cells.percent(arm.last_accuracies, arm.runs).text
    reason = f"{judgement.reason} After the last epoch, which nothing selected: {last}."
    return _from(measured.of(claim), dataclasses.replace(judgement, reason=reason))


def judge_best_gap(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """The difference of two arms' best test accuracies, in points."""
    arms = measured.of(claim)
    spread = _spread([arm.best_accuracies for arm in arms], arms[0].num_test)
    return _from(arms, _judge_spread(claim, claim.stated[0], spread))


def judge_each_class(claim: Claim, study: Study, measured: Measured) -> list[Judgement]:
    """Each class in the study's order: the accuracy of one arm, or the gap of two."""
    arms = measured.of(claim)
    num_images = arms[0].num_test // len(study.classes)
    spreads = [
        _spread([arm.class_accuracies[name] for arm in arms], num_images) for name in study.classes
    ]
    return [
        _from(arms, _judge_spread(claim, stated, spread))
        for stated, spread in zip(claim.stated, spreads, strict=True)
    ]


def judge_classes(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """A claim about classes holds if it does for every one of them."""
    judgements = judge_each_class(claim, study, measured)
    wrong = [
        f"{name} ({judgement.measured.text}, not {stated:g})"
        for name, stated, judgement in zip(study.classes, claim.stated, judgements, strict=True)
        if judgement.verdict == "fails"
    ]
    agreeing, num = len(judgements) - len(wrong), len(judgements)
    cell = Cell(f"{agreeing} of {num} classes agree", agreeing, num=judgements[0].measured.num)
    reason = f"Not so: {', '.join(wrong)}." if wrong else "Every class is as stated."
    reason += " After the last epoch; the table of classes has them all."
    return _from(measured.of(claim), decided(not wrong, cell, reason))


def judge_largest_gap(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """For which class two arms differ most, by the means over seeds."""
    first, second = measured.of(claim)
    gaps = {
        name: 100
        * float(np.mean(first.class_accuracies[name]) - np.mean(second.class_accuracies[name]))
        for name in study.classes
    }
    largest, following = sorted(study.classes, key=lambda name: -gaps[name])[:2]
    num = min(len(first.class_accuracies[largest]), len(second.class_accuracies[largest]))
    cell = Cell(f"{largest}, {cells.points(gaps[largest])} {claim.unit}", gaps[largest], num=num)
    reason = (
        f"Then comes {following}, with {cells.points(gaps[following])} {claim.unit}; by means "
        "over seeds."
    )
    return _from([first, second], decided(largest == claim.class_name, cell, reason))


def judge_time_ratio(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """The seconds of the first arm over those of the second, on one device.

    Two stated numbers are the times, one is their ratio.
    """
    first, second = measured.of(claim)
    shared = [device for device in first.seconds if device in second.seconds]
    if not shared:
        devices = [" and ".join(arm.seconds) or "none known" for arm in (first, second)]
        return undecided(f"The arms ran on different devices: {devices[0]}; {devices[1]}.")
    times = {device: (first.seconds[device], second.seconds[device]) for device in shared}
    device = max(shared, key=lambda name: min(map(len, times[name])))
    ratio = compare_ratio(*times[device])
    low, high = ratio.interval or (ratio.mean, ratio.mean)
    low, high = low - claim.tolerance, high + claim.tolerance
    stated = claim.stated[0] / claim.stated[1] if len(claim.stated) == 2 else claim.stated[0]
    text = f"{ratio.mean:.2f} times"
    if ratio.interval is not None:
        text += f" [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}]"
    each = " and ".join(cells.duration(float(np.mean(seconds))) for seconds in times[device])
    holds = low <= stated <= high
    reason = (
        f"{each} on {device}. {stated:.2f} is {_place(holds)} {low:.2f} to {high:.2f}: "
        f"{'one run of an arm' if ratio.interval is None else 'the 95 % interval over runs'}, and "
        f"{claim.tolerance:g} either way, as {claim.why}."
    )
    cell = Cell(text, ratio.mean, ratio.interval, min(map(len, times[device])))
    return _from([first, second], decided(holds, cell, reason))


def judge_tuned_accuracy(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """Whether a pretrained arm reaches an accuracy, in percent, after its last epoch."""
    (arm,) = measured.of(claim)
    spread = _spread([arm.last_accuracies], arm.num_test)
    _, high, basis = _reach(claim, spread)
    holds = claim.stated[0] <= high
    reason = (
        f"{arm.name}: {claim.stated[0]:g} is {'not ' * holds}above {high:.2f}, the most that these "
        f"runs allow: {basis}, and {claim.tolerance:g}, as {claim.why}."
    )
    return _from([arm], decided(holds, _shown(claim, spread), reason))


def judge_tuned_gap(claim: Claim, study: Study, measured: Measured) -> Judgement:
    """Whether the first pretrained arm is ahead of the second: by more than chance explains."""
    arms = measured.of(claim)
    spread = _spread([arm.last_accuracies for arm in arms], arms[0].num_test)
    low, high, basis = _reach(claim, spread)
    start = f"{arms[0].name} minus {arms[1].name}: {low:.2f} to {high:.2f}, by {basis}"
    if low <= 0 <= high:
        text = f"{start}; which of the two is ahead is not settled."
        return _from(arms, Judgement("open", _shown(claim, spread), text))
    return _from(arms, decided(low > 0, _shown(claim, spread), f"{start}."))


@dataclasses.dataclass(frozen=True)
class _Spread:
    """In percent: a mean, its interval over seeds, and the standard error of the test set."""

    mean: float
    interval: tuple[float, float] | None
    num_seeds: int
    error: float
    num_images: int


def _spread(arms: Sequence[Sequence[float]], num_images: int) -> _Spread:
    """Of one arm's accuracies, or of the first arm's minus the second's."""
    percents = [[100 * value for value in values] for values in arms]
    estimate = compare_means(*percents) if len(arms) == 2 else estimate_mean(percents[0])
    # Test images are taken as drawn anew for each arm, which makes a gap no surer than it is.
    shares = [float(np.mean(values)) for values in arms]
    error = 100 * math.sqrt(sum(share * (1 - share) / num_images for share in shares))
    return _Spread(estimate.mean, estimate.interval, min(map(len, arms)), error, num_images)


def _judge_spread(claim: Claim, stated: float, spread: _Spread) -> Judgement:
    low, high, basis = _reach(claim, spread)
    holds = low <= stated <= high
    reason = (
        f"{stated:g} is {_place(holds)} {low:.2f} to {high:.2f}: {basis}, and {claim.tolerance:g} "
        f"either way, as {claim.why}."
    )
    return decided(holds, _shown(claim, spread), reason)


def _reach(claim: Claim, spread: _Spread) -> tuple[float, float, str]:
    """What the runs allow, from and to, and by what."""
    num_errors = float(stats.norm.isf((1 - CONFIDENCE) / 2 / len(claim.stated)))
    margin = num_errors * spread.error + claim.tolerance
    low, high = spread.interval or (spread.mean, spread.mean)
    basis = "one seed, so that their spread is unknown"
    if spread.interval is not None:
        basis = f"the 95 % t-interval over {spread.num_seeds} seeds"
    images = f"{num_errors:.2f} standard errors of {spread.num_images:,} test images"
    return low - margin, high + margin, f"{basis}, {images}"


def _shown(claim: Claim, spread: _Spread) -> Cell:
    text = cells.points(spread.mean) if len(claim.arms) == 2 else f"{spread.mean:.2f}"
    if spread.interval is not None:
        text += f" ± {spread.interval[1] - spread.mean:.2f}"
    return Cell(f"{text} {claim.unit}", spread.mean, spread.interval, spread.num_seeds)


def _place(holds: bool) -> str:
    return "within" if holds else "outside"


def _from(arms: Sequence[MeasuredArm], judgement: Judgement) -> Judgement:
    """Names the runs that a judgement was made from."""
    runs = [run for arm in arms for run in arm.runs]
    cell = dataclasses.replace(judgement.measured, runs=runs)
    return dataclasses.replace(judgement, measured=cell)
