"""Arms that began from weights, each beside those of its architecture that began at random."""

import dataclasses
from collections.abc import Sequence

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.recipe_keys import SCALE_KEYS, Settings, differing, unsized


@dataclasses.dataclass(frozen=True, eq=False)
class Pretrained:
    """A pretrained arm, and arms that began at random, on the same images.

    `baselines` start with the one whose recipe is nearest, which is the same if there is such; the
    architecture's own recipe follows where that is another. `label` is short: it tells arms apart
    within this report.
    """

    arm: Arm
    origin: Origin
    baselines: tuple[Arm, ...]
    label: str

    @property
    def baseline(self) -> Arm | None:
        return self.baselines[0] if self.baselines else None

    @property
    def architecture(self) -> str:
        return self.arm.outcomes[0].architecture

    @property
    def num_train(self) -> int:
        return self.arm.outcomes[0].num_train

    @property
    def index(self) -> int | None:
        """Returns the number of its colour, if its architecture has one."""
        return self.arm.index if self.arm.index >= 0 else None

    @property
    def num_sources(self) -> int:
        """Counts the files of weights that the runs began from: several runs may share one."""
        return len({each.origin.sha256 for each in self.arm.outcomes if each.origin})


def pretrained_arms(group: Group) -> list[Pretrained]:
    """Sorts by architecture, the ViT first, then by training images, the most first."""
    begun = [(arm, arm.outcomes[0].origin) for arm in group.all_arms]
    random = [arm for arm, origin in begun if origin is None]
    plain = [unsized(arm.outcomes[0].recipe) for arm in group.arms]
    names: dict[str, set[str]] = {}
    for arm, origin in begun:
        if origin:
            names.setdefault(arm.outcomes[0].name, set()).add(arm.name)
    found = []
    for arm, origin in begun:
        if origin:
            own = arm.outcomes[0].name
            label = f"{own}, pretrained" if len(names[own]) == 1 else arm.name
            found.append(Pretrained(arm, origin, _baselines(arm, random, plain), label))
    return sorted(
        found, key=lambda each: (each.architecture != "vit", each.architecture, -each.num_train)
    )


def ends(arms: Sequence[Pretrained]) -> list[Pretrained]:
    """Returns, for each architecture, the arms on the most training images and on the fewest."""
    sizes: dict[str, set[int]] = {}
    for each in arms:
        sizes.setdefault(each.architecture, set()).add(each.num_train)
    return [each for each in arms if each.num_train in _bounds(sizes[each.architecture])]


def _bounds(sizes: set[int]) -> tuple[int, int]:
    return min(sizes), max(sizes)


def largest(arms: Sequence[Pretrained]) -> list[Pretrained]:
    """Returns, for each architecture, the arms on the most training images."""
    most: dict[str, int] = {}
    for each in arms:
        most[each.architecture] = max(each.num_train, most.get(each.architecture, 0))
    return [each for each in arms if each.num_train == most[each.architecture]]


def differences(pretrained: Pretrained, baseline: Arm) -> list[str]:
    """The parts of the configuration that differ, beside the weights."""
    keys = differing(pretrained.arm.outcomes[0].recipe, baseline.outcomes[0].recipe)
    names = ("normalisation" if key in SCALE_KEYS else key.partition(".")[0] for key in keys)
    return list(dict.fromkeys(names))


def _baselines(arm: Arm, random: Sequence[Arm], plain: Sequence[Settings]) -> tuple[Arm, ...]:
    first = arm.outcomes[0]

    def distance(other: Arm) -> tuple[int, int]:
        return len(differing(first.recipe, other.outcomes[0].recipe)), -len(other.runs)

    alike = [
        each
        for each in random
        if each.outcomes[0].architecture == first.architecture
        and each.outcomes[0].num_train == first.num_train
    ]
    fitting = sorted(alike, key=distance)
    own = [each for each in fitting if unsized(each.outcomes[0].recipe) in plain]
    chosen = {tuple(each.runs): each for each in (*fitting[:1], *own[:1])}
    return tuple(chosen.values())
