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

import numpy as np
from msgspec import structs

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import (
    BlogPost,
    Claim,
    Judgement,
    Measured,
    MeasuredArm,
    decided,
    undecided,
)
from jaxcmp.compare.statistics.factorial import two_by_two
from jaxcmp.compare.statistics.means import (
    CONFIDENCE,
    Difference,
    Lead,
    compare_runs,
    estimate_mean,
)
from jaxcmp.compare.statistics.paired import wilson_interval
from jaxcmp.compare.statistics.ratios import compare_ratio

UNKNOWN = " Of seeds that are too few, or equal, it is not clear: further ones may reach it."


@dataclasses.dataclass(frozen=True)
class _Part:
    """The accuracies of an arm's seeds in [0, 1], as sure as so many independent answers."""

    accuracies: Sequence[float]
    num_independent: float


@dataclasses.dataclass(frozen=True)
class _Spread:
    """A mean, its interval over seeds, and the range of the seeds, in percent.

    `seeds` are the values of one arm, none of two. What it is a sum of has the `signs`, and
    `num_seeds` or more in each of its `parts`.
    """

    mean: float
    interval: tuple[float, float] | None
    range: tuple[float, float]
    seeds: list[float]
    parts: Sequence[_Part]
    signs: Sequence[int]
    num_images: int
    num_seeds: int


def judge_best_accuracy(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """The best test accuracy over epochs, in percent, with the last epoch's beside it."""
    (arm,) = measured.of(claim)
    judgement = _judge_spread(claim, claim.stated[0], _best_spread([arm]))
    last = cells.percent(arm.last_accuracies, arm.runs).text
    reason = f"{judgement.reason} After the last epoch, which nothing selected: {last}."
    return from_runs(measured.of(claim), dataclasses.replace(judgement, reason=reason))


def judge_best_gap(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """The difference of two arms' best test accuracies, in points."""
    arms = measured.of(claim)
    return from_runs(arms, _judge_spread(claim, claim.stated[0], _best_spread(arms)))


def _best_spread(arms: Sequence[MeasuredArm]) -> _Spread:
    # Only the last epoch's answers are stored; how much they depend on the images is much the same.
    return _spread([_Part(arm.best_accuracies, _num_independent(arm)) for arm in arms], arms)


def judge_each_class(claim: Claim, post: BlogPost, measured: Measured) -> list[Judgement]:
    """Judges each class in the blog post's order: the accuracy of one arm, or the gap of two."""
    arms = measured.of(claim)
    num_images = _num_of_class(arms, post)
    spreads = [
        _spread([_class_part(arm, name, num_images) for arm in arms], arms, num_images)
        for name in post.classes
    ]
    return [
        from_runs(arms, _judge_spread(claim, stated, spread))
        for stated, spread in zip(claim.stated, spreads, strict=True)
    ]


def judge_classes(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """A claim about classes holds if it does for every one of them, and fails if one fails."""
    judgements = judge_each_class(claim, post, measured)
    beside: dict[str, list[str]] = {"holds": [], "fails": [], "open": []}
    for name, stated, judgement in zip(post.classes, claim.stated, judgements, strict=True):
        beside[judgement.verdict].append(f"{name} ({judgement.measured.text}, not {stated:g})")
    agreeing, num = len(beside["holds"]), len(judgements)
    cell = Cell(f"{agreeing} of {num} classes agree", agreeing, num=judgements[0].measured.num)
    reasons = [f"Not so: {', '.join(beside['fails'])}."] if beside["fails"] else []
    reasons += [f"Not clear: {', '.join(beside['open'])}."] if beside["open"] else []
    reason = " ".join(reasons) or "Every class is as stated."
    reason += " After the last epoch; the table of classes has them all."
    verdict = "fails" if beside["fails"] else "open" if beside["open"] else "holds"
    return from_runs(measured.of(claim), Judgement(verdict, cell, reason))


def judge_largest_gap(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges for which class two arms differ most; clear if the lead over each other is real.

    It does not hold where the gap of one other class is really larger.
    """
    arms = measured.of(claim)
    first, second = arms
    gaps = {
        name: 100
        * float(np.mean(first.class_accuracies[name]) - np.mean(second.class_accuracies[name]))
        for name in post.classes
    }
    largest, following = sorted(post.classes, key=lambda name: -gaps[name])[:2]
    others = [name for name in post.classes if name != claim.class_name]
    # To hold takes every lead, each at 95 % (Berger 1982); to fail takes any one of them.
    holds = all(_is_wider(claim, post, arms, claim.class_name, name)[0] for name in others)
    fails = any(
        _is_wider(claim, post, arms, name, claim.class_name, len(others))[0] for name in others
    )
    num = min(len(arm.class_accuracies[largest]) for arm in arms)
    cell = Cell(f"{largest}, {cells.points(gaps[largest])} {claim.unit}", gaps[largest], num=num)
    reason = (
        f"Then comes {following}, with {cells.points(gaps[following])} {claim.unit}. Between the "
        f"two: {_is_wider(claim, post, arms, largest, following)[1]}."
    )
    verdict = "holds" if holds else "fails" if fails else "open"
    if verdict == "open":
        reason += " For which class the gap is largest is not clear."
    return from_runs(arms, Judgement(verdict, cell, reason))


def _is_wider(
    claim: Claim,
    post: BlogPost,
    arms: Sequence[MeasuredArm],
    name: str,
    other: str,
    num_tests: int = 1,
) -> tuple[bool, str]:
    """Returns whether one class's gap is really wider than another's, and by how much."""
    num_images = _num_of_class(arms, post)
    parts = [_class_part(arm, each, num_images) for arm in arms for each in (name, other)]
    # Both classes are of the same seeds, so that what a seed does to both leaves no trace.
    by_seed = [
        np.subtract(arm.class_accuracies[name], arm.class_accuracies[other]).tolist()
        for arm in arms
    ]
    spread = _spread_of(by_seed, parts, (1, -1, -1, 1), num_images)
    low, high, basis = _reach(claim, spread, num_tests)
    is_wider = low > 0 and spread.interval is not None
    return is_wider, f"{low:.2f} to {high:.2f}, by {basis}"


def judge_time_ratio(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
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
    one, two = times[device]
    ratio, num_runs = compare_ratio(one, two), min(len(one), len(two))
    low, high = ratio.interval or (min(one) / max(two), max(one) / min(two))
    low, high = low - claim.tolerance, high + claim.tolerance
    stated = claim.stated[0] / claim.stated[1] if len(claim.stated) == 2 else claim.stated[0]
    text = f"{ratio.mean:.2f} times"
    if ratio.interval is not None:
        text += f" [{ratio.interval[0]:.2f}, {ratio.interval[1]:.2f}]"
    means = " and ".join(cells.duration(float(np.mean(seconds))) for seconds in (one, two))
    holds = low <= stated <= high
    basis = "one run of an arm" if num_runs == 1 else f"the range of {num_runs} runs"
    basis = basis if ratio.interval is None else "the 95 % interval over runs"
    reason = (
        f"{means} on {device}. {stated:.2f} is {place(holds)} {low:.2f} to {high:.2f}: {basis}, "
        f"and {claim.tolerance:g} either way, as {claim.why}."
    )
    cell = Cell(text, ratio.mean, ratio.interval, num_runs)
    return from_runs(
        [first, second], decided_or_open(holds, ratio.interval is not None, cell, reason)
    )


def judge_tuned_accuracy(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether a pretrained arm reaches an accuracy, in percent, after its last epoch."""
    (arm,) = measured.of(claim)
    spread = _last_spread([arm])
    _, high, basis = _reach(claim, spread)
    holds = claim.stated[0] <= high
    reason = (
        f"{arm.name}: {claim.stated[0]:g} is {'not ' * holds}above {high:.2f}, the most that these "
        f"runs allow: {basis}, and {claim.tolerance:g}, as {claim.why}."
    )
    is_known = spread.interval is not None
    return from_runs([arm], decided_or_open(holds, is_known, _shown(claim, spread), reason))


def judge_lead(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether the first arm is ahead of the second by more than chance explains."""
    arms = measured.of(claim)
    spread = _last_spread(arms)
    low, high, basis = _reach(claim, spread)
    start = f"{arms[0].name} minus {arms[1].name}: {low:.2f} to {high:.2f}, by {basis}"
    if low <= 0 <= high or spread.interval is None:
        text = f"{start}; which of the two is ahead is not clear."
        return from_runs(arms, Judgement("open", _shown(claim, spread), text))
    return from_runs(arms, decided(low > 0, _shown(claim, spread), f"{start}."))


def judge_needs(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """Judges whether something helps the first model, and more than it helps the other.

    The arms are each model with it and without it: the first, then the other. The claim fails where
    the first model loses by it, or gains less than the other.
    """
    arms = measured.of(claim)
    own, own_without, other, other_without = (
        [100 * value for value in arm.last_accuracies] for arm in arms
    )
    gain = compare_runs(own, own_without, most=100)
    more = two_by_two([[own, own_without], [other, other_without]], most=100).interaction
    num = min(len(arm.last_accuracies) for arm in arms)
    cell = Cell(f"{_with_interval(gain)} {claim.unit}", gain.mean, gain.interval, num)
    reason = (
        f"So much is {arms[0].name} above {arms[1].name}; that is {_with_interval(more)} more than "
        f"{arms[2].name} is above {arms[3].name}."
    )
    leads = {gain.lead, more.lead}
    is_known = Lead.SECOND in leads or leads == {Lead.FIRST}
    return from_runs(
        arms, decided_or_open(Lead.SECOND not in leads and is_known, is_known, cell, reason)
    )


def _with_interval(difference: Difference) -> str:
    text = cells.points(difference.mean)
    if difference.interval is None:
        return text
    low, high = (cells.points(end) for end in difference.interval)
    return f"{text} [{low}, {high}]"


def judge_accuracy_at(claim: Claim, post: BlogPost, measured: Measured) -> Judgement:
    """The test accuracy after an epoch, in percent."""
    (arm,), (epoch,) = measured.of(claim), claim.at
    accuracies = arm.curves.get("test_accuracy", {}).get(epoch)
    if accuracies is None:
        return undecided(f"The runs of {arm.name} did not record epoch {epoch}.")
    spread = _spread([_Part(accuracies, _num_independent(arm))], [arm])
    return from_runs([arm], _judge_spread(claim, claim.stated[0], spread))


def _last_spread(arms: Sequence[MeasuredArm]) -> _Spread:
    return _spread([_Part(arm.last_accuracies, _num_independent(arm)) for arm in arms], arms)


def _spread(
    parts: Sequence[_Part], arms: Sequence[MeasuredArm], num_images: int | None = None
) -> _Spread:
    """Measures one arm's accuracies, or the first arm's minus the second's."""
    num_images = arms[0].num_test if num_images is None else num_images
    return _spread_of([part.accuracies for part in parts], parts, (1, -1), num_images)


def _spread_of(
    arms: Sequence[Sequence[float]],
    parts: Sequence[_Part],
    signs: Sequence[int],
    num_images: int,
) -> _Spread:
    percents = [[100 * value for value in values] for values in arms]
    num_seeds, first = min(map(len, arms)), percents[0]
    if len(arms) == 1:
        estimate = estimate_mean(first, most=100)
        ends = min(first), max(first)
        return _Spread(
            estimate.mean, estimate.interval, ends, first, parts, signs, num_images, num_seeds
        )
    second = percents[1]
    # Of a sum of as many parts, half with a minus sign, none is beyond that number of percent.
    estimate = compare_runs(first, second, most=50 * len(parts))
    ends = min(first) - max(second), max(first) - min(second)
    return _Spread(estimate.mean, estimate.interval, ends, [], parts, signs, num_images, num_seeds)


def _num_independent(arm: MeasuredArm) -> float:
    return arm.num_test if arm.num_independent is None else arm.num_independent


def _num_of_class(arms: Sequence[MeasuredArm], post: BlogPost) -> int:
    return arms[0].num_test // len(post.classes)


def _class_part(arm: MeasuredArm, name: str, num_images: int) -> _Part:
    return _Part(arm.class_accuracies[name], arm.class_independent.get(name, num_images))


def _judge_spread(claim: Claim, stated: float, spread: _Spread) -> Judgement:
    low, high, basis = _reach(claim, spread)
    holds = low <= stated <= high
    reason = (
        f"{stated:g} is {place(holds)} {low:.2f} to {high:.2f}: {basis}, and {claim.tolerance:g} "
        f"either way, as {claim.why}."
    )
    return decided_or_open(holds, spread.interval is not None, _shown(claim, spread), reason)


def decided_or_open(holds: bool, is_known: bool, measured: Cell, reason: str) -> Judgement:
    """Decides a claim, or leaves it open: it fails only where the spread of seeds is known."""
    if holds or is_known:
        return decided(holds, measured, reason)
    return Judgement("open", measured, reason + UNKNOWN)


def _reach(claim: Claim, spread: _Spread, num_tests: int | None = None) -> tuple[float, float, str]:
    """Returns the lowest and highest value that the runs allow, and the reason."""
    confidence = 1 - (1 - CONFIDENCE) / (num_tests or len(claim.stated))
    below, above = _by_images(spread, confidence)
    low, high = spread.interval or spread.range
    basis = "one seed, so that their spread is unknown"
    if spread.interval is not None:
        basis = f"the 95 % t-interval over {spread.num_seeds} seeds"
    elif spread.num_seeds > 1:
        basis = f"the range of {spread.num_seeds} seeds"
    images = f"the {100 * confidence:.4g} % interval for {spread.num_images:,} test images"
    least = 0.0 if len(spread.parts) == 1 else -50.0 * len(spread.parts)
    low, high = low - below - claim.tolerance, high + above + claim.tolerance
    most = 50.0 * max(len(spread.parts), 2)
    return max(low, least), min(high, most), f"{basis}, {images}"


def _by_images(spread: _Spread, confidence: float) -> tuple[float, float]:
    """Returns how far the choice of test images alone reaches to either side, in percent.

    Wilson's intervals of the parts, added up as squares (Newcombe 1998). Test images are taken as
    drawn anew for each arm, which makes a gap no surer than it is.
    """
    below = above = 0.0
    for part, sign in zip(spread.parts, spread.signs, strict=False):
        share = float(np.mean(part.accuracies))
        num = part.num_independent
        low, high = wilson_interval(share * num, num, confidence=confidence)
        down, up = (share - low, high - share)[::sign]
        below, above = below + down**2, above + up**2
    return 100 * math.sqrt(below), 100 * math.sqrt(above)


def _shown(claim: Claim, spread: _Spread) -> Cell:
    unit = f" {claim.unit}"
    if len(claim.arms) == 1:
        estimate = estimate_mean(spread.seeds, most=100)
        text = cells.over_runs(spread.seeds, estimate, digits=2, unit=unit)
    else:
        text = cells.points(spread.mean)
        if spread.interval is not None:
            low, high = (cells.points(end) for end in spread.interval)
            text += f" [{low}, {high}]"
        text += unit
    return Cell(text, spread.mean, spread.interval, spread.num_seeds)


def place(holds: bool) -> str:
    return "within" if holds else "outside"


def from_runs(arms: Sequence[MeasuredArm], judgement: Judgement) -> Judgement:
    """Names the runs that a judgement was made from."""
    runs = [run for arm in arms for run in arm.runs]
    cell = structs.replace(judgement.measured, runs=runs)
    return dataclasses.replace(judgement, measured=cell)
