"""The log of a run: records for its folder and for viewers, lines and a bar for the terminal."""

import contextlib
import os
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from jaxcmp import files
from jaxcmp.errors import JaxcmpError, first_line
from jaxcmp.pretrained import table
from jaxcmp.runs import INIT, RunWriter
from jaxcmp.runtime import interrupt
from jaxcmp.runtime.entry_points import shown
from jaxcmp.settings import Settings
from jaxcmp.text import PlainConsole, printable


class TrainingConsole(PlainConsole):
    """A console whose reader may go: training goes on without it, and its saves with it."""

    def on_broken_pipe(self) -> None:
        interrupt.discard(sys.stdout.fileno())


class TensorBoard:
    """Event files for TensorBoard, of the extra `tensorboard`."""

    def __init__(self, folder: Path) -> None:
        # Imported here: it is an optional extra.
        from tensorboardX import SummaryWriter

        # A queue that takes whatever comes before the next look at the thread.
        self.folder, self._writer = folder, SummaryWriter(str(folder), max_queue=1000)
        writer: Any = self._writer.file_writer
        # It ends at an error that only it sees; the library would then wait for it for ever.
        self._thread = writer.event_writer._worker

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        """Raises JaxcmpError if an earlier record could not be written."""
        for name, value in scalars.items():
            if not self._thread.is_alive():
                raise JaxcmpError(f"{self.folder} cannot be written: TensorBoard's writer ended")
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._thread.is_alive():
            self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases, of the extra `wandb`, which reads its variables WANDB_*.

    A run that is continued keeps its id, which lies in the run folder. Raises JaxcmpError without
    an account or a network.
    """

    def __init__(self, workdir: Path, settings: Settings) -> None:
        import wandb  # pyright: ignore[reportMissingImports]

        path = workdir / "wandb" / "id"
        if not path.is_file():
            with files.writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            files.replace_file(path, secrets.token_hex(8).encode())
        try:
            self._run = wandb.init(
                id=path.read_text().strip(),
                resume="allow",
                dir=str(workdir),
                name=f"{settings.arm}, seed {settings.seed}",
                group=settings.arm,
                config=settings.to_dict(),
                # A project of the environment goes before ours.
                project=os.environ.get("WANDB_PROJECT", "jaxcmp"),
                settings=wandb.Settings(silent=True, console="off"),
            )
        except (wandb.Error, OSError) as error:
            raise JaxcmpError(
                f"log.wandb: {first_line(error)}; WANDB_MODE=offline needs no network or account"
            ) from error
        # Our steps are an axis of their own: wandb's may not go back, as ours do after a resume.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        self._run.log({**scalars, "step": step})

    def close(self) -> None:
        self._run.finish()


Viewer = TensorBoard | WeightsAndBiases


class Log:
    """Records for the run folder and for viewers, none if `run` is None, and the terminal's view.

    That is one line for each epoch below a progress bar of steps.
    """

    def __init__(
        self,
        run: RunWriter | None,
        viewers: Sequence[Viewer],
        title: str,
        *,
        num_epochs: int,
        total_steps: int,
        is_quiet: bool = False,
    ) -> None:
        self._run, self._viewers, self._num_epochs = run, viewers, num_epochs
        self._console = TrainingConsole(quiet=is_quiet, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            speed_estimate_period=120,
            disable=not self._console.is_terminal or is_quiet,
        )
        self._task = self._progress.add_task(printable(title), total=total_steps, rate="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Closes every viewer, even if one of them fails, and raises its error then."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._progress.stop)
            for viewer in self._viewers:
                stack.callback(viewer.close)

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self._console.print(line)

    def weights(self, description: Mapping[str, Any]) -> None:
        """Shows a table of the pretrained weights, and writes it to init.json."""
        self._console.print(table(description["rows"]), soft_wrap=False)
        if self._run is not None:
            self._run.write_json(INIT, description)

    def step(self, record: dict[str, Any]) -> None:
        self._write({"kind": "train", **record})
        rate = f"{record['images_per_second']:,.0f} images/s"
        self._progress.update(self._task, completed=record["step"], rate=rate)

    def epoch(self, record: dict[str, Any], seconds_left: float) -> None:
        """Writes an epoch's record, and prints it on one line of 80 columns."""
        self._write({"kind": "epoch", **record})
        width = len(str(self._num_epochs))
        parts = [
            f"epoch {record['epoch']:>{width}}/{self._num_epochs}",
            f"loss {record['train_loss']:.3f}",
            f"test {record['test_accuracy']:6.2%}",
        ]
        if "validation_accuracy" in record:
            parts.append(f"val {record['validation_accuracy']:6.2%}")
        parts.append(f"{record['images_per_second']:,.0f} images/s")
        self.say("  ".join([*parts, f"{_duration(seconds_left)} left"]))

    def result(self, result: Mapping[str, Any], folder: Path) -> None:
        """Prints how the run ended, and the command that compares it."""
        self.say(
            f"finished: test accuracy {result['test_accuracy']:.2%} of {result['num_test']:,} "
            f"images, after the last epoch; {folder}"
        )
        self.say(f"compare runs: {compare_command(folder)}")

    def _write(self, record: dict[str, Any]) -> None:
        if self._run is None:
            return
        self._run.log(record)
        kind, step = record["kind"], record["step"]
        scalars = {f"{kind}/{k}": value for k, value in record.items() if isinstance(value, float)}
        for viewer in self._viewers:
            viewer.write(scalars, step)


def open_viewers(settings: Settings, workdir: Path) -> list[Viewer]:
    """Opens the viewers that the settings ask for; the records of metrics.jsonl go to each."""
    viewers: list[Viewer] = []
    with contextlib.ExitStack() as opened:
        if settings.log.tensorboard:
            viewers.append(TensorBoard(workdir / "tensorboard"))
            opened.callback(viewers[0].close)
        if settings.log.wandb:
            viewers.append(WeightsAndBiases(workdir, settings))
        opened.pop_all()
    return viewers


def compare_command(folder: Path) -> str:
    """Returns the command that compares this run with its neighbours in runs/<arm>/seed-<seed>."""
    is_usual = folder.name.startswith("seed-") and len(folder.parts) > 2
    runs = folder.parent.parent if is_usual else folder
    return f"{shown('jaxcmp.compare')} {shlex.quote(str(runs))} --out=report"


def _duration(seconds: float) -> str:
    """Formats seconds with two or three digits and a unit: "59 s", "99 min", "17.2 h", "250 h"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"
