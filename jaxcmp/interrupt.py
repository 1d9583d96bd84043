"""SIGTERM and SIGINT as a question that the loop asks: the first saves and ends, a second quits."""

import os
import signal
from types import FrameType
from typing import Self

import jax
from jax.experimental import multihost_utils


class Interrupt:
    """Handles both signals while it is entered.

    With several processes JAX's preemption service catches SIGTERM and agrees with the others on
    one step to stop at; SIGINT is passed on to it.
    """

    def __enter__(self) -> Self:
        self.signal: signal.Signals | None = None
        self._is_shared = jax.process_count() > 1
        numbers = (signal.SIGINT,) if self._is_shared else (signal.SIGINT, signal.SIGTERM)
        self._previous = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def is_due(self, step: int) -> bool:
        """Whether to stop after `step`; with several processes each must ask at every step."""
        if self._is_shared:
            return multihost_utils.reached_preemption_sync_point(step)
        return self.signal is not None

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.signal = signal.Signals(number)
        if self._is_shared:
            os.kill(os.getpid(), signal.SIGTERM)
