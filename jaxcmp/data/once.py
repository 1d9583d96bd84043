"""A function of a split that is called once, whatever number of threads ask."""

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

Loaded = TypeVar("Loaded")


def once(load: Callable[[str], Loaded]) -> Callable[[str], Loaded]:
    """Keeps what `load` returns for each split; threads that ask meanwhile wait for it.

    functools.cache alone would let every thread load a split that is not kept yet.
    """
    lock, kept = threading.Lock(), functools.cache(load)

    def loaded(split: str) -> Loaded:
        with lock:
            return kept(split)

    return loaded
