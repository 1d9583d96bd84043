"""What every command of the benchmark shares: flags, and one line for what goes wrong."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxcmp import main
from jaxcmp.errors import CommandError, JaxcmpError


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
        if is_flag or is_value:
            chosen.append(argument)
        is_value = is_flag and "=" not in argument
    return chosen


def carry_out(command: Callable[[], None]) -> int:
    """The exit code: 0, 1 for what is in the way, 2 for a wrong command, 130 if interrupted."""
    try:
        command()
    except JaxcmpError as error:
        print(f"jaxcmp: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("jaxcmp: interrupted", file=sys.stderr)
        return 130
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        print("jaxcmp: the device's memory does not suffice", file=sys.stderr)
        return 1
    return 0
