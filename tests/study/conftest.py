"""The command of a study in this process, where it trains nothing."""

import processes
import pytest

from jaxcmp.cli import carry_out
from jaxcmp.study.__main__ import study


@pytest.fixture
def call(capsys, monkeypatch):
    """Calls the command with words; returns exit code, output and complaint."""
    monkeypatch.chdir(processes.ROOT)

    def call_study(*words: str) -> tuple[int, str, str]:
        code = carry_out(lambda: study(list(words)))
        return code, *capsys.readouterr()

    return call_study
