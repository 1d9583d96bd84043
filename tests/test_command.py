"""What the benchmark's commands share: flags, the words for a child process, exit codes."""

import processes
import pytest

from jaxcmp.bench import command
from jaxcmp.errors import CommandError, JaxcmpError

MODULES = ("jaxcmp.bench", "jaxcmp.bench.scale")


def test_a_process_is_given_the_configuration_and_nothing_else():
    argv = [
        *("program", "--config", "configs/vit.py:digits", "--json=x", "--config.seed=1"),
        *("--pairs", "3", "--config.model.width", "8", "-config.batch_size=2"),
    ]
    expected = ["--config", "configs/vit.py:digits", "--config.seed=1"]
    expected += ["--config.model.width", "8", "-config.batch_size=2"]
    assert command.overrides(argv) == expected


def raising(error):
    def run():
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (JaxcmpError("in the way"), 1, "jaxcmp: in the way\n"),
        (CommandError("wrong"), 2, "jaxcmp: wrong\n"),
        (KeyboardInterrupt(), 130, "jaxcmp: interrupted\n"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: out"),
            1,
            "jaxcmp: the device's memory does not suffice\n",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert command.carry_out(raising(error)) == code
    assert capsys.readouterr().err == line


def test_a_fault_of_the_program_itself_is_not_hidden():
    with pytest.raises(RuntimeError, match="a fault"):
        command.carry_out(raising(RuntimeError("a fault")))


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no configuration given"),
        (("--config=configs/vit.py", "--rounds=0"), "--rounds=0 must be at least 1"),
        (("--config=configs/vit.py", "--config.sed=1"), "did you mean 'seed'?"),
        (("--config=configs/vit.py", "--roundz=1"), "Unknown command line flag 'roundz'"),
    ],
)
def test_a_wrong_command_is_one_line(module, arguments, message):
    code, out, err = processes.run(*arguments, module=module)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("jaxcmp: ") and message in err


@pytest.mark.parametrize("module", MODULES)
def test_help_shows_the_command_and_its_flags(module):
    code, out, _ = processes.run("--help", module=module)
    assert code == 0
    assert f"python -m {module} --config=configs/vit.py" in out
    assert "--rounds" in out and "--workdir" not in out
