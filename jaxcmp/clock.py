"""Epochs and steps: how many there are, and what is due after which step."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator

from jaxcmp.errors import CommandError

# The step number is an int32.
MAX_STEPS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Clock:
    """The number of steps and epochs. Steps count from 1; incomplete batches are dropped."""

    steps_per_epoch: int
    num_epochs: int

    @classmethod
    def of(cls, num_examples: int, *, batch_size: int, num_epochs: int) -> "Clock":
        """Makes the clock of a training set; raises CommandError without a full batch."""
        if batch_size > num_examples:
            raise CommandError(
                f"batch_size={batch_size} is larger than the {num_examples} training images; "
                f"--config.batch_size={num_examples} or less would do"
            )
        clock = cls(num_examples // batch_size, num_epochs)
        if clock.total_steps > MAX_STEPS:
            raise CommandError(
                f"num_epochs={num_epochs} of {clock.steps_per_epoch} steps are "
                f"{clock.total_steps:,} steps; {MAX_STEPS:,} can be counted"
            )
        return clock

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.num_epochs

    def epoch(self, step: int) -> int:
        """Returns the epoch, from 1, of a step; 0 before the first step."""
        return -(-step // self.steps_per_epoch)

    def is_epoch_end(self, step: int, *, every: int = 1) -> bool:
        """Returns whether `step` ends every n-th epoch, or the run; False if `every` is 0."""
        if not every or step % self.steps_per_epoch:
            return False
        return self.epoch(step) % every == 0 or step == self.total_steps

    def is_due(self, step: int, *, every: int) -> bool:
        """Returns whether an action of every n steps is due at `step`; False if `every` is 0."""
        return every > 0 and step % every == 0

    def steps_per_dispatch(self, most: int, *, log_every: int) -> int:
        """Returns a good number of steps for a dispatch, at most `most` of them.

        One that leaves no step over is preferred, if it is at least half as large.
        """
        between = self._between_records(log_every)
        largest = min(most, self.longest_dispatch(log_every=log_every))
        divisors = (n for n in range(largest, 0, -1) if between % n == 0)
        return next((n for n in divisors if 2 * n >= largest), largest)

    def longest_dispatch(self, *, log_every: int) -> int:
        """Returns the most steps between two records: no dispatch crosses one."""
        return min(self.steps_per_epoch, log_every or self.steps_per_epoch)

    def has_leftovers(self, steps_per_dispatch: int, *, log_every: int) -> bool:
        """Returns whether steps of a whole run are left over, which `dispatches` takes singly."""
        return self._between_records(log_every) % steps_per_dispatch > 0

    def _between_records(self, log_every: int) -> int:
        """Returns the largest number that divides the steps between any two records."""
        return math.gcd(self.steps_per_epoch, log_every)

    def dispatches(self, step: int, *, most: int, log_every: int) -> Iterator[range]:
        """Yields the steps after `step` in groups of `most`.

        Where fewer steps are left before one that is logged or ends an epoch, groups have one step.
        """
        while step < self.total_steps:
            epoch_end = self.epoch(step + 1) * self.steps_per_epoch
            log = step // log_every * log_every + log_every if log_every else epoch_end
            num_steps = most if step + most <= min(epoch_end, log) else 1
            yield range(step + 1, step + num_steps + 1)
            step += num_steps


class Stopwatch:
    """A timer. Call `lap` after the device has finished a step, `new_epoch` before an epoch."""

    def __init__(self, *, first_step: int) -> None:
        self._first_step = self._last_step = self._epoch_step = first_step
        self._began = time.perf_counter()
        self.new_epoch()

    def new_epoch(self) -> None:
        """Restarts the epoch's time; time since the last lap is not counted."""
        self._started = time.perf_counter()
        self._epoch_seconds, self._epoch_step = 0.0, self._last_step

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves out the time spent inside, in which no step is taken."""
        before = time.perf_counter()
        yield
        self._started += time.perf_counter() - before

    def lap(self, step: int) -> float:
        """Returns the mean seconds of a step since the last lap."""
        now = time.perf_counter()
        elapsed, self._started = now - self._started, now
        num_steps, self._last_step = step - self._last_step, step
        self._epoch_seconds += elapsed
        return elapsed / num_steps

    def seconds_per_step(self) -> float:
        """Returns the mean over this epoch's steps so far, since the resume in a resumed epoch."""
        return self._epoch_seconds / (self._last_step - self._epoch_step)

    def seconds_left(self, step: int, total_steps: int) -> float:
        """Estimates the remaining time from the pace so far, with evaluation and checkpoints."""
        pace = (time.perf_counter() - self._began) / (step - self._first_step)
        return pace * (total_steps - step)
