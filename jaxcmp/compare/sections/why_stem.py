"""The part of "Why" on one inductive bias: how much of the gap a convolutional stem closes."""

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.sections.differences import in_words
from jaxcmp.compare.statistics.gap_share import share_of_gap
from jaxcmp.compare.statistics.means import Lead, compare_runs

# A convolutional stem takes the place of the patches and of one block, and makes another arm.
SWAPPED = ("arm", "model.stem", "model.depth")


def stem_sentences(group: Group) -> list[str]:
    """Says how far the stem brings a ViT towards the ResNet; nothing where an arm is missing."""
    resnets = [arm for arm in group.ranked if arm.config["model"]["name"] == "resnet"]
    return [
        _sentence(patch, conv, resnets[0])
        for patch in group.arms
        for conv in group.arms
        if resnets and _is_with_stem(patch, conv)
    ]


def _is_with_stem(patch: Arm, conv: Arm) -> bool:
    """Returns whether the second arm is the first with a convolutional stem, and no more."""
    one, two = (each.config["model"] for each in (patch, conv))
    if (one["name"], two["name"]) != ("vit", "vit"):
        return False
    is_swapped = (one.get("stem", "patch"), two.get("stem")) == ("patch", "conv")
    recipes = [
        {key: value for key, value in each.outcomes[0].recipe if key not in SWAPPED}
        for each in (patch, conv)
    ]
    return is_swapped and recipes[0] == recipes[1] and two["depth"] == one["depth"] - 1


def _sentence(patch: Arm, conv: Arm, ahead: Arm) -> str:
    percents = [[100 * each for each in arm.accuracies] for arm in (patch, conv, ahead)]
    gap = compare_runs(percents[2], percents[0], most=100)
    gain = compare_runs(percents[1], percents[0], most=100)
    text = (
        "One inductive bias alone: four convolutions in the place of the patches and of a block, "
        f"with the same recipe, change {patch.name} by {in_words(gain, is_signed=True)}"
    )
    if gap.lead is not Lead.FIRST:
        return f"{text}; there is no clear gap of {patch.name} to {ahead.name} that it could close."
    share = share_of_gap(*percents)
    said = f"{100 * share.mean:.0f} % of the gap to {ahead.name}"
    if share.interval is None:
        return f"{text}: {said} (too few seeds, or equal ones, for an interval)."
    low, high = (f"{100 * each:.0f}".replace("-", "−") for each in share.interval)
    return f"{text}: {said} (95 % interval {low} to {high} %)."
