"""What is silenced, and what is not."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from jaxcmp.quiet import silence_orbax


def news(message: str) -> Any:
    return SimpleNamespace(exc_value=RuntimeError(message))


def test_our_messages_are_plain_lines_and_of_others_only_warnings_are_shown(tmp_path):
    program = tmp_path / "other.py"
    program.write_text(
        "import logging as standard\n"
        "from absl import logging\n"
        "from jaxcmp import quiet\n"
        "quiet.show_messages()\n"
        "logging.info('chatter')\n"
        "logging.warning('a warning')\n"
        "logging.get_absl_logger().handle(standard.LogRecord(\n"
        "    'absl', standard.INFO, quiet.__file__, 1, 'Decoding %d images', (5,), None))\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], env=os.environ | {"PYTHONPATH": "."}, text=True, stderr=-1
    )
    assert done.stderr == "a warning\nDecoding 5 images\n"


@pytest.fixture
def seen(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def test_only_news_to_a_closed_event_loop_is_dropped(seen):
    silence_orbax()
    sys.unraisablehook(news("Event loop is closed"))
    assert seen == []
    other = news("something else")
    sys.unraisablehook(other)
    assert seen == [other]


def test_silencing_twice_is_silencing_once(seen):
    silence_orbax()
    hook = sys.unraisablehook
    silence_orbax()
    assert sys.unraisablehook is hook
