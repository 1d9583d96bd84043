"""What is silenced, and what is not."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from jaxcmp.quiet import silence_orbax


def news(message: str) -> Any:
    return SimpleNamespace(exc_value=RuntimeError(message))


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
