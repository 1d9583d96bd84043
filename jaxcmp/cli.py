"""The command line of every command: --config and its overrides, options, --help, one-line errors.

The configuration is a file, a variant of it, and values for some of its keys:
--config=configs/vit.py:cpu --config.seed=1. A name stands for a file in configs/: --config=vit:cpu.
If an argument is given twice, the last one counts.
"""

import argparse
import contextlib
import difflib
import re
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.files import path_argument
from jaxcmp.runtime import console, entry_points, interrupt, memory_errors
from jaxcmp.settings import Settings, configuration, usage
from jaxcmp.settings.configuration import ConfigWords
from jaxcmp.text import say

HINT = "for example --config=configs/vit.py or --config=configs/resnet.py:digits"
# --config or --config.key, with or without a value.
CONFIG_WORD = re.compile(r"--?config(?:\.(?P<key>[^=]*))?(?:=(?P<value>.*))?", re.DOTALL)
CONFIG_NAME = re.compile(r"[\w-]+")
# Holds configs/ of an installed package; in a checkout that lies beside the package.
SHIPPED = Path(__file__).parent / "shipped"
if not SHIPPED.is_dir():
    SHIPPED = Path(__file__).parent.parent


def carry_out(command: Callable[[], int | None], *, interrupted: str = "interrupted") -> int:
    """Runs a command and returns its exit code; prints an expected error as one line on stderr.

    The code is 0 or what the command returns, 1 for an error outside the command, 2 for a wrong
    command, and 75 for a run that a signal stopped after it was saved. A signal that comes while
    nothing can be lost ends the process at once, with the line `interrupted` and 129 (SIGHUP), 130
    (SIGINT) or 143 (SIGTERM): see `jaxcmp.runtime.interrupt`. Other exceptions are bugs: they pass.
    """
    console.set_up()
    with interrupt.handled(interrupted):
        line, code = None, 0
        try:
            code = command() or 0
        except JaxcmpError as error:
            line, code = str(error), error.exit_code
        except KeyboardInterrupt:
            line, code = interrupted, 130
        except BrokenPipeError:
            code = 1  # The reader of our output is gone.
        except OSError as error:
            line, code = _line_of(error), 1
        except (MemoryError, RuntimeError) as error:
            if not memory_errors.is_out_of_memory(error):
                raise
            line, code = memory_errors.describe(error), 1
        if line is not None:
            # The code tells as much where nobody reads any more, as after `2>&1 | tee` and Ctrl-C.
            with contextlib.suppress(BrokenPipeError):
                say(f"jaxcmp: {line}", to_stderr=True)
        console.discard_unread()
        # Python still has to exit; a signal during that keeps this exit code.
        interrupt.end_with(None, code)
    return code


def _line_of(error: OSError) -> str:
    named = f"{error.filename}: " if error.filename is not None else ""
    return f"{named}{error.strerror or error}"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises CommandError for wrong arguments, and takes no abbreviations
    of options.
    """

    def __init__(self, prog: str, description: str | None, **options: Any) -> None:
        super().__init__(
            prog=entry_points.shown(prog),
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} ({self.prog} --help)")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            raise CommandError(self._describe_unknown(unknown[0]))
        return options

    def print_help(self, file: Any = None) -> None:
        say(self.format_help().rstrip(), is_several=True)

    def _describe_unknown(self, word: str) -> str:
        name, known = word.partition("=")[0], list(self._option_string_actions)
        if not word.startswith("-"):
            takes_config = "--config" in known
            hint = "; a key of the configuration is --config.key=value" if takes_config else ""
            return f"{word!r} is not an option{hint}"
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f" ({self.prog} --help)"
        return f"option {name} is unknown{hint}"


def positive(text: str) -> int:
    """Converts an option's text to a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 1")
    return int(text)


def add_run_folders(parser: Parser) -> None:
    """Adds the argument of commands over finished runs: `folders`, one or more."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=path_argument,
        metavar="folder",
        help="a run folder, or one above several",
    )


def add_checkpoint(parser: Parser) -> None:
    """Adds the option --checkpoint: "newest", "best" or the number of a step."""
    words = "newest (default), best, or a step"
    parser.add_argument("--checkpoint", type=_checkpoint, default="newest", help=words)


def _checkpoint(text: str) -> int | str:
    if text.isdecimal():
        return int(text)
    if text not in ("newest", "best"):
        raise argparse.ArgumentTypeError(f"{text!r} must be newest, best, or the number of a step")
    return text


def config_parser(prog: str, description: str | None) -> Parser:
    """Makes the parser of a command that takes a configuration; callers add their own options."""
    parser = Parser(prog, description, add_help=False)
    parser.add_argument(
        "--config",
        metavar="FILE[:VARIANT]",
        help="a configuration file, or a name in configs/, and a variant of it: vit:cpu",
    )
    parser.add_argument(
        "-h", "--help", action="store_true", help="list options and settings, and exit"
    )
    return parser


def parse(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Returns the options, with the ConfigDict as `config` and its ConfigWords as `given`.

    Adjusts keys that depend on overridden ones, and prints a line on stderr for each. Raises
    CommandError for a wrong option or configuration.
    """
    options = parse_options(parser, words)
    options.config = load_config(options.given)
    return options


def parse_options(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Returns the options, with the ConfigWords as `given`; --help prints the help and exits."""
    given, others = split(words)
    if given.file:
        # So that a configuration file can import configs.shared, its own or else ours.
        sys.path += [str(find_config(given.file).resolve().parent.parent), str(SHIPPED)]
    if not {"-h", "--help"}.isdisjoint(others):
        values = load(given).to_dict() if given.file else None
        parser.epilog = usage.list_settings(values)
        parser.print_help()
        sys.exit(0)
    options = parser.parse_args(others)
    if not given.file:
        raise CommandError(f"no configuration given; {HINT}")
    options.given = given
    return options


def load_config(given: ConfigWords) -> Any:
    """Loads a configuration, applies its overrides and checks it; see `parse`."""
    config = load(given)
    for line in configuration.override(config, given.overrides):
        say(line, to_stderr=True)
    configuration.check(config)
    return config


def with_overrides(config: Mapping[str, Any], overrides: Mapping[str, str]) -> Settings:
    """Returns the settings of a stored configuration with other values, as they were typed.

    Raises CommandError as `load_config` does.
    """
    from ml_collections import ConfigDict

    changed = ConfigDict(dict(config))
    for line in configuration.override(changed, overrides):
        say(line, to_stderr=True)
    return configuration.settings_of(changed)


def split(words: Sequence[str]) -> tuple[ConfigWords, list[str]]:
    """Separates the arguments about the configuration from the others."""
    file, overrides, others = "", {}, []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        match = CONFIG_WORD.fullmatch(word)
        if match is None:
            others.append(word)
            continue
        key, value = match["key"], match["value"]
        if value is None:
            # A key without a value is True; a negative number is a value.
            value = rest.pop(0) if rest and not rest[0].startswith("--") else ""
        if key is None:
            file = value
        else:
            # Removed first, so that the last override comes last.
            overrides.pop(key, None)
            overrides[key] = value
    path, _, variant = file.partition(":")
    if CONFIG_NAME.fullmatch(path) and not Path(path).is_file():
        path = f"configs/{path}.py"
    return ConfigWords(path, variant, overrides), others


def find_config(file: str) -> Path:
    """Returns where a configuration lies; one of ours that is not in the working folder is ours."""
    shipped = SHIPPED / file
    is_shipped = shipped.parent == SHIPPED / "configs" and shipped.is_file()
    return shipped if is_shipped and not Path(file).is_file() else Path(file)


def load(given: ConfigWords) -> Any:
    """Calls get_config of a file with its variant, without overrides; raises CommandError."""
    from ml_collections import ConfigDict

    name, path = f"configuration {given.file!r}", find_config(given.file)
    if not path.is_file():
        raise CommandError(f"{name} is not a file; {HINT}")
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
        if get_config is None:
            raise CommandError(f"{name} cannot be loaded: it has no get_config")
        config = get_config(given.variant) if given.variant else get_config()
    except JaxcmpError:
        raise
    # A configuration file is a program: it can raise anything, even SystemExit.
    except (Exception, SystemExit) as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
        raise CommandError(f"{name} cannot be loaded: {message}") from error
    if not isinstance(config, ConfigDict):
        raise CommandError(f"{name} cannot be loaded: get_config returns no ConfigDict")
    return config
