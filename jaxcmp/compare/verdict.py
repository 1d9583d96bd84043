"""Sentences that say who is ahead, by how much, and how surely.

Of more than two arms every pair is compared, and one is best only where held-out images choose it.
"""

import itertools
from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, Group, by_held_out, gathered, has_settings_of_one_arm, ranked
from jaxcmp.compare.cells import decimals, percent, say_p
from jaxcmp.compare.gaps import Gap, every_gap, gap
from jaxcmp.compare.recipe_keys import differing, short_names
from jaxcmp.compare.statistics.means import MIN_RUNS, ROUNDING, Estimate, Lead
from jaxcmp.compare.words import CLEAR, MAX_NAMED, UNCLEAR, count, listed, shortened

# A longer title, or one of more settings, is not read.
MAX_TITLE, MAX_KEYS = 48, 2
NO_CHOICE = (
    "No arm is called the best: that choice takes held-out images, which not all of these runs "
    "have (--config.data.validation_fraction=0.1)."
)
NUMBERS = "± is half of the 95 % t-interval over seeds; with fewer than three seeds, each is shown."


def answer(group: Group) -> list[str]:
    """The verdict on the arms of a group, then that on those that began from pretrained weights."""
    own, best = verdict(group.arms), chosen(group.arms)
    if len(group.arms) == 2 and len(best) == 1:
        own.append(choice(group.arms, best))
    if not group.pretrained:
        return own
    random = [f"From random weights: {sentence}" for sentence in own]
    tuned = verdict(pretrained_arms(group))
    return [*random, *(f"From pretrained weights: {sentence}" for sentence in tuned)]


def pretrained_arms(group: Group) -> list[Arm]:
    """Returns the arms that began from weights where others did not, on the most images."""
    most = max((arm.outcomes[0].num_train for arm in group.pretrained), default=0)
    found = [arm for arm in group.pretrained if arm.outcomes[0].num_train == most]
    return ranked(found)


def verdict(arms: Sequence[Arm]) -> list[str]:
    """Says which of two arms is ahead, by how many points, how surely.

    Of more, counts the pairs that differ; the best of each model is one that held-out images chose.
    """
    if len(arms) == 1:
        return [f"{arms[0].name} is the only arm here: there is nothing to compare it with."]
    if len(arms) == 2:
        return [lead_sentence(*arms)]
    best, counts = chosen(arms), _counts(every_gap(arms))
    if best:
        leads = [lead_sentence(*pair) for pair in itertools.combinations(best, 2)]
        return [*leads, choice(arms, best), *counts]
    return [*counts, *([NO_CHOICE] if has_settings_of_one_arm(arms) else [])]


def lead_sentence(leader: Arm, other: Arm) -> str:
    """Says by how many points one of two arms is ahead of the other, and how surely.

    An arm is said to be ahead where its lead is real; see `Lead`. Arms that are level stay in their
    order.
    """
    difference = gap(leader, other).over_seeds
    if difference.mean < 0:
        return lead_sentence(other, leader)
    points, names = f"{difference.mean:.2f} points", f"{leader.name} and {other.name}"
    start = f"{leader.name} is ahead of {other.name} by {points} of test accuracy"
    surely = f", {CLEAR}"
    if difference.lead is Lead.TIE:
        start, surely = f"{names} are level in test accuracy", ""
    elif difference.lead is Lead.UNKNOWN:
        start = f"{leader.name} scored {points} more than {other.name} in test accuracy"
        surely = f", {UNCLEAR}"
    first, second = len(leader.outcomes), len(other.outcomes)
    seeds = f"{count(first, 'seed')} each" if first == second else f"{first} and {second} seeds"
    if difference.p_value is None:
        few = " and ".join(arm.name for arm in (leader, other) if len(arm.outcomes) < MIN_RUNS)
        shown = " against ".join(percent(arm.accuracies, []).text for arm in (leader, other))
        return (
            f"{start} ({seeds}: {shown}). With fewer than three seeds of {few}, the spread between "
            "seeds is unknown."
        )
    p_value = say_p(difference.p_value)
    if difference.interval is None:
        return f"{start} ({seeds}, equal within each arm; permutation test, {p_value}){surely}."
    low, high = map(decimals, difference.interval)
    return f"{start} ({seeds}; Welch's 95 % interval {low} to {high}, {p_value}){surely}."


def title_of(arms: Sequence[Arm]) -> str:
    """The question in one line: the arms of two, or the models, and what tells arms apart."""
    if len(arms) <= 2:
        return f"{' or '.join(arm.name for arm in arms)}?"
    models = list(dict.fromkeys(arm.outcomes[0].title for arm in arms))
    names = " or ".join(models)
    question = f"Which {names}?" if len(models) == 1 else f"{names}?"
    if len(question) > MAX_TITLE:
        question = f"Which of {len(models)} models?"
    if len(models) == len(arms):
        return question
    keys = _telling_apart(arms)
    return (
        f"{question} {len(arms)} arms{f' by {listed(shortened(keys, MAX_KEYS))}' if keys else ''}"
    )


def chosen(arms: Sequence[Arm]) -> list[Arm]:
    """The best arm of each architecture on the held-out images; none where some arm had none."""
    order = by_held_out(arms)
    best = {arm.architecture: arm for arm in order[::-1]}
    return [arm for arm in order if arm in best.values()]


def choice(arms: Sequence[Arm], best: Sequence[Arm]) -> str:
    """Says which arm of each model held-out images chose, and of how many."""
    told = []
    for arm in best:
        own = arm.held_out_accuracy or 0.0
        same = [each.held_out_accuracy for each in arms if each.architecture == arm.architecture]
        level = sum(abs((each or 0.0) - own) <= ROUNDING for each in same)
        tie = f", level with {level - 1} of them" if level > 1 else ""
        choice = f" of {len(same)} {arm.architecture} arms{tie}"
        told.append(f"{arm.name}{choice if len(same) > 1 else ', the only one'}")
    return (
        f"The best of each model on images held out from training: {' and '.join(told)}. "
        "Nothing was chosen on the test images."
    )


def _counts(pairs: Sequence[Gap]) -> list[str]:
    """Between each two models, and in all, how many pairs differ by more than seeds explain."""
    between = gathered(
        pairs, lambda each: frozenset({each.first.architecture, each.second.architecture})
    )
    lines = [_lead(min(two), max(two), found) for two, found in between.items() if len(two) == 2]
    num, real = len(pairs), [pair for pair in pairs if pair.lead.is_real]
    unknown = sum(pair.corrected.p_value is None for pair in pairs)
    if unknown == num:
        return [
            f"Whether any of the {num} pairs of arms differs by {CLEAR} is "
            "unknown: that takes three seeds of both its arms."
        ]
    without = f" Of {unknown} it is unknown, for want of three seeds of both arms." * (unknown > 0)
    which = f"All {num}" if len(real) == num else f"{len(real) or 'None'} of {num}"
    p_value = max((pair.corrected.p_value or 0.0 for pair in real), default=0.0)
    largest = f"largest {say_p(p_value)} " if real else ""
    # Where seeds are equal within each arm, there is no spread for Welch's.
    is_welchs = all(pair.over_seeds.interval is not None for pair in real)
    test = "Welch's test" if is_welchs else "Welch's or a permutation test"
    return [
        *lines,
        f"{which} pairs of arms differ{'s' * (len(real) == 1)} by {CLEAR} ({test}, {largest}"
        f"after Holm's correction for {count(num - unknown, 'test')}).{without}",
    ]


def _lead(one: str, two: str, pairs: Sequence[Gap]) -> str:
    """Counts the pairs of arms of two models in which each model is really ahead."""
    leader, real = pairs[0].first, [pair for pair in pairs if pair.lead.is_real]
    if len(real) == len(pairs) <= MAX_NAMED and all(pair.first is leader for pair in pairs):
        sizes = [
            f"{pair.second.name} by {_size(pair.over_seeds, in_full=pair is pairs[0])}"
            for pair in pairs
        ]
        return f"{leader.name} is ahead of {' and of '.join(sizes)}, {CLEAR}."
    ahead = [pair.first.architecture for pair in real]
    # The model with more leads is named first.
    one, two = sorted((one, two), key=lambda model: -ahead.count(model))
    start = f"Of the {count(len(pairs), 'pair')} of a {one} arm and a {two} arm, "
    if all(pair.corrected.p_value is None for pair in pairs):
        return f"{start}none has the three seeds of both arms that a lead takes."
    if not ahead:
        return f"{start}none differ by {CLEAR}."
    others = f"{two} in {ahead.count(two)}" if two in ahead else f"{two} in none"
    leads = f"{one} is ahead in {ahead.count(one)} and {others}"
    return f"{start}{leads} by {CLEAR}."


def _size(found: Estimate, *, in_full: bool) -> str:
    unit, of = ("points of test accuracy", "95 % interval ") if in_full else ("points", "")
    if found.interval is None:
        return f"{found.mean:.2f} {unit} (seeds equal within each arm)"
    low, high = found.interval
    return f"{found.mean:.2f} {unit} ({of}{low:.2f} to {high:.2f})"


def _telling_apart(arms: Sequence[Arm]) -> list[str]:
    """The settings in which arms of one model differ, by their short names."""
    recipes = [(arm.outcomes[0].title, arm.outcomes[0].recipe) for arm in arms]
    keys = [
        key
        for (title, one), (other, two) in itertools.combinations(recipes, 2)
        if title == other
        for key in differing(one, two)
    ]
    names = short_names([recipe for _, recipe in recipes])
    return [names[key] for key in dict.fromkeys(keys)]
