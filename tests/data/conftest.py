"""Fixtures of all tests of data: a separate cache, and a count of decoded images."""

import pytest

from jaxcmp.data import images as image_ops


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCMP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """Returns a list that grows with each decoded image."""
    calls, decode = [], image_ops.decode
    monkeypatch.setattr(
        image_ops, "decode", lambda *args, **options: calls.append(1) or decode(*args, **options)
    )
    return calls
