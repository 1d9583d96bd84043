"""Remarks on an answer: runs that it leaves out, their code and versions, and missing files."""

from collections.abc import Sequence

from jaxcmp import runs
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.versions import about_versions

MAX_NAMED = 4
RECIPE = {
    "optimizer": recipe.optimizer,
    "schedule": recipe.schedule,
    "augmentation": recipe.augmentation,
    "regularisation": recipe.regularisation,
}


def account(group: Group) -> list[str]:
    """Sentences that every run of the group is behind; none where there is nothing to be said."""
    return [*_beside(group), *about_versions(group), *_lacking(group)]


def about_recipes(group: Group) -> list[str]:
    """Says where two arms differ in recipe too, unless crossed runs tell that effect apart."""
    if len(group.arms) != 2 or group.crossed:
        return []
    one, two = group.arms
    parts = [name for name, say in RECIPE.items() if say(one.config) != say(two.config)]
    if not parts:
        return []
    return [
        f"{one.name} and {two.name} differ in {_listed(parts)} too: what sets them apart is model "
        "and recipe together."
    ]


def _beside(group: Group) -> list[str]:
    kinds = (
        ("on a part of the training images", group.smaller),
        ("at another length", group.other_lengths),
        ("of one model with another's recipe", group.crossed),
        ("from pretrained weights", group.pretrained),
    )
    told = [f"{_count(arms)} {what} ({_names(arms)})" for what, arms in kinds if arms]
    return [f"Beside these arms stand {_listed(told)}."] if told else []


def _count(arms: Sequence[Arm]) -> str:
    num = sum(len(arm.outcomes) for arm in arms)
    return f"{num:,} run{'' if num == 1 else 's'}"


def _names(arms: Sequence[Arm]) -> str:
    names = list(dict.fromkeys(arm.name for arm in arms))
    more = [f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    return ", ".join([*names[:MAX_NAMED], *more])


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _lacking(group: Group) -> list[str]:
    """Names the runs that lack a file, so that means are over the others."""
    outcomes = [outcome for arm in group.all_arms for outcome in arm.outcomes]
    files = {
        f"epochs in its {runs.METRICS}": [each for each in outcomes if not each.epochs],
        runs.COST: [each for each in outcomes if not each.run.cost],
    }
    return [
        f"Without {what}, and left out of what is made from it: {_folders(lacking)}."
        for what, lacking in files.items()
        if lacking
    ]


def _folders(outcomes: Sequence[Outcome]) -> str:
    names = [each.folder for each in outcomes]
    more = [f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    return _listed([*names[:MAX_NAMED], *more])
