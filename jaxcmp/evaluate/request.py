"""A request to evaluate runs: which images and which checkpoint, and the name of the evaluation."""

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from jaxcmp import cli, files
from jaxcmp.errors import CommandError
from jaxcmp.runs import Run
from jaxcmp.settings import Data, Settings
from jaxcmp.settings.configuration import settings_of
from jaxcmp.settings.keys import OWN_DATA, keys

# Keys that say which images; the others only where they are, and how they are computed.
IMAGES = ("data.name", "data.dir", "data.image_size", "data.classes", "data.test_fraction")
OTHERS = ("data.fit", "data.skip_bad", "data.manual_dir", "data.placement", "eval_batch_size")
ALLOWED = (*IMAGES, *OTHERS)
# More classes are not all listed in a name.
MAX_CLASSES = 10


@dataclass(frozen=True)
class Request:
    """Options of the command; `overrides` are of a run's configuration, as typed."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    split: str = "test"
    checkpoint: int | str = "newest"
    name: str = ""
    by_position: bool = False
    overwrite: bool = False

    def check(self) -> None:
        """Raises CommandError for a key that does not change which images are evaluated."""
        known = keys()
        for key in self.overrides:
            if key in ALLOWED:
                continue
            if key in known:
                raise CommandError(
                    f"--config.{key} belongs to the run, which is trained already: an evaluation "
                    f"takes --config. with {', '.join(ALLOWED)}"
                )
            near = difflib.get_close_matches(key, ALLOWED, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ALLOWED)}"
            raise CommandError(f"configuration key {key!r} is unknown; {hint}")
        if self.name:
            files.name(self.name, "--name")

    @property
    def which(self) -> str:
        """Returns "newest", "best" or "step"."""
        return self.checkpoint if isinstance(self.checkpoint, str) else "step"

    def words(self) -> list[str]:
        """Returns the request as arguments of the command, without the runs."""
        words = [f"--config.{key}={text}" for key, text in self.overrides.items()]
        words += [] if self.split == "test" else [f"--split={self.split}"]
        words += [] if self.checkpoint == "newest" else [f"--checkpoint={self.checkpoint}"]
        words += ["--by_position"] if self.by_position else []
        words += [f"--name={self.name}"] if self.name else []
        return words


@dataclass(frozen=True)
class Plan:
    """A request for one run: its settings with the images to evaluate, and their name.

    `is_own` says that the images are meant to be the run's own; the images themselves decide.
    """

    request: Request
    settings: Settings
    is_own: bool
    is_moved: bool
    name: str

    def identity(self) -> dict[str, Any]:
        """Returns what tells this request from another of the same name."""
        data, request = self.settings.data, self.request
        return {
            "data": data.name,
            "dir": _place(data) if _tells_place(data, request.overrides) else "",
            "classes": list(data.classes),
            "image_size": data.image_size,
            "fit": data.fit,
            "skip_bad": data.skip_bad,
            "test_fraction": data.test_fraction,
            "split": request.split,
            "checkpoint": request.checkpoint,
            "by_position": request.by_position,
        }


def plan(run: Run, request: Request) -> Plan:
    """Applies a request to a run; raises CommandError for a value that does not fit.

    Raises JaxcmpError where the run does not say of which size its images are and the other ones
    need it.
    """
    own = settings_of(run.config)
    settings = cli.with_overrides(run.config, request.overrides)
    data, given = settings.data, request.overrides
    is_moved = _is_moved(data, own.data)
    is_other = data.name != own.data.name or (data.name in OWN_DATA and is_moved)
    if is_other:
        # Classes and fractions of one data set mean nothing in another.
        changes: dict[str, Any] = {"classes": (), "test_fraction": 0.0}
        changes["image_size"] = _image_size(run, own.data)
        changes = {key: value for key, value in changes.items() if f"data.{key}" not in given}
        data = replace(data, **changes)
    alike = {"dir": "", "manual_dir": "", "placement": "auto"}
    is_own = not is_other and replace(data, **alike) == replace(own.data, **alike)
    settings = replace(settings, data=data)
    name = request.name or default_name(data, request)
    return Plan(request, settings, is_own, is_moved, name)


def default_name(data: Data, request: Request) -> str:
    """Names an evaluation by its images, in a word that can be a folder's name."""
    parts = [_word(data.name)]
    if _tells_place(data, request.overrides):
        parts.append(_word(Path(data.dir).name))
    parts.append(_word(request.split))
    if "data.classes" in request.overrides and data.classes:
        numbers = "-".join(map(str, data.classes))
        digest = hashlib.sha256(numbers.encode()).hexdigest()[:8]
        is_short = len(data.classes) <= MAX_CLASSES
        parts.append(f"classes-{numbers if is_short else f'{len(data.classes)}-{digest}'}")
    if "data.image_size" in request.overrides:
        parts.append(f"{data.image_size}px" if data.image_size else "stored-size")
    if request.checkpoint != "newest":
        parts.append(f"step-{request.checkpoint}" if request.which == "step" else request.which)
    return files.name("-".join(parts), "the evaluation's name (--name gives another):")


def _image_size(run: Run, own: Data) -> int:
    """Returns the size to which other images are decoded: that of the run's, if it is a square."""
    height, width = run.data["image_size"]
    return own.image_size or (height if height == width else 0)


def _tells_place(data: Data, overrides: Mapping[str, str]) -> bool:
    """Returns whether the folder tells these images from others of the same name."""
    is_given = "data.dir" in overrides and bool(data.dir)
    return is_given and ("data.name" not in overrides or data.name in OWN_DATA)


def _is_moved(one: Data, other: Data) -> bool:
    """Returns whether two places differ; one folder may be written in several ways."""
    if not (one.dir and other.dir):
        return one.dir != other.dir
    return Path(one.dir).resolve() != Path(other.dir).resolve()


def _place(data: Data) -> str:
    return str(Path(data.dir).absolute())


def _word(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "images"
