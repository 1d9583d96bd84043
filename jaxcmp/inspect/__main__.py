"""The command that measures how finished runs see images, for the report's section "Why".

python -m jaxcmp.inspect runs/*
python -m jaxcmp.inspect runs/* --images=0        on all test images

Each run is measured after its last step, and as it was before its first one, on the same test
images for all runs. The results are written to inspect.json in its folder, one measure after the
other; the same command goes on with what is missing.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxcmp import files
from jaxcmp.cli import Parser, carry_out
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import CONFIG
from jaxcmp.runs.search import find_all_runs
from jaxcmp.runtime import host_memory
from jaxcmp.runtime.messages import show_messages
from jaxcmp.text import PlainConsole, printable


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where no run could be inspected, 2 where there is none."""

    def command() -> None:
        options = make_parser().parse_args(words)
        inspect(options.folders, options.images)

    return carry_out(command)


def make_parser() -> Parser:
    parser = Parser("jaxcmp.inspect", __doc__)
    parser.add_argument(
        "folders",
        nargs="+",
        type=files.path_argument,
        metavar="folder",
        help="a run folder, or one above several",
    )
    parser.add_argument(
        "--images",
        type=int,
        help="how many test images to use; 0: all (default: 1000 on a CPU, all on a GPU)",
    )
    return parser


def inspect(folders: Sequence[Path], num_images: int | None) -> None:
    """Inspects all runs in and below folders; prints a line for each, also for those left out.

    Raises CommandError where there is no run folder, JaxcmpError where no run could be inspected.
    """
    if num_images is not None and num_images < 0:
        raise CommandError(f"--images={num_images} must be at least 1, or 0 for all")
    found = [folder for folder in find_all_runs(folders) if files.exists(folder / CONFIG)]
    if not found:
        given = ", ".join(files.shown(folder) for folder in folders)
        raise CommandError(f"no run folder in {given}; give some, for example: runs/*/*")
    host_memory.keep_for_steps()
    # JAX takes seconds to import: a mistyped folder need not wait for it.
    from jaxcmp.inspect.inspector import default_num_images, inspect_run
    from jaxcmp.runtime import compilation_cache

    compilation_cache.enable()
    console = PlainConsole(soft_wrap=True)
    images, num_inspected = default_num_images() if num_images is None else num_images, 0
    for number, folder in enumerate(found, start=1):
        title = f"{files.shown(folder)} ({number} of {len(found)})"
        start = time.monotonic()
        try:
            with _Bar(console, title) as bar:
                taken = inspect_run(folder, images, bar.show)
        except JaxcmpError as error:
            console.print(f"left out: {_reason(error, folder)}")
            continue
        num_inspected += 1
        seconds = f" in {time.monotonic() - start:.0f} s" if taken else ""
        console.print(f"{title}: {', '.join(taken) or 'nothing is missing'}{seconds}")
    if not num_inspected:
        raise JaxcmpError("no run could be inspected")


def _reason(error: JaxcmpError, folder: Path) -> str:
    """Returns the error's line, with the run's folder in it."""
    line, name = str(error), files.shown(folder)
    return line if name in line else f"{name}: {line}"


class _Bar:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, console: PlainConsole, title: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._title = printable(title)
        self._task = self._progress.add_task(self._title, total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, done: int, total: int) -> None:
        text = f"{self._title}: {name}"
        self._progress.update(self._task, description=text, completed=done, total=total)


if __name__ == "__main__":
    show_messages()
    sys.exit(main(sys.argv[1:]))
