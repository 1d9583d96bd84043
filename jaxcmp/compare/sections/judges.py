"""Claims that only trained models can judge: accuracies, their gaps, and times.

A number holds if it lies within the 95 % t-interval over seeds, or within the range of the one or
two that there are, widened by the interval for the choice of test images and by the claim's
tolerance. The confidence of that interval is 95 %, shared out among as many numbers as the claim
states (Bonferroni 1936). What lies outside does not hold where the spread between seeds is known,
and is open where it is not: further seeds may reach it.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import Claim, MeasuredArm
from jaxcmp.compare.sections.differences import as_text
from jaxcmp.compare.statistics.means import (
    CONFIDENCE,
    Estimate,
    Lead,
    compare_runs,
    contrast,
    estimate_mean,
)
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.compare.statistics.ratios import compare_ratio

UNKNOWN = " Of seeds that are too few, or equal, it is not clear: further ones may reach it."
Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The judgement of a claim: its verdict, what was measured, and why that decides it."""

    verdict: Literal["holds", "fails", "open"]
    measured: Cell
    reason: str


class Undecided(Exception):
    """Says why runs do not bear on a claim at all."""


def decided(holds: bool | None, measured: Cell, reason: str) -> Judgement:
    """A claim that holds, fails, or is open, which is None."""
    verdict = "open" if holds is None else "holds" if holds else "fails"
    return Judgement(verdict, measured, reason)


def decided_or_open(holds: bool, is_known: bool, measured: Cell, reason: str) -> Judgement:
    """Decides a claim, or leaves it open: it fails only where the spread of seeds is known."""
    if holds or is_known:
        return decided(holds, measured, reason)
    return decided(None, measured, reason + UNKNOWN)


def judge_stated(
    claim: Claim,
    stated: float,
    ends: Interval,
    interval: Interval | None,
    cell: Cell,
    also: str = "",
) -> Judgement:
    """Judges a number that is stated by the lowest and highest that the runs allow.

    `interval` is that over seeds, if they have one; `also` names what else widens it.
    """
    (low, high), holds = ends, ends[0] <= stated <= ends[1]
    reason = (
        f"{stated:.4g} is {'within' if holds else 'outside'} {low:.2f} to {high:.2f}: "
        f"{_basis(interval, cell.num or 1)}{also}, and {claim.tolerance:g} either way, as "
        f"{claim.why}."
    )
    return decided_or_open(holds, interval is not None, cell, reason)


def _basis(interval: Interval | None, num_seeds: int) -> str:
    if interval is not None:
        return f"the 95 % t-interval over {num_seeds} seeds"
    if num_seeds > 1:
        return f"the range of {num_seeds} seeds"
    return "one seed, so that their spread is unknown"


@dataclasses.dataclass(frozen=True)
class _Part:
    """A mean share of right answers, added or subtracted, as sure as so many independent ones."""

    sign: int
    accuracies: Sequence[float]
    num_independent: float


@dataclasses.dataclass(frozen=True)
class _Spread:
    """The seeds of one arm, or of a first and a second that it is compared with, in percent.

    `parts` are the accuracies that it is a sum of.
    """

    arms: Sequence[Sequence[float]]
    parts: Sequence[_Part]
    num_images: int

    @property
    def estimate(self) -> Estimate:
        first, *others = self.arms
        # Of a sum of as many parts, half with a minus sign, none is beyond that number of percent.
        most = 50 * len(self.parts)
        return compare_runs(first, *others, most=most) if others else estimate_mean(first, most=100)

    @property
    def num_seeds(self) -> int:
        return min(map(len, self.arms))

    def reach(self, claim: Claim, num_tests: int = 0) -> tuple[Interval, str]:
        """Returns the lowest and highest value that the runs allow, and what test images add."""
        confidence = 1 - (1 - CONFIDENCE) / (num_tests or len(claim.stated))
        below, above = self._by_images(confidence)
        (first, *others), num = self.arms, len(self.parts)
        ends = self.estimate.interval or (
            min(first) - sum(map(max, others)),
            max(first) - sum(map(min, others)),
        )
        least, most = (-50.0 * num, 50.0 * num) if num > 1 else (0.0, 100.0)
        low, high = ends[0] - below - claim.tolerance, ends[1] + above + claim.tolerance
        also = f", the {100 * confidence:.4g} % interval for {self.num_images:,} test images"
        return (max(low, least), min(high, most)), also

    def _by_images(self, confidence: float) -> Interval:
        """Returns how far the choice of test images alone reaches to either side, in percent.

        Wilson's intervals of the parts, added up as squares (Newcombe 1998). Test images are taken
        as drawn anew for each arm, which makes a gap no surer than it is.
        """
        below = above = 0.0
        for part in self.parts:
            share, num = float(np.mean(part.accuracies)), part.num_independent
            low, high = wilson_interval(share * num, num, confidence=confidence)
            down, up = (share - low, high - share)[:: part.sign]
            below, above = below + down**2, above + up**2
        return 100 * math.sqrt(below), 100 * math.sqrt(above)

    def said(self, claim: Claim, num_tests: int = 0) -> str:
        (low, high), also = self.reach(claim, num_tests)
        return f"{low:.2f} to {high:.2f}, by {_basis(self.estimate.interval, self.num_seeds)}{also}"

    def cell(self, claim: Claim) -> Cell:
        found = self.estimate
        if len(self.arms) == 1:
            unit = f" {claim.unit}"
            text = cells.over_runs(self.arms[0], found, digits=2, unit=unit)
        else:
            text = f"{as_text(found)} {claim.unit}"
        return Cell(text, found.mean, found.interval, self.num_seeds)

    def judge(self, claim: Claim, stated: float) -> Judgement:
        ends, also = self.reach(claim)
        return judge_stated(claim, stated, ends, self.estimate.interval, self.cell(claim), also)


def _spread(
    arms: Sequence[MeasuredArm], accuracies: Sequence[Sequence[float]], name: str = ""
) -> _Spread:
    """Measures these accuracies of one arm, or the first arm's minus the second's.

    They are of all test images, or of those of the class of this name.
    """
    parts = [_part(*each, name) for each in zip((1, -1), arms, accuracies, strict=False)]
    return _Spread(_percents(accuracies), parts, _num_images(arms[0], name))


def _percents(accuracies: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[100 * value for value in values] for values in accuracies]


def _num_images(arm: MeasuredArm, name: str) -> int:
    return arm.num_test // len(arm.class_accuracies) if name else arm.num_test


def _part(sign: int, arm: MeasuredArm, accuracies: Sequence[float], name: str) -> _Part:
    known = arm.class_independent.get(name) if name else arm.num_independent
    return _Part(sign, accuracies, _num_images(arm, name) if known is None else known)


def _last(arms: Sequence[MeasuredArm]) -> _Spread:
    return _spread(arms, [arm.last_accuracies for arm in arms])


def judge_best(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """The best test accuracy over epochs, in percent, or the difference of two arms' best.

    Of one arm, the last epoch's stands beside it.
    """
    # Only the last epoch's answers are stored; how much they depend on the images is much the same.
    spread = _spread(arms, [arm.best_accuracies for arm in arms])
    judgement = spread.judge(claim, claim.stated[0])
    if len(arms) > 1:
        return judgement
    last = cells.percent(arms[0].last_accuracies, arms[0].runs).text
    reason = f"{judgement.reason} After the last epoch, which nothing selected: {last}."
    return dataclasses.replace(judgement, reason=reason)


def judge_each_class(claim: Claim, arms: Sequence[MeasuredArm]) -> list[Judgement]:
    """Judges each class in the blog post's order: the accuracy of one arm, or the gap of two."""
    return [
        _spread(arms, [arm.class_accuracies[name] for arm in arms], name).judge(claim, stated)
        for name, stated in zip(claim.classes, claim.stated, strict=True)
    ]


def judge_classes(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """A claim about classes holds if it does for every one of them, and fails if one fails."""
    judgements = judge_each_class(claim, arms)
    beside: dict[str, list[str]] = {"holds": [], "fails": [], "open": []}
    for name, stated, judgement in zip(claim.classes, claim.stated, judgements, strict=True):
        beside[judgement.verdict].append(f"{name} ({judgement.measured.text}, not {stated:g})")
    agreeing, num = len(beside["holds"]), len(judgements)
    cell = Cell(f"{agreeing} of {num} classes agree", agreeing, num=judgements[0].measured.num)
    reasons = [f"Not so: {', '.join(beside['fails'])}."] if beside["fails"] else []
    reasons += [f"Not clear: {', '.join(beside['open'])}."] if beside["open"] else []
    reason = " ".join(reasons) or "Every class is as stated."
    reason += " After the last epoch; the table of classes has them all."
    return decided(False if beside["fails"] else None if beside["open"] else True, cell, reason)


def judge_largest_gap(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges for which class two arms differ most; clear if the lead over each other is real.

    It does not hold where the gap of one other class is really larger.
    """
    gaps = class_gaps(claim.classes, arms)
    largest, following = sorted(gaps, key=lambda name: -gaps[name])[:2]
    others = [name for name in claim.classes if name != claim.class_name]

    def apart(name: str, other: str) -> _Spread:
        parts = [
            _part(sign, arm, arm.class_accuracies[own], own)
            for arm, signs in zip(arms, ((1, -1), (-1, 1)), strict=True)
            for sign, own in zip(signs, (name, other), strict=True)
        ]
        # Both classes are of the same seeds, so that what a seed does to both leaves no trace.
        by_seed = [
            np.subtract(arm.class_accuracies[name], arm.class_accuracies[other]).tolist()
            for arm in arms
        ]
        return _Spread(_percents(by_seed), parts, _num_images(arms[0], name))

    def is_wider(name: str, other: str, num_tests: int = 1) -> bool:
        spread = apart(name, other)
        return spread.reach(claim, num_tests)[0][0] > 0 and spread.estimate.interval is not None

    # To hold takes every lead, each at 95 % (Berger 1982); to fail takes any one of them.
    holds = all(is_wider(claim.class_name, name) for name in others)
    fails = any(is_wider(name, claim.class_name, len(others)) for name in others)
    num = min(len(arm.class_accuracies[largest]) for arm in arms)
    cell = Cell(f"{largest}, {cells.points(gaps[largest])} {claim.unit}", gaps[largest], num=num)
    reason = (
        f"Then comes {following}, with {cells.points(gaps[following])} {claim.unit}. Between the "
        f"two: {apart(largest, following).said(claim, 1)}."
    )
    if holds or fails:
        return decided(holds, cell, reason)
    return decided(None, cell, f"{reason} For which class the gap is largest is not clear.")


def class_gaps(names: Sequence[str], arms: Sequence[MeasuredArm]) -> dict[str, float]:
    """Returns the first arm's accuracy minus the second's in each class that both have."""
    one, two = (arm.class_accuracies for arm in arms)
    shared = [name for name in names if name in one and name in two]
    return {name: 100 * float(np.mean(one[name]) - np.mean(two[name])) for name in shared}


def judge_time_ratio(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """The seconds of the first arm over those of the second, on one device.

    Two stated numbers are the times, one is their ratio.
    """
    first, second = (arm.seconds for arm in arms)
    shared = {device: (first[device], second[device]) for device in first if device in second}
    if not shared:
        devices = [" and ".join(arm.seconds) or "none known" for arm in arms]
        raise Undecided(f"The arms ran on different devices: {devices[0]}; {devices[1]}.")
    device = max(shared, key=lambda name: min(map(len, shared[name])))
    one, two = shared[device]
    ratio = compare_ratio(one, two)
    low, high = ratio.interval or (min(one) / max(two), max(one) / min(two))
    text = f"{ratio.mean:.2f} times"
    if ratio.interval is not None:
        text += f" [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}]"
    cell = Cell(text, ratio.mean, ratio.interval, min(len(one), len(two)))
    stated = claim.stated[0] / claim.stated[1] if len(claim.stated) == 2 else claim.stated[0]
    ends = low - claim.tolerance, high + claim.tolerance
    judgement = judge_stated(claim, stated, ends, ratio.interval, cell)
    means = " and ".join(cells.duration(float(np.mean(seconds))) for seconds in (one, two))
    return dataclasses.replace(judgement, reason=f"{means} on {device}. {judgement.reason}")


def judge_tuned_accuracy(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether a pretrained arm reaches an accuracy, in percent, after its last epoch."""
    spread, stated = _last(arms), claim.stated[0]
    (_, high), also = spread.reach(claim)
    interval = spread.estimate.interval
    reason = (
        f"{arms[0].name}: {stated:g} is {'not ' * (stated <= high)}above {high:.2f}, the most that "
        f"these runs allow: {_basis(interval, spread.num_seeds)}{also}, and {claim.tolerance:g}, "
        f"as {claim.why}."
    )
    return decided_or_open(stated <= high, interval is not None, spread.cell(claim), reason)


def judge_lead(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether the first arm is ahead of the second by more than chance explains."""
    spread = _last(arms)
    (low, high), _ = spread.reach(claim)
    reason = f"{arms[0].name} minus {arms[1].name}: {spread.said(claim)}"
    if low <= 0 <= high or spread.estimate.interval is None:
        reason += "; which of the two is ahead is not clear"
        return decided(None, spread.cell(claim), f"{reason}.")
    return decided(low > 0, spread.cell(claim), f"{reason}.")


def judge_needs(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """Judges whether something helps the first model, and more than it helps the other.

    The arms are each model with it and without it: the first, then the other. The claim fails where
    the first model loses by it, or gains less than the other.
    """
    percents = _percents([arm.last_accuracies for arm in arms])
    gain = compare_runs(percents[0], percents[1], most=100)
    more = contrast(percents, (1, -1, -1, 1), most=100)
    num = min(map(len, percents))
    cell = Cell(f"{as_text(gain)} {claim.unit}", gain.mean, gain.interval, num)
    reason = (
        f"So much is {arms[0].name} above {arms[1].name}; that is {as_text(more)} more than "
        f"{arms[2].name} is above {arms[3].name}."
    )
    leads = {gain.lead, more.lead}
    return decided_or_open(leads == {Lead.FIRST}, Lead.SECOND in leads, cell, reason)


def judge_accuracy_at(claim: Claim, arms: Sequence[MeasuredArm]) -> Judgement:
    """The test accuracy after an epoch, in percent."""
    (arm,), (epoch,) = arms, claim.at
    accuracies = arm.curves.get("test_accuracy", {}).get(epoch)
    if accuracies is None:
        raise Undecided(f"The runs of {arm.name} did not record epoch {epoch}.")
    return _spread([arm], [accuracies]).judge(claim, claim.stated[0])
