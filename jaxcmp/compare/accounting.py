"""Remarks on an answer: runs that it leaves out, and their code and versions."""

from jaxcmp.compare.arms import Group, runs_of
from jaxcmp.compare.sections import recipe
from jaxcmp.compare.versions import about_versions
from jaxcmp.compare.words import count, listed, shortened

RECIPE = {
    "optimizer": recipe.optimizer,
    "schedule": recipe.schedule,
    "augmentation": recipe.augmentation,
    "regularisation": recipe.regularisation,
}


def account(group: Group) -> list[str]:
    """Sentences that every run of the group is behind; none where there is nothing to be said."""
    return [*_beside(group), *about_versions(group)]


def about_recipes(group: Group) -> list[str]:
    """Says where models differ in recipe too, unless crossed runs tell that effect apart."""
    arms = group.arms
    if len({arm.architecture for arm in arms}) < 2 or group.crossed:
        return []
    parts = [name for name, say in RECIPE.items() if len({say(arm.config) for arm in arms}) > 1]
    if not parts:
        return []
    if len(arms) > 2:
        return [
            f"The arms also differ in {listed(parts)}: a gap between two models with two recipes "
            "is one of model and recipe together."
        ]
    names = " and ".join(arm.name for arm in arms)
    return [f"{names} also differ in {listed(parts)}: the gap is one of model and recipe together."]


def _beside(group: Group) -> list[str]:
    kinds = (
        ("on a part of the training images", group.smaller),
        ("at another length", group.other_lengths),
        ("of one model with another's recipe", group.crossed),
        ("from pretrained weights", group.pretrained),
    )
    told = [
        f"{count(len(runs_of(arms)), 'run')} {what} "
        f"({', '.join(shortened(list(dict.fromkeys(arm.name for arm in arms))))})"
        for what, arms in kinds
        if arms
    ]
    is_one = len(runs_of([arm for _, arms in kinds for arm in arms])) == 1
    return [f"Beside these arms stand{'s' * is_one} {listed(told)}."] if told else []
