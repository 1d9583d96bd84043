"""The export command in this process."""

from pathlib import Path
from typing import Any

from jaxcmp.export.__main__ import main


def call_export(capsys: Any, *arguments: str | Path) -> tuple[int, str, str]:
    """Its exit code, its output and its complaint."""
    code = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return code, out, err
