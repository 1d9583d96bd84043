"""Conversion of a configuration to settings; each error is one line that names the key."""

import dataclasses
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from jaxcmp import files
from jaxcmp.errors import CommandError
from jaxcmp.settings import Section, Settings
from jaxcmp.settings.axes import Point, why_no_axis
from jaxcmp.settings.contradictions import check_together
from jaxcmp.settings.grid import Grid
from jaxcmp.settings.hub_address import is_hub_address, parse_address
from jaxcmp.settings.keys import Key, flatten, keys, sections_of, tag_of, unwrap

Checked = TypeVar("Checked", bound=Section)

# Sections that a study sets for all of its arms.
SHARED = ("data", "log", "checkpoint")


@dataclasses.dataclass(frozen=True)
class ConfigWords:
    """The origin of a configuration: its file, a variant, and overrides as typed.

    `overrides` has values by dotted keys, `module` is the command.
    """

    file: str = ""
    variant: str = ""
    overrides: dict[str, str] = dataclasses.field(default_factory=dict)
    module: str = "jaxcmp.main"

    def words(self) -> list[str]:
        """Returns the same configuration as command-line arguments."""
        colon = ":" if self.variant else ""
        overrides = [f"--config.{key}={text}" for key, text in self.overrides.items()]
        return [f"--config={self.file}{colon}{self.variant}", *overrides]


# For a run that was not started from a command line.
NOTHING_GIVEN = ConfigWords()


def settings_of(config: Any, prefix: str = "") -> Settings:
    """Converts a ConfigDict or a dict to settings; returns Settings unchanged.

    `prefix` precedes each key in errors. Paths are expanded, and `warmup_fraction` becomes
    `warmup_epochs`. Raises CommandError that names the key, for one that is unknown or missing, a
    value of the wrong type or out of range, and keys that contradict each other.
    """
    if isinstance(config, Settings):
        return config
    settings = _typed(_plain(config), Settings, prefix)
    for name, value in (("arm", settings.arm), ("recipe", settings.recipe or settings.arm)):
        files.name(value, f"--config.{prefix}{name}")
    schedule, data, init = settings.schedule, settings.data, settings.init
    if schedule.warmup_fraction:
        warmup_epochs = schedule.warmup_fraction * settings.num_epochs
        schedule = msgspec.structs.replace(
            schedule, warmup_epochs=warmup_epochs, warmup_fraction=0.0
        )
    folders = {name: _expanded(f"{prefix}data.{name}", data) for name in ("dir", "manual_dir")}
    settings = msgspec.structs.replace(
        settings,
        recipe=settings.recipe or settings.arm,
        schedule=schedule,
        data=msgspec.structs.replace(data, **folders),
        init=msgspec.structs.replace(init, path=_expanded(f"{prefix}init.path", init)),
    )
    check_together(settings, prefix)
    return settings


def at_point(settings: Settings, point: Point, prefix: str) -> Settings:
    """Returns the settings with other values by dotted key; raises as `settings_of` does."""
    config = settings.to_dict()
    for key, value in point.items():
        section, _, last = key.rpartition(".")
        place = config[section] if section else config
        if last not in place:
            raise CommandError(f"{settings.arm} has no {key}")
        place[last] = value
    return settings_of(config, prefix)


def check(config: Any) -> None:
    """Raises CommandError as `settings_of` does; checks every arm and grid of a study."""
    given = _plain(config)
    if "arms" not in given:
        settings_of(given)
        return
    for name in given:
        if name not in ("arms", "grids", *SHARED):
            raise _unknown(str(name), ["arms", "grids", *SHARED])
    for section in ("arms", "grids"):
        if not isinstance(given.get(section), Mapping):
            raise CommandError(f"configuration key {section!r} is missing: a study needs some")
    for name, arm in given["arms"].items():
        files.name(name, f"--config.arms.{name}")
        settings_of(arm, f"arms.{name}.")
    for name, grid in given["grids"].items():
        _typed(grid, Grid, f"grids.{name}.")


def override(config: Any, overrides: Mapping[str, str]) -> list[str]:
    """Sets keys of a ConfigDict, by dotted name, to values as they were typed.

    If a run becomes shorter than its recipe, warm-up and mixing shrink too, unless they are
    overridden. Returns a line for each such change. Raises CommandError for an unknown key; values
    are left to `check`.
    """
    known, lines = known_keys(config), []
    for name in overrides:
        if name not in known:
            raise _unknown(name, list(known))
    with config.unlocked(), config.ignore_type():
        num_epochs = {
            prefix: _section(config, prefix).get("num_epochs", 0)
            for prefix, _, last in (name.rpartition(".") for name in overrides)
            if last == "num_epochs"
        }
        for name, text in overrides.items():
            prefix, _, last = name.rpartition(".")
            _section(config, prefix)[last] = parse_value(text, known[name])
        for prefix, before in num_epochs.items():
            dotted = f"{prefix}." if prefix else ""
            given = {name.removeprefix(dotted) for name in overrides if name.startswith(dotted)}
            shortened = _shorten(_section(config, prefix), before, given)
            lines += [f"{dotted}{line}" for line in shortened]
    return lines


def known_keys(config: Any) -> dict[str, Key]:
    """Returns all keys that a configuration may have, also those of a study's arms and grids."""
    known = keys()
    if "arms" not in config:
        return known
    shared = {name: key for name, key in known.items() if name.partition(".")[0] in SHARED}
    arms = (keys(Settings, f"arms.{arm}.") for arm in _names(config, "arms"))
    grids = (keys(Grid, f"grids.{grid}.") for grid in _names(config, "grids"))
    return {name: key for part in (shared, *arms, *grids) for name, key in part.items()}


def _names(config: Any, section: str) -> list[str]:
    """Lists the entries of a section; none if it is not a section, which `check` refuses."""
    return list(config[section]) if hasattr(config.get(section), "items") else []


def parse_value(text: str, key: Key) -> Any:
    """Converts text to a value of the key's type; returns the text if that fails.

    Several values may have brackets around them; empty text is True for a bool.
    """
    if get_origin(key.type) is not tuple:
        return _parse_scalar(text, key.type)
    kind, _ = unwrap(get_args(key.type)[0])
    words = [word.strip("'\" ") for word in text.strip("()[] ").split(",")]
    return tuple(_parse_scalar(word, kind) for word in words if word)


def _parse_scalar(text: str, kind: Any) -> Any:
    if kind is bool and not text:
        return True
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text


def _section(config: Any, path: str) -> Any:
    """Returns the section of a dotted name; adds it if the configuration leaves it out."""
    for name in path.split(".") if path else ():
        if name not in config:
            config[name] = {}
        config = config[name]
        if not hasattr(config, "items"):
            raise CommandError(f"--config.{path}={config!r} must be a section with keys of its own")
    return config


def _shorten(config: Any, num_epochs: int, given: set[str]) -> Iterator[str]:
    """Shrinks settings in epochs if a run has fewer epochs than its recipe.

    What is missing or no number is left to `check`.
    """
    are_whole = isinstance(num_epochs, Integral) and type(config.num_epochs) is int
    if not are_whole or not 0 < config.num_epochs < num_epochs:
        return
    share, why = config.num_epochs / num_epochs, f"for {config.num_epochs} of {num_epochs} epochs"
    schedule, augment = (_numbers_of(config.get(name)) for name in ("schedule", "augment"))
    before = schedule.get("warmup_epochs", 0)
    is_open = not given & {"schedule.warmup_epochs", "schedule.warmup_fraction"}
    if is_open and before and not schedule.get("warmup_fraction"):
        config.schedule.warmup_epochs = after = round(before * share, 6)
        yield f"schedule.warmup_epochs={after:g} in place of {before:g}, {why}"
    before = augment.get("mixing_epochs", 0)
    if "augment.mixing_epochs" not in given and before:
        config.augment.mixing_epochs = after = max(1, round(before * share))
        yield f"augment.mixing_epochs={after} in place of {before}, {why}"


def _numbers_of(section: Any) -> dict[str, Any]:
    """Returns the numbers of a section; none where it is missing or no section."""
    values = section.items() if hasattr(section, "items") else ()
    return {name: value for name, value in values if isinstance(value, Real)}


def _plain(config: Any) -> Any:
    """Converts ConfigDicts to dicts and NumPy's numbers to Python's."""
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    if isinstance(config, Mapping):
        return {str(name): _plain(value) for name, value in config.items()}
    is_number = type(config).__module__ == "numpy" and not getattr(config, "shape", True)
    return config.item() if is_number else config


def _typed(given: Any, kind: type[Checked], prefix: str) -> Checked:
    _check_keys(given, kind, prefix, keys(kind, prefix))
    for name, value in flatten(given, prefix).items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, float) and not math.isfinite(item):
                raise CommandError(_requirement(name, item, keys(kind, prefix, given)[name]))
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise CommandError(_explain(str(error), given, kind, prefix)) from error


def _check_keys(given: Any, kind: type[Section], prefix: str, known: Mapping[str, Any]) -> None:
    """Raises CommandError for the first key that is unknown or missing."""
    if not isinstance(given, Mapping):
        name = prefix.removesuffix(".")
        raise CommandError(f"--config.{name}={given!r} must be a section with keys of its own")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    has_tag = kind.__struct_config__.tag is not None
    for name in given:
        if name in fields or (has_tag and name == "name"):
            continue
        if has_tag:
            section, others = prefix.removesuffix(".").rpartition(".")[2], sorted(fields)
            near = difflib.get_close_matches(name, others, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CommandError(
                f"configuration key {f'{prefix}{name}'!r} is unknown: {section} "
                f"{tag_of(kind)!r} takes {', '.join(others)}{hint}"
            )
        raise _unknown(f"{prefix}{name}", list(known))
    for name, field in fields.items():
        inner, _ = unwrap(field.type)
        if name not in given:
            if field.required:
                raise _missing(f"{prefix}{name}", known)
            continue
        if sections := sections_of(inner):
            section = _chosen(given[name], sections, f"{prefix}{name}.", known)
            _check_keys(given[name], section, f"{prefix}{name}.", known)


def _chosen(
    given: Any, sections: tuple[type[Section], ...], prefix: str, known: Mapping[str, Any]
) -> type[Section]:
    """Returns the section with the given name, if there are several to choose from."""
    if len(sections) == 1 or not isinstance(given, Mapping):
        return sections[0]
    by_name = {tag_of(section): section for section in sections}
    if "name" not in given:
        raise _missing(f"{prefix}name", known)
    name = given["name"]
    if not isinstance(name, str) or name not in by_name:
        raise CommandError(f"--config.{prefix}name={name!r} must be one of {', '.join(by_name)}")
    return by_name[name]


def _unknown(name: str, known: list[str]) -> CommandError:
    if why := why_no_axis(name.partition(".axes.")[2]):
        return CommandError(f"--config.{name} cannot be an axis: {why}")
    if inside := [key for key in known if key.startswith(f"{name}.")]:
        return CommandError(f"--config.{name} is a section: set a key of it, as {inside[0]!r}")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "--help lists all keys"
    return CommandError(f"configuration key {name!r} is unknown; {hint}")


def _missing(name: str, known: Mapping[str, Any]) -> CommandError:
    about = getattr(getattr(known.get(name), "meta", None), "description", None)
    return CommandError(f"configuration key {name!r} is missing{f': {about}' if about else ''}")


def _explain(error: str, given: Any, kind: type[Section], prefix: str) -> str:
    """Rewrites an error of msgspec, which ends in the path of the value: at `$.a.b[0]`."""
    match = re.search(r"at `\$\.?([^`]*)`$", error)
    path = match[1] if match else ""
    value = given
    for part in re.findall(r"[^.\[\]]+", path):
        value = value[int(part)] if isinstance(value, (list, tuple)) else value[part]
    name = f"{prefix}{path.partition('[')[0]}"
    return _requirement(name, value, keys(kind, prefix, given)[name])


def _requirement(name: str, value: Any, key: Key) -> str:
    """Says what a value that does not fit its key would have to be."""
    inner, meta, shown = key.type, key.meta, f"{name}={_shown(value)}"
    if get_origin(inner) is tuple and not isinstance(value, (list, tuple)):
        inner, meta = unwrap(get_args(inner)[0])
        shown = f"{name} has {_shown(value)}: it"
        words = describe_type(inner, meta, is_plural=True)
        is_endless = isinstance(value, float) and not math.isfinite(value)
        return f"--config.{shown} takes {words}{' and finite' if is_endless else ''}"
    if value == "" and meta.min_length:
        return f"--config.{name} must not be empty"
    is_of_type = type(value) is inner or (inner is float and type(value) is int)
    if not is_of_type:
        return f"--config.{shown} must be {describe_type(inner, meta)}"
    has_end = meta.lt is not None or meta.le is not None
    is_endless = isinstance(value, float) and not math.isfinite(value) and not has_end
    words = [describe_range(meta), "finite" if is_endless else ""]
    return f"--config.{shown} must be {' and '.join(filter(None, words))}"


def describe_type(inner: Any, meta: Meta, *, is_plural: bool = False) -> str:
    """Describes the values of a key: a whole number, at least 1."""
    if get_origin(inner) is Literal:
        return f"one of {', '.join(map(str, get_args(inner)))}"
    if get_origin(inner) is tuple:
        least = "at least one value: " if meta.min_length else ""
        return f"{least}{describe_type(*unwrap(get_args(inner)[0]), is_plural=True)}"
    one, many = {
        int: ("a whole number", "whole numbers"),
        float: ("a number", "numbers"),
        bool: ("True or False", "True or False"),
        str: ("text", "text"),
    }[inner]
    limits = describe_range(meta)
    return f"{many if is_plural else one}{f', {limits}' if limits else ''}"


def describe_range(meta: Meta) -> str:
    """Describes bounds: at least 0 and below 1."""
    bounds = (
        ("above", meta.gt),
        ("at least", meta.ge),
        ("below", meta.lt),
        ("at most", meta.le),
    )
    words = [f"{word} {_bound(bound)}" for word, bound in bounds if bound is not None]
    return " and ".join(words)


def _bound(value: float) -> str:
    is_power = isinstance(value, int) and value >= 2**16 and not value & (value - 1)
    return f"2**{value.bit_length() - 1}" if is_power else f"{value:g}"  # pyright: ignore


def _shown(value: Any) -> str:
    """Formats a value for an error; long ones are cut short."""
    text = repr(value) if not isinstance(value, (int, float)) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _expanded(name: str, section: Any) -> str:
    given = getattr(section, name.rpartition(".")[2])
    if is_hub_address(given) and name.endswith("init.path"):
        return str(parse_address(given, name))
    return files.expand_user(given, f"--config.{name}") if given else ""
