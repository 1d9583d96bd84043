"""The modules that are commands, and the code that runs before each of them."""

import sys

from jaxcmp.runtime import interrupt

COMMANDS = (
    "main",
    "compare",
    "inspect",
    "predict",
    "export",
    "probe",
    "study",
    "bench",
    "bench.speed_page",
    "bench.torch_peer",
)


def begin() -> None:
    """Handles signals before any slow import, and refuses a module that is not a command.

    Called while Python looks for the module of `python -m jaxcmp.x`. Otherwise a module without a
    command would do nothing and exit with 0.
    """
    # The module follows "-m" in Python's own arguments; sys.argv does not have it yet.
    module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    name = module.removeprefix("jaxcmp").removeprefix(".").removesuffix(".__main__")
    if name == "main":
        interrupt.end_with(interrupt.BEFORE_FIRST_STEP, None)
    interrupt.handle_signals()
    if not module.startswith("jaxcmp") or name in COMMANDS:
        return
    # Imported after signals are handled.
    import difflib

    from jaxcmp.text import say

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    names = near or [command for command in COMMANDS if "." not in command]
    modules = [f"jaxcmp.{command}" for command in names]
    hint = f"did you mean {modules[0]}?" if near else f"there are {', '.join(modules)}"
    say(f"jaxcmp: {module} is no command; {hint}", to_stderr=True)
    sys.exit(2)
