"""What the benchmark's commands share: flags, and the words for a child process."""

import processes
import pytest

from jaxcmp.bench import command

MODULES = ("jaxcmp.bench", "jaxcmp.bench.scale", "jaxcmp.bench.input")


def test_a_process_is_given_the_configuration_and_nothing_else():
    argv = [
        *("program", "--config", "configs/vit.py:digits", "--json=x", "--config.seed=1"),
        *("--pairs", "3", "--config.model.width", "8", "-config.batch_size=2"),
    ]
    expected = ["--config", "configs/vit.py:digits", "--config.seed=1"]
    expected += ["--config.model.width", "8", "-config.batch_size=2"]
    assert command.overrides(argv) == expected
    # A setting that is true or false needs no value.
    argv = ["program", "--config.frozen_trunk", "--rounds=2", "--config.seed", "-1"]
    assert command.overrides(argv) == ["--config.frozen_trunk", "--config.seed", "-1"]


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
    assert f"python -m {module} --config=configs/" in out
    assert "--rounds" in out and "--workdir" not in out
