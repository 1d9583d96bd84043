"""Epochs and steps: how many there are, and what is due when."""

import dataclasses
from collections.abc import Iterator

from jaxcmp.errors import CommandError


@dataclasses.dataclass(frozen=True)
class Clock:
    """Counts steps from 1; an epoch ends with its last complete batch."""

    steps_per_epoch: int
    num_epochs: int

    @classmethod
    def of(cls, num_examples: int, *, batch_size: int, num_epochs: int) -> "Clock":
        """Raises CommandError where there is not one whole batch, or no epoch."""
        if batch_size < 1 or num_epochs < 1:
            raise CommandError(
                f"batch_size={batch_size} and num_epochs={num_epochs} must both be at least 1"
            )
        if batch_size > num_examples:
            raise CommandError(
                f"batch_size={batch_size} is larger than the {num_examples} training images; "
                f"--config.batch_size={num_examples} or less would do"
            )
        return cls(num_examples // batch_size, num_epochs)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.num_epochs

    def epoch(self, step: int) -> int:
        """The epoch, from 1, that a step belongs to; 0 before the first step."""
        return -(-step // self.steps_per_epoch)

    def is_epoch_end(self, step: int, *, every: int = 1) -> bool:
        """Whether `step` ends every n-th epoch, or the run; never where `every` is 0."""
        if not every or step % self.steps_per_epoch:
            return False
        return self.epoch(step) % every == 0 or step == self.total_steps

    def is_due(self, step: int, *, every: int) -> bool:
        """Whether something done every n steps is due; never where `every` is 0."""
        return every > 0 and step % every == 0

    def dispatches(self, step: int, *, most: int, log_every: int) -> Iterator[range]:
        """The steps after `step` in groups of `most` or, where fewer are left before one that is
        logged or ends an epoch, of one: what is due after a step finds it at the end of a group.
        """
        while step < self.total_steps:
            epoch_end = self.epoch(step + 1) * self.steps_per_epoch
            log = step // log_every * log_every + log_every if log_every else epoch_end
            num_steps = most if step + most <= min(epoch_end, log) else 1
            yield range(step + 1, step + num_steps + 1)
            step += num_steps
