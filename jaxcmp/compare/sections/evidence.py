"""What runs say about the blog post's claims, and whether they are in its setting."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from jaxcmp.compare.document import Cell
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.sections.published import Claim, Study


@dataclasses.dataclass(frozen=True)
class MeasuredArm:
    """What the finished runs of one arm say; what is empty was not measured.

    Accuracies are in [0, 1], one for each seed: the highest over epochs, that of the last epoch,
    and the last epoch's by class. `seconds` of training are by device, one for each run on it;
    `num_test` counts test images. `difference` says what sets the runs apart from the study's, as
    `study_difference` does, and is None where nothing does. `runs` are indices into Report.runs;
    `name` is the arm's. `num_independent` and `class_independent` are how many independent answers
    would say as much as those of all seeds to the test images, and to those of a class; where they
    are not known, each image counts once. `rivals` are the names of several arms that could speak,
    where nothing but the test images chooses between them.
    """

    best_accuracies: list[float] = dataclasses.field(default_factory=list)
    last_accuracies: list[float] = dataclasses.field(default_factory=list)
    class_accuracies: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    num_test: int = 0
    difference: str | None = None
    runs: list[int] = dataclasses.field(default_factory=list)
    name: str = ""
    seeds: list[int] = dataclasses.field(default_factory=list)
    num_independent: float | None = None
    class_independent: dict[str, float] = dataclasses.field(default_factory=dict)
    rivals: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of each arm, by the name of its model: "vit", "resnet".

    `arms` began at random, `tuned` from weights that had been trained elsewhere.
    """

    arms: dict[str, MeasuredArm] = dataclasses.field(default_factory=dict)
    tuned: dict[str, MeasuredArm] = dataclasses.field(default_factory=dict)

    def of(self, claim: Claim) -> list[MeasuredArm]:
        """The arms that a claim is about, in its order; raises KeyError where one is missing."""
        arms = self.tuned if claim.is_tuned else self.arms
        return [arms[key] for key in claim.arms]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Whether a claim holds: what was measured, and why that decides it."""

    verdict: Literal["holds", "fails", "open"]
    measured: Cell
    reason: str


def undecided(reason: str) -> Judgement:
    return Judgement("open", Cell("–"), reason)


def decided(holds: bool, measured: Cell, reason: str) -> Judgement:
    return Judgement("holds" if holds else "fails", measured, reason)


def study_difference(
    study: Study,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    origin: Origin | None = None,
) -> str | None:
    """What sets a run apart from the study's run of the same model; None where nothing does.

    `config` is that of config.json, `data` what environment.json says of the images; a run with an
    `origin` is beside the study's run that began from weights.
    The seed, and whatever the study does not state, may be anything.
    """
    name, num_train = config["model"]["name"], data.get("num_train")
    arms = study.tuned if origin else study.arms
    if name not in arms:
        return f"the blog post has no model {name}"
    seen = arms[name].seen
    if origin and (origin.before or not _normal(origin.name).startswith(_normal(seen))):
        return f"their weights were pretrained on {origin.words}, the blog post's on {seen}"
    difference = _difference(arms[name].config, config)
    if difference is None and num_train != study.num_train:
        return f"they trained on {num_train} images, the blog post on {study.num_train}"
    return difference


def _normal(name: str) -> str:
    """ImageNet-21k, imagenet21k and ImageNet 21K are one."""
    return "".join(filter(str.isalnum, name.casefold()))


def _difference(
    stated: Mapping[str, Any], config: Mapping[str, Any], prefix: str = ""
) -> str | None:
    """The first setting that is not as stated; true and false stand for any rate and for none."""
    for key, value in stated.items():
        name, own = f"{prefix}{key}", config.get(key)
        if isinstance(value, dict):
            inner = _difference(value, own or {}, f"{name}.")
            if inner:
                return inner
        elif isinstance(value, bool):
            if bool(own) != value:
                return f"{name} is {own}, which the blog post {'uses' if value else 'has none of'}"
        elif own != value:
            return f"{name} is {own}, the blog post's is {value}"
    return None
