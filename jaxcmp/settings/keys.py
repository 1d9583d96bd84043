"""The keys of the settings by dotted name, with their types, ranges and roles."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from jaxcmp.settings import Role, Section, Settings


@dataclass(frozen=True)
class Key:
    """A setting: its dotted name, its type and its annotation."""

    name: str
    type: Any
    meta: Meta
    is_required: bool
    default: Any
    # Of each section that has a key of this name.
    defaults: tuple[Any, ...]

    @property
    def role(self) -> Role:
        return (self.meta.extra or {})["role"]


def keys(
    section: type[Section] = Settings, prefix: str = "", given: Mapping[str, Any] | None = None
) -> dict[str, Key]:
    """Returns all keys by dotted name, including those of every model and optimizer.

    Where `given`, a configuration, names a model or an optimizer, only its keys.
    """
    by_name: dict[str, Key] = {}
    for field in msgspec.structs.fields(section):
        name = f"{prefix}{field.name}"
        inner, meta = unwrap(field.type)
        sections = sections_of(inner)
        if not sections:
            default = field.default
            by_name[name] = Key(name, inner, meta, field.required, default, (default,))
        elif len(sections) > 1:
            tags = tuple(map(tag_of, sections))
            by_name[f"{name}.name"] = Key(f"{name}.name", Literal[tags], meta, True, None, ())
        chosen = given.get(field.name) if isinstance(given, Mapping) else None
        for inner_section in _chosen(sections, chosen):
            for each, key in keys(inner_section, f"{name}.", chosen).items():
                by_name[each] = _either(by_name[each], key) if each in by_name else key
    return by_name


def _chosen(sections: tuple[type[Section], ...], given: Any) -> tuple[type[Section], ...]:
    """Returns the section that a configuration names, or all of them."""
    name = given.get("name") if isinstance(given, Mapping) else None
    return tuple(section for section in sections if tag_of(section) == name) or sections


def _either(one: Key, other: Key) -> Key:
    """Returns the key of two sections that share one: an equal key, or a choice of words each.

    Raises TypeError for others, whose ranges could not both hold.
    """
    if (one.type, one.meta) == (other.type, other.meta):
        return one
    if {get_origin(one.type), get_origin(other.type)} != {Literal}:
        raise TypeError(f"two sections have different keys {one.name}")
    meta = Meta(
        description=f"{one.meta.description} {other.meta.description}", extra=one.meta.extra
    )
    choices = Literal[(*get_args(one.type), *get_args(other.type))]
    return dataclasses.replace(
        one, type=choices, meta=meta, defaults=(*one.defaults, *other.defaults)
    )


def unwrap(annotation: Any) -> tuple[Any, Meta]:
    """Splits an annotated type into the type and its Meta, which may be said in parts."""
    if get_origin(annotation) is not Annotated:
        return annotation, Meta()
    inner, *parts = get_args(annotation)
    said = (item for part in parts for item in part.__rich_repr__())
    return inner, Meta(**dict(said))


def sections_of(annotation: Any) -> tuple[type[Section], ...]:
    """Returns the section of a type, or the sections to choose from by name; empty for a value."""
    options = get_args(annotation) or (annotation,)
    return tuple(x for x in options if isinstance(x, type) and issubclass(x, Section))


def tag_of(section: type[Section]) -> str:
    """Returns the name by which a section is chosen."""
    return str(section.__struct_config__.tag)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the values by dotted key; an empty section is a value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        is_section = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{key}.") if is_section else {f"{prefix}{key}": value}
    return flat


KEYS = keys()


def with_role(*roles: Role) -> tuple[str, ...]:
    return tuple(name for name, key in KEYS.items() if key.role in roles)


def _neutral() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each key that does nothing at its default, with that value as JSON.

    There are several where models that share a key have other defaults.
    """
    for name, key in KEYS.items():
        if not key.is_required and key.role not in (Role.NAME, Role.ORIGIN, Role.FREE):
            yield name, tuple(map(json.dumps, key.defaults))


NEUTRAL = dict(_neutral())
# Values of data.name for the user's own images, in data.dir.
OWN_DATA = ("folder", "npz", "parquet")


def name_of_images(name: str, place: str) -> str:
    """Names a data set by data.name, and the user's own images by their folder or file."""
    return (PurePath(place).name if name in OWN_DATA else "") or name


# Keys whose values follow from the data, with the placeholder until they are known.
FOLLOWS_DATA = {"model.num_classes": 0, "model.image_size": 0}
