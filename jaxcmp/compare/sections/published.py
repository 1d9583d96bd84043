"""A study as data: its setting, its models and its claims, as claims.toml has them."""

import dataclasses
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Claim:
    """What the study says, and what decides it; claims.toml explains each field."""

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

    @property
    def is_tuned(self) -> bool:
        """Whether it is about models that began from weights."""
        return self.measure.startswith("tuned")


@dataclasses.dataclass(frozen=True)
class StudyArm:
    """One of the study's models; `config` has the settings that it states, `command` trains it.

    Where `seen` is not "", it began from weights, and that is how what they had seen begins.
    """

    label: str
    command: str
    config: dict[str, Any]
    seen: str = ""


@dataclasses.dataclass(frozen=True)
class Study:
    """`arms` and `tuned` are by the name of their model, `classes` in the order of claims.

    `arms` began at random, `tuned` from weights.
    """

    name: str
    setting: str
    num_train: int
    classes: tuple[str, ...]
    arms: dict[str, StudyArm]
    claims: tuple[Claim, ...]
    tuned: dict[str, StudyArm] = dataclasses.field(default_factory=dict)


def load_claims(path: Path | None = None) -> Study:
    """Reads a study, by default the one that comes with the package.

    Raises OSError, tomllib.TOMLDecodeError, KeyError or TypeError where the file is not one.
    """
    source = path or resources.files("jaxcmp.compare.sections") / "claims.toml"
    stored = tomllib.loads(source.read_text(encoding="utf-8"))
    shared = stored["study"].pop("config")
    arms = {
        name: StudyArm(**arm | {"config": shared | arm["config"]})
        for name, arm in stored["arms"].items()
    }
    tuned = {name: StudyArm(**arm) for name, arm in stored.get("tuned", {}).items()}
    classes = tuple(stored["study"].pop("classes"))
    claims = tuple(_claim(each) for each in stored["claims"])
    return Study(classes=classes, arms=arms, claims=claims, tuned=tuned, **stored["study"])


def _claim(stored: Mapping[str, Any]) -> Claim:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    fields["class_name"] = fields.pop("class", "")
    return Claim(**fields)
