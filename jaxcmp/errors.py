"""Errors that a user can mend: one line that says what is wrong and what would be right."""

import sys
from collections.abc import Callable


class JaxcmpError(Exception):
    """Something outside the command is in the way: data, a folder, a disk, a diverged loss."""

    exit_code = 1


class CommandError(JaxcmpError):
    """The command or the configuration is wrong, whatever the machine."""

    exit_code = 2


class Interrupted(JaxcmpError):
    """A signal asked the run to stop; it is saved and can go on (75 is EX_TEMPFAIL)."""

    exit_code = 75


def carry_out(command: Callable[[], int | None], *, interrupted: str = "interrupted") -> int:
    """A command's exit code; what is in its way is one line on standard error.

    0 or what the command returns, 1 for what is in the way, 2 for a wrong command, 75 for a run
    that a signal stopped, 130 if interrupted elsewhere. A fault of the program itself is raised.
    """
    try:
        return command() or 0
    except JaxcmpError as error:
        line, code = str(error), error.exit_code
    except KeyboardInterrupt:
        line, code = interrupted, 130
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        hint = "lower --config.batch_size or raise --config.accumulation"
        line, code = f"the device's memory does not suffice; {hint}", 1
    print(f"jaxcmp: {line}", file=sys.stderr)
    return code
