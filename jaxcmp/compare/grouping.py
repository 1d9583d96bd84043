"""Groups runs: seeds of a recipe are an arm, arms on the same images are a group."""

import collections
import dataclasses
import json
from collections.abc import Iterable, Sequence

from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.recipe_keys import Settings, part_of, short_names, unsized, untimed
from jaxcmp.compare.versions import keep_apart, keep_repetitions_apart
from jaxcmp.settings.keys import name_of_images

# Those of our configurations, whose recipes bear their names.
ARCHITECTURES = ("vit", "resnet")


def group(outcomes: Sequence[Outcome], by: Sequence[str] = ()) -> list[Group]:
    """Runs on other images, or on another part of them, never share an average or a table.

    Arms are kept apart by the keys `by`; raises CommandError for one that no run has.
    """
    outcomes = keep_apart(_sources_apart(_crossings(outcomes)), by)
    outcomes = keep_repetitions_apart(outcomes)
    datas = list(dict.fromkeys(outcome.data for outcome in outcomes))
    first = {outcome.data: outcome for outcome in reversed(outcomes)}
    names = [_data_name(first[data]) for data in datas]
    return [
        dataclasses.replace(
            _group(label, [each for each in outcomes if each.data == data]), by=tuple(by)
        )
        for data, label in zip(datas, labels(names, datas), strict=True)
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
    found: dict[tuple[Settings, int | None], set[str]] = {}
    for each in outcomes:
        if each.origin:
            found.setdefault((each.recipe, each.origin.seed), set()).add(each.origin.sha256)
    mixed = {recipe for (recipe, _), weights in found.items() if len(weights) > 1}
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


def _group(data: str, outcomes: Sequence[Outcome]) -> Group:
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
        smaller=_smaller([each for each in own if each.train_fraction < largest], arms),
        other_lengths=_longer([each for each in whole if each.recipe in others], arms),
        crossed=_crossed(crossed, arms, largest),
        pretrained=_pretrained(pretrained, arms),
    )


def _other_lengths(outcomes: Sequence[Outcome]) -> set[Settings]:
    """Recipes at a length that not all models have, where one length is common to all.

    Only a recipe that is also there at a common length has another one; a recipe of its own that
    happens to take longer is an arm.
    """
    lengths: dict[str, set[int]] = {}
    for each in outcomes:
        lengths.setdefault(each.title, set()).add(each.num_epochs)
    common = set.intersection(*lengths.values())
    usual = {untimed(each.recipe) for each in outcomes if each.num_epochs in common}
    return {
        each.recipe
        for each in outcomes
        if each.num_epochs not in common and untimed(each.recipe) in usual
    }


def _by_recipe(outcomes: Iterable[Outcome]) -> dict[Settings, tuple[Outcome, ...]]:
    found: dict[Settings, tuple[Outcome, ...]] = {}
    for each in outcomes:
        found[each.recipe] = (*found.get(each.recipe, ()), each)
    return found


def _arms(outcomes: Sequence[Outcome]) -> tuple[Arm, ...]:
    """Makes the arms, sorted by name, which is the order of their colours."""
    runs = _by_recipe(outcomes)
    names = labels([each[0].title for each in runs.values()], list(runs))
    named = sorted(zip(names, runs, strict=True))
    return tuple(Arm(name, runs[recipe], index) for index, (name, recipe) in enumerate(named))


def _home(recipe: Settings, arms: Sequence[Arm]) -> Arm | None:
    """The arm of the same recipe on all images, at the same length if there is one."""
    for alike in (unsized, untimed):
        for arm in arms:
            if alike(arm.outcomes[0].recipe) == alike(recipe):
                return arm
    return None


def _smaller(outcomes: Sequence[Outcome], arms: Sequence[Arm]) -> tuple[Arm, ...]:
    found = []
    for recipe, runs in _by_recipe(outcomes).items():
        arm = _home(recipe, arms)
        found.append(Arm(arm.name, runs, arm.index) if arm else Arm(runs[0].title, runs, -1))
    return tuple(found)


def _longer(outcomes: Sequence[Outcome], arms: Sequence[Arm]) -> tuple[Arm, ...]:
    runs = _by_recipe(outcomes)
    homes = [_home(recipe, arms) for recipe in runs]
    titles = [
        f"{home.name if home else each[0].title} ({_epochs(each[0])})"
        for home, each in zip(homes, runs.values(), strict=True)
    ]
    named = zip(labels(titles, list(runs)), runs.values(), homes, strict=True)
    return tuple(Arm(name, each, home.index if home else -1) for name, each, home in named)


def _crossed(outcomes: Sequence[Outcome], arms: Sequence[Arm], largest: float) -> tuple[Arm, ...]:
    """Makes the arms of crossed recipes, in the colour of their model if it has one arm only."""
    runs = _by_recipe(outcomes)
    usual = {arm.outcomes[0].num_epochs for arm in arms}
    titles = []
    for first, *_ in runs.values():
        told = [] if first.num_epochs in usual else [_epochs(first)]
        if first.train_fraction < largest:
            told.append(f"{100 * first.train_fraction:g} % of the images")
        titles.append(f"{first.title} ({', '.join(told)})" if told else first.title)
    found = []
    for name, each in zip(labels(titles, list(runs)), runs.values(), strict=True):
        homes = [arm for arm in arms if arm.outcomes[0].name == each[0].name]
        found.append(Arm(name, each, homes[0].index if len(homes) == 1 else -1))
    return tuple(found)


def _pretrained(outcomes: Sequence[Outcome], arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """Makes the pretrained arms: one name for all sizes, in the colour of their architecture."""
    runs = _by_recipe(outcomes)
    shared = _without_size(runs)
    titles = {shared[recipe]: each[0].title for recipe, each in runs.items()}
    names = dict(zip(titles, labels(list(titles.values()), list(titles)), strict=True))
    found = []
    for recipe, each in runs.items():
        homes = [arm for arm in arms if arm.outcomes[0].architecture == each[0].architecture]
        found.append(Arm(names[shared[recipe]], each, homes[0].index if homes else -1))
    return tuple(found)


def _without_size(recipes: Iterable[Settings]) -> dict[Settings, Settings]:
    """Returns what a recipe has in common on all parts of the images, whose length may follow.

    A length tells recipes apart only where there are several on one part.
    """
    recipes = list(recipes)
    parts = collections.Counter((untimed(each), part_of(each)) for each in recipes)
    several = {common for (common, _), num in parts.items() if num > 1}
    return {each: unsized(each) if untimed(each) in several else untimed(each) for each in recipes}


def _epochs(outcome: Outcome) -> str:
    return f"{outcome.num_epochs:,} epoch{'' if outcome.num_epochs == 1 else 's'}"
