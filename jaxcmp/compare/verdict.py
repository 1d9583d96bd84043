"""Who is ahead, by how much, and how surely: in sentences."""

from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import say_p
from jaxcmp.compare.statistics.means import compare_means
from jaxcmp.compare.statistics.paired import paired_difference


def answer(group: Group) -> list[str]:
    """The verdict on the arms of a group, then that on those that began from pretrained weights."""
    if not group.pretrained:
        return verdict(group.arms)
    random = [f"From random weights: {sentence}" for sentence in verdict(group.arms)]
    tuned = verdict(pretrained_arms(group))
    return [*random, *(f"From pretrained weights: {sentence}" for sentence in tuned)]


def pretrained_arms(group: Group) -> list[Arm]:
    """Those that began from weights where others did not, and were trained on the most images."""
    most = max((arm.outcomes[0].num_train for arm in group.pretrained), default=0)
    found = [arm for arm in group.pretrained if arm.outcomes[0].num_train == most]
    return sorted(found, key=lambda arm: -arm.mean_accuracy)


def verdict(arms: Sequence[Arm]) -> list[str]:
    """One sentence for each arm behind the leader: by how many points, and how surely."""
    leader, *others = sorted(arms, key=lambda arm: -arm.mean_accuracy)
    if not others:
        return [f"{leader.name} is the only arm here: there is nothing to compare it with."]
    return [lead_sentence(leader, other) for other in others]


def same_images_sentence(leader: Arm, other: Arm) -> str:
    """How much of a difference the choice of test images could explain, whatever the seeds."""
    gap = paired_difference(leader.is_right.mean(axis=0) - other.is_right.mean(axis=0))
    num = leader.is_right.shape[1]
    if gap.interval is None or gap.p_value is None:
        return f"On these {num:,} test images, the two differ alike everywhere."
    low, high = (100 * bound for bound in gap.interval)
    return (
        f"The test images are a sample as well: for these trained models, paired over the {num:,} "
        f"images, the 95 % interval of the difference is {low:.2f} to {high:.2f} points "
        f"({say_p(gap.p_value)}); that says nothing about other seeds."
    )


def lead_sentence(leader: Arm, other: Arm) -> str:
    """By how many points the first arm is ahead of the second, and how surely."""
    difference = compare_means(leader.accuracies, other.accuracies)
    points = 100 * difference.mean
    start = f"{leader.name} is ahead of {other.name} by {points:.2f} points of test accuracy"
    if points == 0:
        start = f"{leader.name} and {other.name} are level in test accuracy"
    seeds = _seeds(len(leader.outcomes), len(other.outcomes))
    if difference.interval is None:
        single = " and ".join(arm.name for arm in (leader, other) if len(arm.outcomes) == 1)
        return f"{start} ({seeds}). With one seed of {single}, the spread between seeds is unknown."
    if difference.p_value is None:
        return f"{start} ({seeds}). The seeds of each arm agree, so that no p value can be given."
    low, high = (100 * bound for bound in difference.interval)
    surely = "which seeds alone can explain" if low < 0 < high else "more than seeds alone explain"
    return (
        f"{start} ({seeds}; Welch's 95 % interval {low:.2f} to {high:.2f}, "
        f"{say_p(difference.p_value)}), {surely}."
    )


def _seeds(first: int, second: int) -> str:
    if first != second:
        return f"{first} and {second} seeds"
    return "1 seed each" if first == 1 else f"{first} seeds each"
