"""Weights that a run began with, and where they come from: in words, and as settings."""

import dataclasses
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from jaxcmp.compare.words import count
from jaxcmp.errors import CommandError
from jaxcmp.settings.hub_address import is_hub_address, parse_address


@dataclasses.dataclass(frozen=True)
class Origin:
    """Weights that a run began from, and the training that they come from.

    `kind` is "run" for a run folder of ours, else "file". `file` is the name of a file or folder,
    or an address of a model hub with commit and file. `name` is that of a data set, or what was
    said of a file, "" if nothing was; the fields after it are None where nobody knows. `before` has
    the names of what they had been trained on before that, the first one first, "" for what nobody
    has said, and `classes_before` the classes of all that. `arrays` counts those of our model by
    what became of them: loaded, resized, new, unused. `fitted` tells whether two runs took the same
    of their weights.
    """

    kind: str
    layout: str
    file: str
    sha256: str
    name: str
    num_train: int | None
    num_classes: int | None
    class_names: tuple[str, ...] | None
    epochs: int | None
    arm: str | None
    seed: int | None
    before: tuple[str, ...]
    classes_before: tuple[str, ...] | None
    arrays: Mapping[str, int]
    fitted: str

    @property
    def is_run(self) -> bool:
        return self.kind == "run"

    @property
    def short_file(self) -> str:
        """Returns the name of the file, or of its repository and the commit, for a table."""
        return parse_address(self.file).short if is_hub_address(self.file) else self.file

    @property
    def title(self) -> str:
        """Returns how the name of an arm describes these weights."""
        if not self.name:
            return f"from the weights of {self.short_file}"
        classes = ""
        if self.is_run and self.num_classes:
            classes = f"{count(self.num_classes, 'class')} of "
        *before, last = (name.partition(",")[0].strip() for name in (*self.told_before, self.name))
        return f"pretrained on {', then '.join((*before, classes + last))}"

    @property
    def words(self) -> str:
        """Describes all that is known of the images behind these weights."""
        told = [f"{self.num_train:,} images"] if self.num_train else []
        told += [count(self.num_classes, "class")] if self.num_classes else []
        told += [count(self.epochs, "epoch")] if self.epochs else []
        name = self.name or f"{self.short_file}, trained on unknown data"
        last = f"{name} ({', '.join(told)})" if told else name
        return ", then ".join((*self.told_before, last))

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """Returns what is equal for runs that began from weights trained on the same images.

        Runs that begin from several seeds of one training are alike; of two files, nobody knows.
        """
        told: dict[str, Any] = {"kind": self.kind, "seen": self.name}
        told |= {"num_train": self.num_train, "num_classes": self.num_classes}
        told |= {"epochs": self.epochs, "arm": self.arm, "layout": self.layout}
        told |= {} if self.is_run else {"sha256": self.sha256[:12]}
        told |= {"class_names": self.class_names, "fitted": self.fitted}
        if self.before:
            told |= {"before": self.before, "classes_before": self.classes_before}
        return tuple((f"init.{key}", json.dumps(value)) for key, value in told.items())

    def shared(self, class_names: Sequence[str]) -> list[str] | None:
        """Returns the names of those classes that the weights were trained on; None if unknown."""
        if self.class_names is None or self.classes_before is None:
            return None
        seen = set(map(_plain, (*self.class_names, *self.classes_before)))
        return [name for name in class_names if _plain(name) in seen]

    @property
    def told_before(self) -> tuple[str, ...]:
        """Names of what the weights had seen before the last training, the first one first."""
        return tuple(name or "unknown data" for name in self.before)


def origin_of(init: Mapping[str, Any]) -> Origin | None:
    """Returns the origin of a run's weights; None for a run that began at random.

    Raises KeyError where init.json lacks what it should say, ValueError for an address of no hub.
    """
    if not init:
        return None
    seen, rows = init["seen"], init["rows"]
    names, num_classes = seen.get("class_names"), seen.get("num_classes")
    before = list(_before(seen))
    known = [each["class_names"] for each in before if each.get("class_names") is not None]
    return Origin(
        kind=init["kind"],
        layout=init["layout"],
        file=_file(init["path"]),
        sha256=init["sha256"],
        name=seen["name"] or "",
        num_train=seen.get("num_train"),
        num_classes=len(names) if num_classes is None and names else num_classes,
        class_names=None if names is None else tuple(names),
        epochs=seen.get("epochs"),
        arm=seen.get("arm"),
        seed=seen.get("seed"),
        before=tuple(each["name"] or "" for each in reversed(before)),
        classes_before=tuple(itertools.chain(*known)) if len(known) == len(before) else None,
        arrays=Counter(row["what"] for row in rows),
        fitted=_digest(rows),
    )


def _file(path: str) -> str:
    """Returns the last name of a path; an address of a hub as it is, or ValueError for none."""
    name = PurePath(path).name
    if not is_hub_address(path):
        return name
    try:
        return str(parse_address(path))
    except CommandError as error:
        raise ValueError(str(error)) from error


def _before(seen: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Returns the trainings behind a run's weights before the run itself, the newest first."""
    while seen := seen.get("before") or {}:
        yield seen


def _digest(rows: Iterable[Mapping[str, Any]]) -> str:
    told = [[row["name"], row["what"], row.get("from"), row.get("to")] for row in rows]
    told = sorted(json.dumps(each) for each in told)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _plain(name: str) -> str:
    """Data sets write one class in several ways: "fire truck", "Fire_truck"."""
    return name.casefold().replace("_", " ").strip()
