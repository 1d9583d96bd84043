"""What a person sees while a run trains: a bar on a terminal, plain lines otherwise."""

from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)


class Reporter:
    """A context manager; prints one line for each epoch, and keeps the bar at the last step."""

    def __init__(self, title: str, *, num_epochs: int, total_steps: int, is_quiet: bool) -> None:
        self._num_epochs = num_epochs
        self._console = Console(quiet=is_quiet, highlight=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            speed_estimate_period=120,
            disable=not self._console.is_terminal or is_quiet,
        )
        self._task = self._progress.add_task(title, total=total_steps, rate="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def show(self, renderable: RenderableType) -> None:
        """Prints a table, say, as wide as the terminal."""
        self._console.print(renderable, soft_wrap=False)

    def step(self, step: int, images_per_second: float | None = None) -> None:
        """Moves the bar; a `step` before the last one seen is fine."""
        self._progress.update(self._task, completed=step)
        if images_per_second is not None:
            self._progress.update(self._task, rate=f"{images_per_second:,.0f} images/s")

    def epoch(self, record: Mapping[str, Any], seconds_left: float) -> None:
        """Prints an epoch's record, as it stands in metrics.jsonl, on one line."""
        width = len(str(self._num_epochs))
        parts = [
            f"epoch {record['epoch']:>{width}}/{self._num_epochs}",
            f"train loss {record['train_loss']:.3f}",
            f"test loss {record['test_loss']:.3f}",
            f"test accuracy {record['test_accuracy']:6.2%}",
        ]
        if "validation_accuracy" in record:
            parts.append(f"validation accuracy {record['validation_accuracy']:6.2%}")
        parts.append(f"{record['images_per_second']:,.0f} images/s")
        self.say("   ".join([*parts, f"{_duration(seconds_left)} left"]))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
