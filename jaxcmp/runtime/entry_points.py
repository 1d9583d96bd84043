"""The commands by name, the two ways to start each, and the code that runs before it."""

import atexit
import gc
import sys
from collections.abc import Sequence

from jaxcmp.runtime import interrupt

# `jaxcmp NAME` is `python -m jaxcmp.NAME`, and `jaxcmp train` is `python -m jaxcmp.main`.
COMMANDS = {
    "train": "train one run, or draw its training images",
    "compare": "compare the arms of finished runs, and write the report",
    "study": "train a plan of runs, and write the report",
    "evaluate": "test finished runs on other images",
    "inspect": "test what finished runs answer to changed images",
    "predict": "print the most probable classes of pictures",
    "probe": "fit a logistic regression to the features of a frozen network",
    "export": "write a trained model for other software",
    "bench": "measure how fast this machine trains",
}
# Commands of those who develop jaxcmp, by module alone.
DEVELOPMENT = ("bench.speed_page", "bench.torch_peer")

# New objects before Python looks for garbage among them, and from time to time among all. Imports
# and tracing make a million that stay: by default 700 new ones begin a search, and the searches
# take a tenth of a run's start.
NEW_OBJECTS = 100_000

_is_script = False


def module_of(command: str) -> str:
    """Returns the module of a command, without the package."""
    return "main" if command == "train" else command


MODULES = (*map(module_of, COMMANDS), *DEVELOPMENT)


def begin() -> None:
    """Prepares the process before any slow import, and refuses a module that is not a command.

    Called while Python looks for the module of `python -m jaxcmp.x`. Otherwise a module without a
    command would do nothing and exit with 0.
    """
    # The module follows "-m" in Python's own arguments; sys.argv does not have it yet.
    module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    name = module.removeprefix("jaxcmp").removeprefix(".").removesuffix(".__main__")
    _prepare(name)
    # The package itself is the script, which names a command by a word.
    if module == "jaxcmp" or not module.startswith("jaxcmp") or name in MODULES:
        return
    known = [f"jaxcmp.{module_of(command)}" for command in COMMANDS]
    near = _nearest(name, MODULES)
    _refuse(f"{module} is no command", f"jaxcmp.{near}" if near else "", known)


def start(words: Sequence[str]) -> None:
    """Starts the command that the first word names, as `python -m` does; raises SystemExit."""
    global _is_script
    name = words[0] if words else ""
    _prepare(module_of(name))
    if name in ("-h", "--help"):
        _print_help()
    elif name not in COMMANDS:
        what = f"{name!r} is no command" if name else "no command given"
        _refuse(what, _nearest(name, list(COMMANDS)), list(COMMANDS))
    else:
        import runpy

        _is_script = True
        sys.argv[1:] = words[1:]
        runpy.run_module(f"jaxcmp.{module_of(name)}", run_name="__main__", alter_sys=True)


def shown(module: str) -> str:
    """Returns what a user types for a command, such as "jaxcmp.study", the way this one was."""
    if not _is_script:
        return f"python -m {module}"
    name = module.removeprefix("jaxcmp.")
    return f"jaxcmp {'train' if name == 'main' else name}"


def _prepare(module: str) -> None:
    gc.set_threshold(NEW_OBJECTS)
    if module == "main":
        interrupt.end_with(interrupt.BEFORE_FIRST_STEP, None)
    interrupt.handle_signals()
    # Registered first, so called last.
    atexit.register(interrupt.ignore_signals)


def _print_help() -> None:
    from jaxcmp.text import say

    lines = [f"  {name:<9} {about}" for name, about in COMMANDS.items()]
    say("usage: jaxcmp COMMAND [OPTIONS]\n", is_several=True)
    say("\n".join(lines), is_several=True)
    say("\njaxcmp COMMAND --help lists the options of a command.", is_several=True)


def _nearest(name: str, names: Sequence[str]) -> str:
    # Imported after signals are handled.
    import difflib

    return next(iter(difflib.get_close_matches(name, names, n=1)), "")


def _refuse(what: str, near: str, known: Sequence[str]) -> None:
    """Ends the process with one line, which names the nearest command or all of them."""
    from jaxcmp.text import say

    hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
    say(f"jaxcmp: {what}; {hint}", to_stderr=True)
    sys.exit(2)
