"""One line and an exit code for what goes wrong, whatever the command."""

import pytest

from jaxcmp.errors import CommandError, Interrupted, JaxcmpError, carry_out


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
            RuntimeError("RESOURCE_EXHAUSTED: out"),
            1,
            "jaxcmp: the device's memory does not suffice; lower --config.batch_size or raise "
            "--config.accumulation\n",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert carry_out(raising(error)) == code
    assert capsys.readouterr().err == line


def test_a_fault_of_the_program_itself_is_not_hidden():
    with pytest.raises(RuntimeError, match="a fault"):
        carry_out(raising(RuntimeError("a fault")))
