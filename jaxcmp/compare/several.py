"""More than two arms: every pair of them, and a best one only where held-out images choose it."""

import dataclasses
import itertools
from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, by_held_out, gathered
from jaxcmp.compare.recipe_keys import differing, short_names
from jaxcmp.compare.statistics.means import CONFIDENCE, ROUNDING, Difference, compare_runs, lead
from jaxcmp.compare.statistics.paired import holm, paired_difference
from jaxcmp.compare.words import CLEAR, MAX_NAMED, listed, shortened

# A longer title, or one of more settings, is not read.
MAX_TITLE, MAX_KEYS = 48, 2
NO_CHOICE = (
    "The best arm is chosen on held-out images alone, and not all of these runs have some "
    "(--config.data.validation_fraction=0.1)."
)
NUMBERS = "± is half of the 95 % t-interval over seeds; with fewer than three seeds, each is shown."


@dataclasses.dataclass(frozen=True)
class Pair:
    """A pair of arms, the more accurate first; `holm` is corrected for the number of all pairs.

    `over_seeds` is Welch's comparison, `over_images` that of the trained models on the same images.
    """

    ahead: Arm
    behind: Arm
    over_seeds: Difference
    over_images: Difference
    holm: float | None

    @property
    def is_real(self) -> bool:
        return lead(self.over_seeds.mean, self.holm).is_real


def pairs_of(arms: Sequence[Arm]) -> list[Pair]:
    found = [
        sorted(each, key=lambda a: -a.mean_accuracy) for each in itertools.combinations(arms, 2)
    ]
    differences = [compare_runs(one.accuracies, two.accuracies) for one, two in found]
    corrected = holm([each.p_value for each in differences])
    return [
        Pair(one, two, difference, _over_images(one, two), p_value)
        for (one, two), difference, p_value in zip(found, differences, corrected, strict=True)
    ]


def _over_images(one: Arm, two: Arm) -> Difference:
    return paired_difference(one.is_right.mean(axis=0) - two.is_right.mean(axis=0))


def title_of(arms: Sequence[Arm]) -> str:
    """The question in one line: the models, and what tells their arms apart."""
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


def sentences(arms: Sequence[Arm]) -> list[str]:
    """Says how many pairs differ, and how the best arms are chosen, if they are."""
    counts, best = _counts(pairs_of(arms)), chosen(arms)
    return [choice(arms, best), *counts] if best else [*counts, NO_CHOICE]


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


def _counts(pairs: Sequence[Pair]) -> list[str]:
    """Between each two models, and in all, how many pairs differ by more than seeds explain."""
    between = gathered(pairs, lambda each: frozenset({_ahead(each), each.behind.architecture}))
    lines = [_lead(min(two), max(two), found) for two, found in between.items() if len(two) == 2]
    num, real = len(pairs), sum(pair.is_real for pair in pairs)
    unknown = sum(pair.holm is None for pair in pairs)
    if unknown == num:
        return [
            f"Whether any of the {num} pairs of arms differs by {CLEAR} is "
            "unknown: that takes three seeds of both its arms."
        ]
    without = f" Of {unknown} it is unknown, for want of three seeds of both arms." * (unknown > 0)
    return [
        *lines,
        f"Of all {num} pairs of arms, {real or 'none'} differ by {CLEAR} "
        f"(Welch's test, p < {1 - CONFIDENCE:.2g} after Holm's correction for "
        f"{num - unknown} {'test' if num - unknown == 1 else 'tests'})."
        f"{without}",
    ]


def _lead(one: str, two: str, pairs: Sequence[Pair]) -> str:
    """Counts the pairs of arms of two models in which each model is really ahead."""
    if len(pairs) <= MAX_NAMED and all(p.is_real and p.ahead is pairs[0].ahead for p in pairs):
        gaps = [f"{pair.behind.name} by {_size(pair.over_seeds)}" for pair in pairs]
        return f"{pairs[0].ahead.name} is ahead of {' and of '.join(gaps)}, {CLEAR}."
    ahead = [_ahead(pair) for pair in pairs if pair.is_real]
    # The model with more leads is named first.
    one, two = sorted((one, two), key=lambda model: -ahead.count(model))
    start = f"Of the {len(pairs)} pairs of a {one} arm and a {two} arm, "
    if not any(pair.holm is not None for pair in pairs):
        return f"{start}none has the three seeds of both arms that a lead takes."
    if not ahead:
        return f"{start}none differ by {CLEAR}."
    others = f"{two} in {ahead.count(two)}" if two in ahead else f"{two} in none"
    leads = f"{one} is ahead in {ahead.count(one)} and {others}"
    return f"{start}{leads} by {CLEAR}."


def _size(shares: Difference) -> str:
    low, high = (f"{100 * bound:.2f}" for bound in shares.interval or (shares.mean, shares.mean))
    return f"{100 * shares.mean:.2f} points ({low} to {high})"


def _ahead(pair: Pair) -> str:
    return pair.ahead.architecture


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
