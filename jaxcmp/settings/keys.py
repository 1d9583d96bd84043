"""The keys of the settings by dotted name, with their types, ranges and roles."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
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

    @property
    def role(self) -> Role:
        return (self.meta.extra or {})["role"]


def keys(section: type[Section] = Settings, prefix: str = "") -> dict[str, Key]:
    """Returns all keys by dotted name, including those of every model and optimizer."""
    by_name: dict[str, Key] = {}
    for field in msgspec.structs.fields(section):
        name = f"{prefix}{field.name}"
        inner, meta = unwrap(field.type)
        sections = sections_of(inner)
        if not sections:
            by_name[name] = Key(name, inner, meta, field.required, field.default)
        elif len(sections) > 1:
            tags = tuple(map(tag_of, sections))
            by_name[f"{name}.name"] = Key(f"{name}.name", Literal[tags], meta, True, None)
        for inner_section in sections:
            by_name |= keys(inner_section, f"{name}.")
    return by_name


def unwrap(annotation: Any) -> tuple[Any, Meta]:
    """Splits an annotated type into the type and its Meta."""
    if get_origin(annotation) is Annotated:
        inner, meta = get_args(annotation)
        return inner, meta
    return annotation, Meta()


def sections_of(annotation: Any) -> tuple[type[Section], ...]:
    """Returns the section of a type, or the sections to choose from by name; empty for a value."""
    options = get_args(annotation) or (annotation,)
    return tuple(x for x in options if isinstance(x, type) and issubclass(x, Section))


def tag_of(section: type[Section]) -> str:
    """Returns the name by which a section is chosen."""
    return str(section.__struct_config__.tag)


KEYS = keys()


def with_role(*roles: Role) -> tuple[str, ...]:
    return tuple(name for name, key in KEYS.items() if key.role in roles)


def _neutral() -> Iterator[tuple[str, Any]]:
    """Yields each key that does nothing at its default, with that value as JSON."""
    for name, key in KEYS.items():
        if not key.is_required and key.role not in (Role.NAME, Role.ORIGIN, Role.FREE):
            yield name, json.dumps(key.default)


NEUTRAL = dict(_neutral())
# Keys whose values follow from the data, with the placeholder until they are known.
FOLLOWS_DATA = {"model.num_classes": 0}
