"""What every command of the benchmark shares: its flags."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcmp import main
from jaxcmp.errors import CommandError


def parse(argv: Sequence[str], flags: Mapping[str, tuple[Any, str]], about: str | None) -> Any:
    """The flags, `config` among them; each of `flags` has a default and a sentence.

    A default that is a number takes whole numbers from 1 on. `--json` alone is `--json=-`, the
    standard output. Raises CommandError.
    """

    def define(argv: Sequence[str]) -> Any:
        values = main.define_config(argv)
        for name, (default, words) in flags.items():
            main.define_flag(values, name, default, words)
        return values

    completed = [f"{each}=-" if each in ("--json", "-json") else each for each in argv]
    options = main.parse(completed, define, about)
    for name, (default, _) in flags.items():
        if isinstance(default, int) and getattr(options, name) < 1:
            raise CommandError(f"--{name}={getattr(options, name)} must be at least 1")
    return options


def overrides(argv: Sequence[str]) -> list[str]:
    """The arguments that say which configuration, for another process to read."""
    chosen, is_value = [], False
    for argument in argv[1:]:
        name = argument.lstrip("-").partition("=")[0]
        is_flag = argument.startswith("-") and (name == "config" or name.startswith("config."))
        if is_flag or (is_value and not argument.startswith("--")):
            chosen.append(argument)
        is_value = is_flag and "=" not in argument
    return chosen
