"""The setup of a command: the terminal's encoding and JAX's switches change no result."""

import json

import processes

from jaxcmp.runs import read_run

SHORT = (*processes.TINY_RESNET, "--config.num_epochs=1")


def test_float64_is_refused_with_a_line_and_the_run_is_the_same(tmp_path):
    losses = set()
    for value in ("", "1", "true"):
        extra = {"JAX_ENABLE_X64": value} if value else {}
        code, _, err = processes.run(*SHORT, f"--workdir={tmp_path / f'run{value}'}", **extra)
        assert code == 0, err
        assert err.count("jaxcmp computes in float32\n") == len(extra)
        result = read_run(tmp_path / f"run{value}").result
        assert result is not None
        losses.add(result["test_loss"])
    assert len(losses) == 1


def test_characters_that_a_terminal_cannot_show_are_escaped(tmp_path):
    code, out, err = processes.run(
        *SHORT,
        "--config.arm=gr\u00f6\u00dfer",
        f"--workdir={tmp_path / 'run'}",
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="1",
    )
    assert code == 0, err
    done = processes.run(
        str(tmp_path / "run"),
        f"--out={tmp_path}/r\u00e4port",
        module="jaxcmp.compare",
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="1",
    )
    assert done[0] == 0, done[2]
    assert "r\\xe4port" in done[1] and "gr\\xf6\\xdfer" in done[1]
    assert json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
