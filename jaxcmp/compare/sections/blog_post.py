"""The blog post's claims as data, and what runs say that bears on them."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from jaxcmp.compare.arms import Arm, Group
from jaxcmp.compare.cells import durations
from jaxcmp.compare.inspected import InspectedArm, read_inspected
from jaxcmp.compare.origin import Origin
from jaxcmp.compare.statistics.paired import num_independent
from jaxcmp.settings.keys import NEUTRAL


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim of the blog post, and what decides it; claims.toml explains each field.

    `classes` are those of the blog post, in the order of its numbers.
    """

    id: str
    says: str
    measure: str
    arms: tuple[str, ...]
    stated: tuple[float, ...]
    unit: str
    tolerance: float = 0.0
    why: str = ""
    note: str = ""
    class_name: str = ""
    at: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def is_tuned(self) -> bool:
        """Returns whether it is about models that began from weights."""
        return self.measure.startswith("tuned")


@dataclasses.dataclass(frozen=True)
class StatedArm:
    """A model of the blog post; `config` has the settings that it states, `command` trains it.

    Where `seen` is not "", it began from weights, and that is how what they had seen begins.
    """

    label: str
    command: str
    config: dict[str, Any]
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class BlogPost:
    """`arms` began at random, `tuned` from weights; both are by their names in claims.toml."""

    name: str
    setting: str
    num_train: int
    classes: tuple[str, ...]
    arms: dict[str, StatedArm]
    claims: tuple[Claim, ...]
    tuned: dict[str, StatedArm]


def load_claims() -> BlogPost:
    """Reads the blog post that comes with the package."""
    source = resources.files("jaxcmp.compare.sections") / "claims.toml"
    stored = tomllib.loads(source.read_text(encoding="utf-8"))
    post = stored["blog_post"]
    shared, classes = post.pop("config"), tuple(post.pop("classes"))
    arms = {
        name: StatedArm(**arm | {"config": shared | arm["config"]})
        for name, arm in stored["arms"].items()
    }
    tuned = {name: StatedArm(**arm) for name, arm in stored["tuned"].items()}
    claims = tuple(_claim(each, classes) for each in stored["claims"])
    return BlogPost(classes=classes, arms=arms, claims=claims, tuned=tuned, **post)


def _claim(stored: Mapping[str, Any], classes: tuple[str, ...]) -> Claim:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    return Claim(class_name=fields.pop("class", ""), classes=classes, **fields)


@dataclasses.dataclass(frozen=True)
class MeasuredArm:
    """The measurements of one arm's finished runs; what is empty was not measured.

    Accuracies are in [0, 1], one for each seed: the highest over epochs, that of the last epoch,
    and the last epoch's by class. `seconds` of training are by device, one for each run on it;
    `num_test` counts test images. `difference` says what sets the runs apart from the blog
    post's, as `setting_difference` does, and is None where nothing does. `runs` are indices into
    Report.runs; `name` is the arm's. `num_independent` and `class_independent` are how many
    independent answers would say as much as those of all seeds to the test images, and to
    those of a class; where they are not known, each image counts once. `rivals` are the names of
    several arms that could speak, where nothing but the test images chooses between them.
    `curves` has the values of all seeds by metric and epoch. `by_size` are the accuracies of its
    recipe by the number of training images, `inspected` are its inspections.
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
    curves: dict[str, dict[int, list[float]]] = dataclasses.field(default_factory=dict)
    by_size: dict[int, list[float]] = dataclasses.field(default_factory=dict)
    inspected: InspectedArm | None = None


@dataclasses.dataclass(frozen=True)
class Measured:
    """The measurements of each arm, by its name in claims.toml: "vit", "resnet", "vit-conv".

    `arms` began at random, `tuned` from weights that had been trained elsewhere.
    """

    arms: dict[str, MeasuredArm] = dataclasses.field(default_factory=dict)
    tuned: dict[str, MeasuredArm] = dataclasses.field(default_factory=dict)

    def of(self, claim: Claim) -> list[MeasuredArm]:
        """The arms that a claim is about, in its order; raises KeyError where one is missing."""
        arms = self.tuned if claim.is_tuned else self.arms
        return [arms[key] for key in claim.arms]


def setting_difference(
    post: BlogPost,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    origin: Origin | None = None,
    key: str = "",
) -> str | None:
    """Says what sets a run apart from the blog post's run of the same model; None if nothing does.

    `config` is that of config.json, `data` what environment.json says of the images; a run with an
    `origin` is beside the blog post's run that began from weights.
    The seed, and whatever the blog post does not state, may be anything.
    """
    name, num_train = key or config["model"]["name"], data.get("num_train")
    arms = post.tuned if origin else post.arms
    if name not in arms:
        return f"the blog post has no model {name}"
    seen = arms[name].seen
    if origin and (origin.before or not _normal(origin.name).startswith(_normal(seen))):
        return f"their weights were pretrained on {origin.words}, the blog post's on {seen}"
    difference = _difference(arms[name].config, config)
    if difference is None and num_train != post.num_train:
        return f"they trained on {num_train} images, the blog post on {post.num_train}"
    return difference


def _normal(name: str) -> str:
    """ImageNet-21k, imagenet21k and ImageNet 21K are one."""
    return "".join(filter(str.isalnum, name.casefold()))


def _stated(config: Mapping[str, Any], prefix: str, key: str) -> Any:
    """Returns a setting; one that is left out has the value that does nothing."""
    neutral = NEUTRAL.get(f"{prefix}{key}", ("null",))
    found = config[key] if key in config else json.loads(neutral[0])
    return list(found) if isinstance(found, tuple) else found


def _difference(
    stated: Mapping[str, Any], config: Mapping[str, Any], prefix: str = ""
) -> str | None:
    """The first setting that is not as stated; true and false stand for any rate and for none."""
    for key, value in stated.items():
        name, own = f"{prefix}{key}", _stated(config, prefix, key)
        if isinstance(value, dict):
            if inner := _difference(value, own or {}, f"{name}."):
                return inner
        elif isinstance(value, bool):
            if bool(own) != value:
                return f"{name} is {own}, which the blog post {'uses' if value else 'has none of'}"
        elif own != value:
            return f"{name} is {own}, the blog post's is {value}"
    return None


def is_near(post: BlogPost, arm: Arm) -> bool:
    """Returns whether an arm has a model of the blog post and some form of CIFAR-10."""
    config, name = arm.config, str(arm.config["data"]["name"])
    arms = post.tuned if arm.outcomes[0].origin else post.arms
    stated = arms.get(config["model"]["name"])
    if stated is None or not name.startswith("cifar10") or name.startswith("cifar100"):
        return False
    return _difference({"model": stated.config["model"]}, config) is None


def measured(group: Group, post: BlogPost) -> Measured:
    """Chooses one arm for each model; of several, the one in the blog post's setting.

    Of several in it, that with the highest accuracy on held-out images does, and none where an arm
    held none out: the best on the test images would be taken for its luck.
    """
    whole = [*group.arms, *group.pretrained, *group.crossed]
    random = [arm for arm in whole if arm.outcomes[0].origin is None]
    begun = [arm for arm in whole if arm.outcomes[0].origin]
    inspected = {each.arm.name: each for each in read_inspected(group).arms.values()}
    speakers = {
        key: dataclasses.replace(each, inspected=inspected.get(each.name))
        for key, each in _speakers(group, random, post.arms, post).items()
    }
    return Measured(speakers, _speakers(group, begun, post.tuned, post))


def _speakers(
    group: Group, arms: Sequence[Arm], stated: Mapping[str, StatedArm], post: BlogPost
) -> dict[str, MeasuredArm]:
    """Chooses an arm for each that is stated; the first says why where none is in that setting."""
    found = {}
    for key, each in stated.items():
        name = each.config["model"]["name"]
        if rivals := [arm for arm in arms if arm.config["model"]["name"] == name]:
            speaker = _speaker(group, rivals, post, key)
            # Runs of the blog post's own models say why they do not fit; others are other models.
            if key == name or speaker.difference is None:
                found[key] = speaker
    return found


def _speaker(group: Group, arms: Sequence[Arm], post: BlogPost, key: str) -> MeasuredArm:
    evidence = [_measured_arm(group, arm, post, key) for arm in arms]
    fitting = [i for i, each in enumerate(evidence) if each.difference is None]
    if len(fitting) < 2:
        return evidence[fitting[0] if fitting else 0]
    held_out = {i: arms[i].held_out_accuracy for i in fitting}
    known = {i: accuracy for i, accuracy in held_out.items() if accuracy is not None}
    if len(known) < len(fitting):
        rivals = tuple(arms[i].name for i in fitting)
        return dataclasses.replace(evidence[fitting[0]], rivals=rivals)
    return evidence[max(known, key=lambda i: known[i])]


def _curves(arm: Arm) -> dict[str, dict[int, list[float]]]:
    """The values of metrics by epoch, of each run."""
    return {
        metric: arm.by_epoch(lambda outcome, m=metric: [each[m] for each in outcome.epochs])
        for metric in ("test_accuracy", "learning_rate")
    }


def _by_size(group: Group, arm: Arm) -> dict[int, list[float]]:
    """The accuracies on all training images and on parts of them, for as many epochs."""
    same = [
        each
        for each in group.smaller
        if each.index == arm.index >= 0
        and each.outcomes[0].num_epochs == arm.outcomes[0].num_epochs
    ]
    return {each.outcomes[0].num_train: each.accuracies for each in (*same, arm)}


def _measured_arm(group: Group, arm: Arm, post: BlogPost, key: str) -> MeasuredArm:
    first, is_right = arm.outcomes[0], arm.is_right
    data = first.run.environment["data"]
    by_class = {group.class_names[c]: is_right[:, group.labels == c] for c in set(group.labels)}
    return MeasuredArm(
        best_accuracies=[
            max(epoch["test_accuracy"] for epoch in outcome.epochs) for outcome in arm.outcomes
        ],
        last_accuracies=arm.accuracies,
        class_accuracies={name: own.mean(axis=1).tolist() for name, own in by_class.items()},
        seconds={device: seconds for device, seconds, _ in durations(arm)},
        num_test=len(group.labels),
        difference=setting_difference(post, arm.config, data, first.origin, key),
        runs=arm.runs,
        name=arm.name,
        seeds=[outcome.seed for outcome in arm.outcomes],
        num_independent=_num_independent(is_right),
        class_independent={name: _num_independent(own) for name, own in by_class.items()},
        curves=_curves(arm),
        by_size=_by_size(group, arm),
    )


def _num_independent(is_right: np.ndarray) -> float:
    """Counts the independent answers in those of several runs, [runs, n], to the same images."""
    return num_independent(is_right.sum(axis=0), np.full(is_right.shape[1], len(is_right)))
