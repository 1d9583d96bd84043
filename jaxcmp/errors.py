"""Errors that a user can mend: one line that says what is wrong and what would be right."""


class JaxcmpError(Exception):
    """Something outside the command is in the way: data, a folder, a disk, a diverged loss."""

    exit_code = 1


class CommandError(JaxcmpError):
    """The command or the configuration is wrong, whatever the machine."""

    exit_code = 2


class Interrupted(JaxcmpError):
    """A signal asked the run to stop; it is saved and can go on (75 is EX_TEMPFAIL)."""

    exit_code = 75
