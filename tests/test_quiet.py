"""What is silenced, and what is not."""

import sys
from types import SimpleNamespace

import pytest

from jaxcmp.quiet import silence_orbax


@pytest.fixture
def seen(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def test_only_news_to_a_closed_event_loop_is_dropped(seen):
    silence_orbax()
    sys.unraisablehook(SimpleNamespace(exc_value=RuntimeError("Event loop is closed")))
    assert seen == []
    other = SimpleNamespace(exc_value=RuntimeError("something else"))
    sys.unraisablehook(other)
    assert seen == [other]


def test_silencing_twice_is_silencing_once(seen):
    silence_orbax()
    hook = sys.unraisablehook
    silence_orbax()
    assert sys.unraisablehook is hook
