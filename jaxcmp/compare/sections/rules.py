"""The rules by which claims are judged: what is measured is a number, reaches one, or leads.

The blog post reports one run of each model on the same test images. So a number that it states
holds where one further run could show it: within the 95 % prediction interval, or within the range
of seeds that are too few, or equal, with the claim's tolerance to either side. Several numbers
share out the 5 % (Bonferroni 1936). What lies outside does not hold where the spread of seeds is
known, and is open where it is not: further seeds may reach it.

A claim that an arm leads holds where its lead is real (`Lead`), as everywhere in the report. One
that states several leads holds where all are real (Berger 1982), and does not where one is real the
other way round after Holm's correction.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import Claim
from jaxcmp.compare.statistics.means import (
    CONFIDENCE,
    Estimate,
    Lead,
    compare_ratio,
    compare_runs,
    estimate_mean,
    prediction_interval,
)
from jaxcmp.compare.statistics.paired import holm

NOT_MEASURED = Cell("–")
UNKNOWN = " Of seeds that are too few, or equal, it is not clear: further ones may reach it."
Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """The judgement of a claim: its verdict, what was measured, and why that decides it."""

    verdict: Literal["holds", "fails", "open"]
    measured: Cell
    reason: str

    @property
    def is_measured(self) -> bool:
        """Returns whether runs bear on the claim, even if they leave it open."""
        return self.measured is not NOT_MEASURED


class Undecided(Exception):
    """Says why runs do not bear on a claim at all."""


@dataclasses.dataclass(frozen=True)
class Number:
    """A number as it was measured: its cell, and the range in which one further run may lie.

    `is_known` says whether the range comes from the spread of seeds, `basis` where it comes from.
    """

    cell: Cell
    low: float
    high: float
    is_known: bool
    basis: str


def decided(holds: bool | None, measured: Cell, reason: str) -> Judgement:
    """A claim that holds, fails, or is open, which is None."""
    verdict = "open" if holds is None else "holds" if holds else "fails"
    return Judgement(verdict, measured, reason)


def decided_or_open(holds: bool, is_known: bool, measured: Cell, reason: str) -> Judgement:
    """Decides a claim, or leaves it open: it fails only where the spread of seeds is known."""
    if holds or is_known:
        return decided(holds, measured, reason)
    return decided(None, measured, reason + UNKNOWN)


def number(
    claim: Claim,
    arms: Sequence[Sequence[float]],
    *,
    most: float = 100,
    digits: int = 2,
    num_numbers: int = 1,
) -> Number:
    """Measures the seeds of one arm, or of the first arm minus the second.

    Values are in [0, most], in the claim's unit; `num_numbers` share out the 5 %.
    """
    (first, *others), weights = arms, (1, -1)[: len(arms)]
    if others:
        found, num = compare_runs(first, *others, most=most), min(map(len, arms))
        text = f"{cells.as_text(found)} {claim.unit}"
    else:
        found, num = estimate_mean(first, most=most), len(first)
        text = cells.over_runs(first, found, digits=digits, unit=f" {claim.unit}")
    confidence = 1 - (1 - CONFIDENCE) / num_numbers
    interval = prediction_interval(arms, weights, confidence=confidence, most=most)
    ends = min(first) - sum(map(max, others)), max(first) - sum(map(min, others))
    return _number(Cell(text, found.mean, found.interval, num), interval, ends, confidence)


def ratio(first: Sequence[float], second: Sequence[float]) -> Number:
    """Measures the first arm over the second; intervals are those of the logarithms."""
    found, num = compare_ratio(first, second), min(len(first), len(second))
    text = cells.estimated(found, unit=" times").text
    interval = prediction_interval([np.log(first).tolist(), np.log(second).tolist()], (1, -1))
    if interval is not None:
        interval = math.exp(interval[0]), math.exp(interval[1])
    ends = min(first) / max(second), max(first) / min(second)
    return _number(Cell(text, found.mean, found.interval, num), interval, ends, CONFIDENCE)


def _number(cell: Cell, interval: Interval | None, ends: Interval, confidence: float) -> Number:
    """Takes the prediction interval; without one, the lowest and the highest of the seeds."""
    low, high = interval or ends
    if interval is not None:
        percent = f"{100 * confidence:.4g} %"
        basis = f"the {percent} prediction interval for one further run, by {cell.num} seeds"
    elif cell.num == 1:
        basis = "one seed, so that their spread is unknown"
    else:
        basis = f"the range of {cell.num} seeds"
    return Number(cell, low, high, interval is not None, basis)


def judge_is(claim: Claim, stated: float, found: Number) -> Judgement:
    """Judges whether a stated number is what one further run could show."""
    holds = found.low - claim.tolerance <= stated <= found.high + claim.tolerance
    reason = (
        f"{stated:.4g} is {'within' if holds else 'outside'} {found.low:.2f} to {found.high:.2f}, "
        f"{claim.tolerance:g} either way allowed, as {claim.why}: {found.basis}."
    )
    return decided_or_open(holds, found.is_known, found.cell, reason)


def judge_reaches(claim: Claim, stated: float, found: Number) -> Judgement:
    """Judges whether one further run could show a stated number, or a higher one."""
    holds = stated <= found.high + claim.tolerance
    reason = (
        f"{stated:.4g} is {'not ' * holds}above {found.high:.2f}, {claim.tolerance:g} allowed, as "
        f"{claim.why}: the most by {found.basis}."
    )
    return decided_or_open(holds, found.is_known, found.cell, reason)


def judge_leads(found: Sequence[Estimate], measured: Cell, reason: str) -> Judgement:
    """Judges whether all of these differences are leads of the first."""
    if all(each.lead is Lead.FIRST for each in found):
        return decided(True, measured, reason)
    is_turned = any(each.lead is Lead.SECOND for each in holm(found))
    return decided(False if is_turned else None, measured, reason)
