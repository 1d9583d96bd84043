"""Seconds spent on training steps, without compilation, evaluation and checkpoints."""

import time


class Stopwatch:
    """Call `lap` when the device has finished a step, and `new_epoch` before an epoch's first."""

    def __init__(self, *, first_step: int) -> None:
        self._first_step = self._last_step = self._epoch_step = first_step
        self._began = time.perf_counter()
        self.new_epoch()

    def new_epoch(self) -> None:
        """Starts counting anew; what happened since the last lap is left out."""
        self._started = time.perf_counter()
        self._epoch_seconds, self._epoch_step = 0.0, self._last_step

    def lap(self, step: int) -> float:
        """The mean seconds of a step since the last lap."""
        now = time.perf_counter()
        elapsed, self._started = now - self._started, now
        num_steps, self._last_step = step - self._last_step, step
        self._epoch_seconds += elapsed
        return elapsed / num_steps

    def seconds_per_step(self) -> float:
        """The mean over this epoch's steps so far; a resumed epoch's are those since the resume."""
        return self._epoch_seconds / (self._last_step - self._epoch_step)

    def seconds_left(self, step: int, total_steps: int) -> float:
        """What remains at the pace so far, evaluation and checkpoints included."""
        pace = (time.perf_counter() - self._began) / (step - self._first_step)
        return pace * (total_steps - step)
