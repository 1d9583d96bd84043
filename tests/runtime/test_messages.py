"""Log messages: which are shown and which are dropped."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from jaxcmp.runtime.messages import silence_orbax


def news(message: str) -> Any:
    return SimpleNamespace(exc_value=RuntimeError(message))


def test_our_messages_are_plain_lines_and_libraries_show_only_warnings(tmp_path):
    program = tmp_path / "other.py"
    program.write_text(
        "import logging as standard\n"
        "from absl import logging\n"
        "from jaxcmp import files\n"
        "from jaxcmp.runtime import messages\n"
        "messages.show_messages()\n"
        "logging.info('chatter')\n"
        "logging.warning('a warning')\n"
        "logging.get_absl_logger().handle(standard.LogRecord(\n"
        "    'absl', standard.INFO, files.__file__, 1, 'Decoding %d images', (5,), None))\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], env=os.environ | {"PYTHONPATH": "."}, text=True, stderr=-1
    )
    assert done.stderr == "a warning\nDecoding 5 images\n"


@pytest.fixture
def unraised(monkeypatch):
    unraised = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    return unraised


def test_only_errors_about_a_closed_event_loop_are_dropped(unraised):
    silence_orbax()
    sys.unraisablehook(news("Event loop is closed"))
    assert unraised == []
    other = news("something else")
    sys.unraisablehook(other)
    assert unraised == [other]


def test_silencing_twice_is_silencing_once(unraised):
    silence_orbax()
    hook = sys.unraisablehook
    silence_orbax()
    assert sys.unraisablehook is hook
