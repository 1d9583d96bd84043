"""The axes of a grid: the settings that a study tries several values of, as a type."""

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from jaxcmp.settings import Role, Section
from jaxcmp.settings.keys import KEYS, Key, flatten

Value = bool | int | float | str | tuple[int | float, ...]
Point = Mapping[str, Value]

DATA = "all runs of a study have the same data, and the fractions of a grid are parts of it"
# Why runs of one grid cannot differ in a key of this role.
UNFIT = {
    Role.NAME: "it is a name; each run is named by its arm and its settings",
    Role.SEED: "the seeds of a grid are a setting of its own",
    Role.DATA: DATA,
    Role.SIZE: DATA,
    Role.SCALE: DATA,
    Role.FREE: "it changes no result",
}


def why_no_axis(key: str) -> str:
    """Returns why a setting, or a section of them, cannot be an axis; empty if it can, or is none.

    `key` is a dotted name.
    """
    named = [each for each in KEYS if each == key or each.startswith(f"{key}.")]
    if named and all(each.endswith(".name") for each in named) and not key.startswith("data"):
        return "an arm has one model and one optimizer; give another arm"
    reasons = [UNFIT.get(KEYS[each].role, "") for each in named]
    return reasons[0] if reasons and all(reasons) else ""


def points(axes: Section) -> list[Point]:
    """Lists every combination of the values, by dotted key; without axes, the empty one alone."""
    named = {key: values for key, values in flatten(msgspec.to_builtins(axes)).items() if values}
    return [dict(zip(named, each, strict=True)) for each in itertools.product(*named.values())]


def _section(name: str, keys: Mapping[str, Key]) -> type[Section]:
    """Makes a section with these keys, each of which takes several values and is left out as ()."""
    inner: dict[str, dict[str, Key]] = {}
    for dotted, key in keys.items():
        first, _, rest = dotted.partition(".")
        inner.setdefault(first, {})[rest] = key
    fields: list[tuple[str, Any, Any]] = []
    for first, rest in inner.items():
        if key := rest.get(""):
            about = Meta(description=key.meta.description)
            fields.append((first, Annotated[tuple[Annotated[key.type, key.meta], ...], about], ()))
        else:
            section = _section(first, rest)
            fields.append((first, section, section()))
    section = msgspec.defstruct(
        name, fields, bases=(Section,), frozen=True, kw_only=True, forbid_unknown_fields=True
    )
    return cast(type[Section], section)


# The section `axes` of a grid: every key that may be one, with values of that key's type and range.
Axes = _section("Axes", {name: key for name, key in KEYS.items() if not why_no_axis(name)})
