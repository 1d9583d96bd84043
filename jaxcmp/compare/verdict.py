"""Sentences that say who is ahead, by how much, and how surely."""

import itertools
from collections.abc import Sequence

from jaxcmp.compare import several
from jaxcmp.compare.arms import Arm, Group, ranked
from jaxcmp.compare.cells import decimals, percent, say_p
from jaxcmp.compare.gaps import gap
from jaxcmp.compare.statistics.means import MIN_RUNS, Lead
from jaxcmp.compare.words import CLEAR, UNCLEAR, count


def answer(group: Group) -> list[str]:
    """The verdict on the arms of a group, then that on those that began from pretrained weights."""
    own = [*verdict(group.arms), *_choice_of_two(group.arms)]
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
    """Says which of two arms is ahead, by how many points, how surely; see `several` for more."""
    if len(arms) > 2:
        return [*_between_best(several.chosen(arms)), *several.sentences(arms)]
    if len(arms) == 1:
        return [f"{arms[0].name} is the only arm here: there is nothing to compare it with."]
    return [lead_sentence(*arms)]


def _choice_of_two(arms: Sequence[Arm]) -> list[str]:
    """Says which of two settings of one model held-out images chose, where there are such."""
    if len(arms) != 2 or len({arm.outcomes[0].architecture for arm in arms}) > 1:
        return []
    best = several.chosen(arms)
    return [several.choice(arms, best)] if best else []


def _between_best(best: Sequence[Arm]) -> list[str]:
    """The best arm of each model on held-out images beside that of each other."""
    return [lead_sentence(*pair) for pair in itertools.combinations(best, 2)]


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
    seeds = _seeds(len(leader.outcomes), len(other.outcomes))
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


def _seeds(first: int, second: int) -> str:
    if first != second:
        return f"{first} and {second} seeds"
    return f"{count(first, 'seed')} each"
