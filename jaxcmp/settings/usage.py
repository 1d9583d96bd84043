"""The list of settings in --help: each with its description, its range and its value."""

import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import describe_type
from jaxcmp.settings.grid import Grid
from jaxcmp.settings.keys import Key, flatten, keys, sections_of, tag_of, unwrap

WIDTH, INDENT = 79, " " * 6
AXES = (
    "Values of a setting KEY of the grid's arms, such as schedule.peak_learning_rate. Every "
    "combination is trained, and the report chooses one on held-out images: it needs "
    "--config.data.validation_fraction."
)


def list_settings(config: Mapping[str, Any] | None = None) -> str:
    """Lists every setting by section, in lines of at most 79 characters.

    With a configuration, the list has its values, and only the keys of its model and optimizer.
    """
    if config is None:
        lines = ["Settings; with --config=FILE also their values in it:"]
        lines += _lines(keys(), "--config.", None)
    elif "arms" in config:
        lines = ["Settings of a study:"]
        for name, grid in config["grids"].items():
            values = flatten(grid)
            known = keys(Grid).items()
            own = {k: key for k, key in known if k in values or not k.startswith("axes.")}
            lines += _lines(own, f"--config.grids.{name}.", values)
        lines += ["", "  --config.grids.GRID.axes.KEY=VALUE,VALUE", *_wrap(AXES)]
        lines += ["", "Settings of each arm, ARM being one of " + ", ".join(config["arms"]) + ":"]
        lines += _lines(keys(), "--config.arms.ARM.", None)
    else:
        lines = ["Settings, with the values of the configuration:"]
        lines += _lines(keys(given=config), "--config.", flatten(config))
    return "\n".join(lines)


def _lines(
    known: Mapping[str, Key], prefix: str, values: Mapping[str, Any] | None
) -> Iterator[str]:
    chosen = {name: key for name, key in known.items() if values is None or _is_in(name, values)}
    # Keys outside all sections come first, as in the type.
    for _, group in groupby(chosen.items(), lambda item: item[0].rpartition(".")[0]):
        yield ""
        for name, key in group:
            value = "" if values is None else f"={_word(values.get(name, key.default))}"
            yield f"  {prefix}{name}{value}"
            about = key.meta.description or ""
            owner = _owner(name) if values is None else ""
            words = f"{owner}{about} Takes {describe_type(key.type, key.meta)}."
            yield from _wrap(words)


def _wrap(words: str) -> list[str]:
    return textwrap.wrap(
        words, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False
    )


def _is_in(name: str, values: Mapping[str, Any]) -> bool:
    """Returns whether a key applies to a configuration, which may leave it out."""
    section, _, last = name.rpartition(".")
    chosen = values.get(f"{section}.name")
    owners = _owners(name)
    return name in values or last == "name" or chosen in owners or not owners


def _owner(name: str) -> str:
    """Names the only model or optimizer that has a key, if there is only one."""
    owners = _owners(name)
    return f"Of {owners[0]}: " if len(owners) == 1 else ""


def _owners(name: str) -> list[str]:
    """Returns the models or optimizers that have a key; empty outside such sections."""
    section, _, last = name.rpartition(".")
    annotation = unwrap(Settings.__annotations__.get(section))[0]
    sections = sections_of(annotation) if annotation else ()
    if len(sections) < 2:
        return []
    return [tag_of(section) for section in sections if last in section.__struct_fields__]


def _word(value: Any) -> str:
    """Formats a value as it can be typed: without spaces."""
    return "()" if value == () else str(value).replace(" ", "")
