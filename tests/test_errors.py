"""Expected errors: one line and an exit code, for any command."""

import os
import subprocess
import sys

import pytest

from jaxcmp.cli import carry_out
from jaxcmp.errors import CommandError, Interrupted, JaxcmpError


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (JaxcmpError("in the way"), 1, "jaxcmp: in the way\n"),
        (CommandError("wrong"), 2, "jaxcmp: wrong\n"),
        (Interrupted("stopped, saved"), 75, "jaxcmp: stopped, saved\n"),
        (KeyboardInterrupt(), 130, "jaxcmp: interrupted\n"),
        (
            FileNotFoundError(2, "No such file or directory", "x"),
            1,
            "jaxcmp: x: No such file or directory\n",
        ),
        (OSError("no space"), 1, "jaxcmp: no space\n"),
    ],
)
def test_an_expected_error_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert carry_out(raising(error)) == code
    assert capsys.readouterr().err == line


def test_the_exit_code_stays_where_nobody_reads_the_output_any_more():
    code = (
        "import sys\n"
        "from jaxcmp.cli import carry_out\n"
        "from jaxcmp.errors import Interrupted\n"
        "def run():\n"
        "    print('an epoch')\n"
        "    raise Interrupted('stopped, saved')\n"
        "sys.exit(carry_out(run))\n"
    )
    # Output that is kept until the end fails there, and other output as it is printed.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, stdout=nobody, stderr=nobody, env=kept)
    assert done.returncode == 75


def test_a_bug_is_not_hidden():
    with pytest.raises(RuntimeError, match="a fault"):
        carry_out(raising(RuntimeError("a fault")))
