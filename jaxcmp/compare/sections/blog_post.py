"""The blog post's claims as data, and the arms that speak for its models."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct, field, structs

from jaxcmp.compare.arms import Arm, Group, by_held_out
from jaxcmp.compare.origin import Origin
from jaxcmp.settings.keys import NEUTRAL


class Claim(Struct, frozen=True):
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
    class_name: str = field(default="", name="class")
    at: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()


class StatedArm(Struct, frozen=True):
    """A model of the blog post; `config` has the settings that it states, `command` trains it.

    Where `seen` is not "", it began from weights, and that is how what they had seen begins. One
    that is beside the blog post is not in it, and decides what it says of its own.
    """

    label: str
    command: str
    config: dict[str, Any]
    seen: str = ""
    is_beside: bool = False


class BlogPost(Struct, frozen=True):
    """`arms` are by their names in claims.toml; `config` is of all that began at random."""

    name: str
    setting: str
    num_train: int
    classes: tuple[str, ...]
    config: dict[str, Any]
    arms: dict[str, StatedArm]
    claims: tuple[Claim, ...]


def load_claims() -> BlogPost:
    """Reads the blog post that comes with the package."""
    source = resources.files("jaxcmp.compare.sections") / "claims.toml"
    post = msgspec.toml.decode(source.read_bytes(), type=BlogPost)
    arms = {
        name: arm if arm.seen else structs.replace(arm, config=post.config | arm.config)
        for name, arm in post.arms.items()
    }
    claims = tuple(structs.replace(each, classes=post.classes) for each in post.claims)
    return structs.replace(post, arms=arms, claims=claims)


@dataclasses.dataclass(frozen=True)
class Speaker:
    """The arm whose runs speak for a model of the blog post, and the group that it is of.

    `difference` says what sets the runs apart from the blog post's, as `setting_difference` does,
    and is None where nothing does. `rivals` are the names of several arms that could speak, where
    nothing but the test images chooses between them.
    """

    arm: Arm
    group: Group
    difference: str | None = None
    rivals: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.arm.name


def setting_difference(
    post: BlogPost,
    stated: StatedArm,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    origin: Origin | None = None,
) -> str | None:
    """Says what sets a run apart from one of the blog post; None if nothing does.

    `config` is that of config.json, `data` what environment.json says of the images, `origin` the
    weights that the run began from. The seed, and whatever the blog post does not state, may be
    anything.
    """
    num_train = data["num_train"]
    if origin and (origin.before or not _normal(origin.name).startswith(_normal(stated.seen))):
        return f"their weights were pretrained on {origin.words}, the blog post's on {stated.seen}"
    difference = _difference(stated.config, config)
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
    if not name.startswith("cifar10") or name.startswith("cifar100"):
        return False
    return any(
        _difference({"model": stated.config["model"]}, config) is None
        for stated in post.arms.values()
        if not stated.is_beside and _is_alike(arm, stated)
    )


def _is_alike(arm: Arm, stated: StatedArm) -> bool:
    """Returns whether both are of one architecture, and both began at random or from weights."""
    is_tuned = arm.outcomes[0].origin is not None
    return arm.architecture == stated.config["model"]["name"] and is_tuned == bool(stated.seen)


def find_speakers(group: Group, post: BlogPost) -> dict[str, Speaker]:
    """Chooses one arm for each model by its name; of several, the one in the blog post's setting.

    Of several in it, that with the highest accuracy on held-out images does, and none where an arm
    held none out: the best on the test images would be taken for its luck. Where none is in it, the
    first says why.
    """
    found = {}
    for key, stated in post.arms.items():
        arms = [*group.arms, *group.pretrained, *group.crossed]
        own = [_speaker(group, arm, post, stated) for arm in arms if _is_alike(arm, stated)]
        fitting = [each for each in own if each.difference is None]
        if fitting:
            found[key] = _one_of(fitting)
        elif own and not stated.is_beside:
            found[key] = own[0]
    return found


def _speaker(group: Group, arm: Arm, post: BlogPost, stated: StatedArm) -> Speaker:
    first = arm.outcomes[0]
    data = first.run.environment["data"]
    return Speaker(arm, group, setting_difference(post, stated, arm.config, data, first.origin))


def _one_of(fitting: Sequence[Speaker]) -> Speaker:
    if len(fitting) == 1:
        return fitting[0]
    if best := by_held_out([each.arm for each in fitting]):
        return next(each for each in fitting if each.arm is best[0])
    return dataclasses.replace(fitting[0], rivals=tuple(each.name for each in fitting))
