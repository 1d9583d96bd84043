"""A trace of some training steps, for XProf, Perfetto and other viewers."""

import contextlib
from pathlib import Path

import jax

from jaxcmp import files

# Steps before the trace, in which caches fill, and steps in it.
NUM_BEFORE, NUM_TRACED = 10, 10


class Trace:
    """A trace of ten steps of a process in a folder; of nothing if that is None.

    It begins with the eleventh step or, where fewer than twenty are left, with the first. A
    dispatch of several steps is traced whole. Raises JaxcmpError if the folder cannot be written.
    """

    def __init__(self, folder: Path | None, *, first_step: int, total_steps: int) -> None:
        self.folder, self._is_on, self._is_over = folder, False, False
        is_long = total_steps - first_step >= NUM_BEFORE + NUM_TRACED
        self._before = first_step + (NUM_BEFORE if is_long else 0)
        self._last = min(self._before + NUM_TRACED, total_steps)
        if folder is not None:
            with files.writing(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def dispatch(self, steps: range) -> contextlib.AbstractContextManager[object]:
        """Returns a context in which to dispatch these steps; starts the trace if it is due."""
        if self.folder is None:
            return contextlib.nullcontext()
        if steps[-1] > self._before and not self._is_on and not self._is_over:
            jax.profiler.start_trace(str(self.folder))
            self._is_on = True
        return jax.profiler.StepTraceAnnotation("train", step_num=steps[-1])

    def is_complete(self, step: int) -> bool:
        """Returns whether the trace has its steps; wait for the device, then call `close`."""
        return self._is_on and step >= self._last

    def close(self) -> None:
        """Writes the trace, if one is on."""
        if self._is_on and self.folder is not None:
            self._is_on, self._is_over = False, True
            with files.writing(self.folder):
                jax.profiler.stop_trace()
