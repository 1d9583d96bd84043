"""Errors that a user can fix, each one line: what is wrong, and what would be right."""


class JaxcmpError(Exception):
    """An obstacle outside the command: data, a folder, a disk, a diverged loss."""

    exit_code = 1


class CommandError(JaxcmpError):
    """A command or configuration that is wrong on any machine."""

    exit_code = 2


class Interrupted(JaxcmpError):
    """A run that stopped after a signal, is saved and can go on (75 is EX_TEMPFAIL)."""

    exit_code = 75


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
