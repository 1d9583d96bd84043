"""Groups runs: seeds of a recipe are an arm, arms on the same images are a group."""

import collections
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import get_args

from jaxcmp.compare.arms import Arm, Group, Outcome, firsts, gathered
from jaxcmp.compare.recipe_keys import TRAIN_FRACTION, Settings, short_names, unsized, untimed
from jaxcmp.compare.versions import keep_apart, seeds_again
from jaxcmp.compare.words import count
from jaxcmp.settings.keys import KEYS, name_of_images

# Those of our configurations, whose recipes bear their names.
ARCHITECTURES: tuple[str, ...] = get_args(KEYS["model.name"].type)


def group(outcomes: Sequence[Outcome], by: Sequence[str] = ()) -> list[Group]:
    """Runs on other images, or on another part of them, never share an average or a table.

    Runs are numbered, and arms kept apart by the keys `by`; raises CommandError for one that no run
    has.
    """
    outcomes = keep_apart(_sources_apart(_crossings(outcomes)), by)
    kept, repeated = firsts(seeds_again(outcomes))
    numbered = [dataclasses.replace(each, number=i) for i, each in enumerate(kept)]
    parts = gathered(numbered, lambda each: each.data)
    again = gathered(repeated, lambda pair: pair[0].data)
    names = labels([_data_name(own[0]) for own in parts.values()], list(parts))
    return [
        _group(name, own, tuple(by), tuple(again.get(data, ())))
        for name, (data, own) in zip(names, parts.items(), strict=True)
    ]


def _data_name(outcome: Outcome) -> str:
    """Names the images of a run: by the folder or file, if they are the user's own."""
    config = outcome.run.config["data"]
    return name_of_images(config["name"], config.get("dir") or "")


def _crossings(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Marks the runs of one model with another's recipe.

    A run whose arm was given a name alone bears the name of the recipe that it was made from: that
    is its own, unless runs of its arm have one of their own, or the recipe is that of another
    architecture.
    """
    with_own = {each.name for each in outcomes if each.recipe_name == each.name}
    architectures = {name: name for name in ARCHITECTURES}
    architectures |= {each.name: each.architecture for each in outcomes if each.name in with_own}

    def is_crossed(run: Outcome) -> bool:
        if run.recipe_name == run.name:
            return False
        other = architectures.get(run.recipe_name, run.architecture)
        return run.name in with_own or other != run.architecture

    return [dataclasses.replace(each, is_crossed=is_crossed(each)) for each in outcomes]


def _sources_apart(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Tells the weights apart where those of one seed differ: then none are alike."""
    weights = {
        (each.recipe, each.origin.seed, each.origin.sha256) for each in outcomes if each.origin
    }
    counts = collections.Counter((recipe, seed) for recipe, seed, _ in weights)
    mixed = {recipe for (recipe, _), num in counts.items() if num > 1}
    return [
        dataclasses.replace(each, recipe=(*each.recipe, ("init.sha256", each.origin.sha256[:12])))
        if each.origin and each.recipe in mixed
        else each
        for each in outcomes
    ]


def labels(names: Sequence[str], settings: Sequence[Settings]) -> list[str]:
    """Names that tell apart: equal ones are followed by as many settings as it takes."""
    result, short = [], short_names(settings)
    for name, own in zip(names, settings, strict=True):
        others = [dict(each) for i, each in enumerate(settings) if names[i] == name and each != own]
        told = []
        for key, value in own:
            if any(other.get(key) != value for other in others):
                told.append(f"{short[key]}={_plain(value)}")
                others = [other for other in others if other.get(key) == value]
        result.append(f"{name} ({', '.join(told)})" if told else name)
    return result


def _plain(value: str) -> str:
    """A setting's JSON as a person types it: words without quotes."""
    return json.loads(value) if value.startswith('"') else value


def _group(
    data: str,
    outcomes: Sequence[Outcome],
    by: tuple[str, ...],
    repeated: tuple[tuple[Outcome, Outcome], ...],
) -> Group:
    # Runs from weights stand beside arms that began at random; without such, they are the arms.
    has_random = any(each.origin is None for each in outcomes)
    pretrained = [each for each in outcomes if has_random and each.origin]
    outcomes = [each for each in outcomes if not (has_random and each.origin)]
    largest = max(outcome.train_fraction for outcome in outcomes)
    # Crossed runs stand beside an arm of their model with its own recipe; without one, they are it.
    own_names = {
        each.name for each in outcomes if each.train_fraction == largest and not each.is_crossed
    }
    crossed = [each for each in outcomes if each.is_crossed and each.name in own_names]
    own = [each for each in outcomes if not (each.is_crossed and each.name in own_names)]
    whole = [each for each in own if each.train_fraction == largest]
    others = _other_lengths(whole)
    arms = _arms([each for each in whole if each.recipe not in others])
    return Group(
        data,
        arms,
        smaller=_beside(
            [each for each in own if each.train_fraction < largest],
            lambda run: _home(run, arms),
            _title,
            lambda _: (),
        ),
        other_lengths=_beside(
            [each for each in whole if each.recipe in others],
            lambda run: _home(run, arms),
            lambda run, home: f"{_title(run, home)} ({count(run.num_epochs, 'epoch')})",
            lambda recipe: recipe,
        ),
        crossed=_crossed(crossed, arms, largest),
        pretrained=_pretrained(pretrained, arms),
        by=by,
        repeated=repeated,
    )


def _other_lengths(outcomes: Sequence[Outcome]) -> set[Settings]:
    """Recipes at a length that not all models have, where one length is common to all.

    Only a recipe that is also there at a common length has another one; a recipe of its own that
    happens to take longer is an arm.
    """
    titles = gathered(outcomes, lambda each: each.title).values()
    common = set.intersection(*({each.num_epochs for each in own} for own in titles))
    usual = {untimed(each.recipe) for each in outcomes if each.num_epochs in common}
    return {
        each.recipe
        for each in outcomes
        if each.num_epochs not in common and untimed(each.recipe) in usual
    }


def _arms(outcomes: Sequence[Outcome]) -> tuple[Arm, ...]:
    """Makes the arms, sorted by name, which is the order of their colours."""
    runs = gathered(outcomes, lambda each: each.recipe)
    names = labels([own[0].title for own in runs.values()], list(runs))
    named = sorted(zip(names, runs, strict=True))
    return tuple(Arm(name, tuple(runs[key]), index) for index, (name, key) in enumerate(named))


def _home(outcome: Outcome, arms: Sequence[Arm]) -> Arm | None:
    """The arm of the same recipe on all images, at the same length if there is one."""
    for alike in (unsized, untimed):
        for arm in arms:
            if alike(arm.outcomes[0].recipe) == alike(outcome.recipe):
                return arm
    return None


def _title(run: Outcome, home: Arm | None) -> str:
    return home.name if home else run.title


def _beside(
    outcomes: Sequence[Outcome],
    home_of: Callable[[Outcome], Arm | None],
    title_of: Callable[[Outcome, Arm | None], str],
    told_by: Callable[[Settings], Settings],
) -> tuple[Arm, ...]:
    """Makes the arms beside others, each in the colour of its home, if it has one.

    What `told_by` leaves of a recipe tells apart arms of one title.
    """
    runs = gathered(outcomes, lambda each: each.recipe)
    homes = [home_of(own[0]) for own in runs.values()]
    titles = [title_of(own[0], home) for own, home in zip(runs.values(), homes, strict=True)]
    named = zip(labels(titles, list(map(told_by, runs))), runs.values(), homes, strict=True)
    return tuple(Arm(name, tuple(own), home.index if home else -1) for name, own, home in named)


def _crossed(outcomes: Sequence[Outcome], arms: Sequence[Arm], largest: float) -> tuple[Arm, ...]:
    """Makes the arms of crossed recipes, in the colour of their model if it has one arm only."""
    usual = {arm.outcomes[0].num_epochs for arm in arms}

    def home_of(run: Outcome) -> Arm | None:
        homes = [arm for arm in arms if arm.outcomes[0].name == run.name]
        return homes[0] if len(homes) == 1 else None

    def title_of(run: Outcome, _: Arm | None) -> str:
        told = [] if run.num_epochs in usual else [count(run.num_epochs, "epoch")]
        if run.train_fraction < largest:
            told.append(f"{100 * run.train_fraction:g} % of the images")
        return f"{run.title} ({', '.join(told)})" if told else run.title

    return _beside(outcomes, home_of, title_of, lambda recipe: recipe)


def _pretrained(outcomes: Sequence[Outcome], arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Makes the pretrained arms: one name for all sizes, in the colour of their architecture.

    A length, which may follow from the size, tells arms apart only where one size has several.
    """
    homes = {arm.architecture: arm for arm in reversed(arms)}
    recipes = dict.fromkeys(each.recipe for each in outcomes)
    sizes = collections.Counter((untimed(each), dict(each).get(TRAIN_FRACTION)) for each in recipes)
    several = {common for (common, _), num in sizes.items() if num > 1}
    return _beside(
        outcomes,
        lambda run: homes.get(run.architecture),
        lambda run, _: run.title,
        lambda each: unsized(each) if untimed(each) in several else untimed(each),
    )
