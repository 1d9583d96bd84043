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
    # Keys outside all sections come first, as in the type.
    for _, group in groupby(known.items(), lambda item: item[0].rpartition(".")[0]):
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


def _owner(name: str) -> str:
    """Names the only model or optimizer that has a key, if there is only one."""
    section, _, last = name.rpartition(".")
    sections = sections_of(unwrap(Settings.__annotations__.get(section))[0])
    owners = [tag_of(section) for section in sections if last in section.__struct_fields__]
    return f"Of {owners[0]}: " if len(owners) == 1 < len(sections) else ""


def _word(value: Any) -> str:
    """Formats a value as it can be typed: without spaces."""
    return "()" if value == () else str(value).replace(" ", "")
