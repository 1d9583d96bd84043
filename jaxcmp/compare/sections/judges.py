"""Claims that trained models judge: accuracies, their gaps, times, and the course of training."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxcmp.compare import cells
from jaxcmp.compare.document import Cell
from jaxcmp.compare.sections.blog_post import Claim, Speaker
from jaxcmp.compare.sections.rules import (
    Judgement,
    Undecided,
    decided,
    decided_or_open,
    judge_is,
    judge_leads,
    judge_reaches,
    number,
    ratio,
)
from jaxcmp.compare.statistics.convergence import epochs_to_converge
from jaxcmp.compare.statistics.means import MIN_RUNS, Estimate, compare_runs, contrast


def _curve_of(speaker: Speaker, metric: str) -> dict[int, list[float]]:
    """The values of a metric by epoch, of each run."""
    return speaker.arm.by_epoch(lambda outcome: [epoch[metric] for epoch in outcome.epochs])


def _best(speaker: Speaker) -> list[float]:
    """Returns each seed's highest test accuracy over epochs, in percent."""
    return [
        100 * max(epoch["test_accuracy"] for epoch in outcome.epochs)
        for outcome in speaker.arm.outcomes
    ]


def by_class(speaker: Speaker, classes: Sequence[str]) -> dict[str, list[float]]:
    """Returns each seed's accuracy after the last epoch in these classes, in percent."""
    group, is_right = speaker.group, speaker.arm.is_right
    masks = {name: group.labels == c for c, name in enumerate(group.class_names)}
    if missing := [name for name in classes if name not in masks or not masks[name].any()]:
        raise Undecided(f"The runs of {speaker.name} were tested without {', '.join(missing)}.")
    return {name: (100 * is_right[:, masks[name]].mean(axis=1)).tolist() for name in classes}


def class_gaps(classes: Sequence[str], speakers: Sequence[Speaker]) -> dict[str, float]:
    """Returns the first arm's mean accuracy minus the second's in each class, in points."""
    one, two = (by_class(speaker, classes) for speaker in speakers)
    return {name: float(np.mean(one[name]) - np.mean(two[name])) for name in classes}


def _said(found: Estimate) -> str:
    return cells.in_words(found, is_signed=True) + cells.surely(found)


def judge_best(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """The best test accuracy over epochs, in percent, or the difference of two arms' best.

    Of one arm, the last epoch's stands beside it.
    """
    found = number(claim, [_best(speaker) for speaker in speakers])
    judgement = judge_is(claim, claim.stated[0], found)
    if len(speakers) > 1:
        return judgement
    arm = speakers[0].arm
    last = cells.percent(arm.accuracies, arm.runs).text
    reason = f"{judgement.reason} After the last epoch, which nothing selected: {last}."
    return dataclasses.replace(judgement, reason=reason)


def judge_each_class(claim: Claim, speakers: Sequence[Speaker]) -> list[Judgement]:
    """Judges each class in the blog post's order: the accuracy of one arm, or the gap of two."""
    accuracies, num = [by_class(each, claim.classes) for each in speakers], len(claim.classes)
    return [
        judge_is(claim, stated, number(claim, [own[name] for own in accuracies], num_numbers=num))
        for name, stated in zip(claim.classes, claim.stated, strict=True)
    ]


def judge_classes(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """A claim about classes holds if it does for every one of them, and fails if one fails."""
    judgements = judge_each_class(claim, speakers)
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


def judge_largest_gap(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the gap of two arms in one class leads that in each other class.

    Both classes are of the same seeds, so that what a seed does to both leaves no trace.
    """
    gaps = class_gaps(claim.classes, speakers)
    accuracies = [by_class(each, claim.classes) for each in speakers]

    def apart(name: str, other: str) -> Estimate:
        one, two = (np.subtract(own[name], own[other]).tolist() for own in accuracies)
        return compare_runs(one, two, most=200)

    largest, following = sorted(gaps, key=lambda name: -gaps[name])[:2]
    num = min(len(each.arm.outcomes) for each in speakers)
    cell = Cell(f"{largest}, {cells.points(gaps[largest])} {claim.unit}", gaps[largest], num=num)
    reason = (
        f"Then comes {following}, with {cells.points(gaps[following])} {claim.unit}. Between the "
        f"two: {_said(apart(largest, following))}."
    )
    others = [name for name in claim.classes if name != claim.class_name]
    leads = {name: apart(claim.class_name, name) for name in others}
    if unclear := [name for name, each in leads.items() if not each.lead.is_real]:
        reason += f" Not clear: {claim.class_name} against {', '.join(unclear)}."
    return judge_leads(list(leads.values()), cell, reason)


def judge_time_ratio(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """The seconds of the first arm over those of the second, on one device.

    Two stated numbers are the times, one is their ratio.
    """
    first, second = (cells.durations(each.arm) for each in speakers)
    shared = {device: (first[device], second[device]) for device in first if device in second}
    if not shared:
        devices = [" and ".join(each) for each in (first, second)]
        raise Undecided(f"The arms ran on different devices: {devices[0]}; {devices[1]}.")
    device = max(shared, key=lambda name: min(map(len, shared[name])))
    stated = claim.stated[0] / claim.stated[1] if len(claim.stated) == 2 else claim.stated[0]
    judgement = judge_is(claim, stated, ratio(*shared[device]))
    means = " and ".join(cells.duration(float(np.mean(seconds))) for seconds in shared[device])
    return dataclasses.replace(judgement, reason=f"{means} on {device}. {judgement.reason}")


def judge_accuracy_at(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """The test accuracy after an epoch, in percent."""
    (speaker,), (epoch,) = speakers, claim.at
    accuracies = _curve_of(speaker, "test_accuracy").get(epoch)
    if accuracies is None:
        raise Undecided(f"The runs of {speaker.name} did not record epoch {epoch}.")
    values = [100 * accuracy for accuracy in accuracies]
    return judge_is(claim, claim.stated[0], number(claim, [values]))


def judge_reached(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether an arm reaches an accuracy, in percent, after its last epoch."""
    (speaker,) = speakers
    judgement = judge_reaches(claim, claim.stated[0], number(claim, [speaker.arm.percents]))
    return dataclasses.replace(judgement, reason=f"{speaker.name}: {judgement.reason}")


def judge_lead(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether the first arm is ahead of the second after the last epoch."""
    one, two = speakers
    found = compare_runs(one.arm.percents, two.arm.percents, most=100)
    reason = f"{one.name} minus {two.name}: {_said(found)}."
    return judge_leads([found], _cell(claim, found, speakers), reason)


def judge_needs(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges whether something helps the first model, and more than it helps the other.

    The arms are each model with it and without it: the first, then the other. The claim fails where
    the first model loses by it, or gains less than the other.
    """
    own = [speaker.arm.percents for speaker in speakers]
    names = [speaker.name for speaker in speakers]
    gain = compare_runs(own[0], own[1], most=100)
    more = contrast(own, (1, -1, -1, 1), most=100)
    reason = (
        f"So much is {names[0]} above {names[1]}; that is {cells.as_text(more)} more than "
        f"{names[2]} is above {names[3]}."
    )
    return judge_leads([gain, more], _cell(claim, gain, speakers), reason)


def _cell(claim: Claim, found: Estimate, speakers: Sequence[Speaker]) -> Cell:
    num = min(len(each.arm.outcomes) for each in speakers)
    return Cell(f"{cells.as_text(found)} {claim.unit}", found.mean, found.interval, num)


def _curve(speaker: Speaker, epochs: Sequence[int] = ()) -> tuple[list[int], np.ndarray]:
    """Returns the epochs and the test accuracies after them [epochs, seeds], which has these."""
    curve = _curve_of(speaker, "test_accuracy")
    if len(curve) < 2 or not set(epochs) <= curve.keys():
        which = f"the epochs around {epochs[1]}" if epochs else "its epochs"
        raise Undecided(f"The runs of {speaker.name} did not record {which}.")
    return list(curve), np.array(list(curve.values()))


def judge_rate_at(claim: Claim, speakers: Sequence[Speaker]) -> Judgement:
    """Judges the learning rates after epochs, which no chance changes."""
    recorded = _curve_of(speakers[0], "learning_rate")
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
