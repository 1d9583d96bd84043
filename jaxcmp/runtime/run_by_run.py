"""The loop of a command over finished runs: progress, a line for each, and those left out."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs.search import find_all_runs
from jaxcmp.text import PlainConsole, printable

# Shows the name of a part of the work, and how many of how many parts are done.
Report = Callable[[str, int, int], None]


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Finds all runs in and below folders; raises CommandError where there is none."""
    found = [folder for folder, reason in find_all_runs(folders).items() if not reason]
    if not found:
        given = ", ".join(files.shown(folder) for folder in folders)
        raise CommandError(f"no run folder in {given}; give some, for example: runs/*/*")
    return found


def for_each_run(
    found: Sequence[Path], work: Callable[[Path, Report], tuple[str, bool]], *, failed: str
) -> None:
    """Works on one run after the other, with a progress bar, and prints a line for each.

    `work` returns what the line says, and whether anything was computed; a run for which it raises
    JaxcmpError is left out. Raises JaxcmpError with the line `failed` where all are left out.
    """
    console, num_done = PlainConsole(soft_wrap=True), 0
    for number, folder in enumerate(found, start=1):
        title = f"{files.shown(folder)} ({number} of {len(found)})"
        start = time.monotonic()
        try:
            with _bar(console, printable(title)) as show:
                line, is_computed = work(folder, show)
        except JaxcmpError as error:
            console.print(f"left out: {_reason(error, folder)}")
            continue
        num_done += 1
        seconds = f" in {time.monotonic() - start:.0f} s" if is_computed else ""
        console.print(f"{title}: {line}{seconds}")
    if not num_done:
        raise JaxcmpError(failed)


def _reason(error: JaxcmpError, folder: Path) -> str:
    """Returns the error's line, with the run's folder in it."""
    line, name = str(error), files.shown(folder)
    return line if name in line else f"{name}: {line}"


@contextlib.contextmanager
def _bar(console: PlainConsole, title: str) -> Iterator[Report]:
    """Shows a progress bar on a terminal, nothing elsewhere; yields the function that moves it."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(title, total=None)

        def show(name: str, done: int, total: int) -> None:
            progress.update(task, description=f"{title}: {name}", completed=done, total=total)

        yield show
