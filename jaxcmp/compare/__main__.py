"""The command that compares finished runs.

python -m jaxcmp.compare runs/*/*
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from jaxcmp.compare.arms import Outcome, compare, drop_repeats, outcome_of
from jaxcmp.compare.tables import render
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import CONFIG, read_run


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where no run is finished, 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcmp.compare", description="Compares the arms of finished runs."
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="folder", help="a run folder, or one above several"
    )
    # Text as it is: an interval in brackets is no markup.
    console = Console(markup=False, highlight=False)
    try:
        print_comparison(parser.parse_args(argv).folders, console)
    except JaxcmpError as error:
        print(f"jaxcmp: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def print_comparison(folders: Sequence[Path], console: Console) -> None:
    """Prints a table and a verdict for each set of images, after what is left out.

    Raises CommandError where there is no run folder, JaxcmpError where no run is finished.
    """
    outcomes, reasons = [], []
    for folder in _unique(folder for given in folders for folder in find_runs(given)):
        outcome = _read(folder)
        if isinstance(outcome, Outcome):
            outcomes.append(outcome)
        else:
            reasons.append((folder, outcome))
    outcomes, repeats = drop_repeats(outcomes)
    reasons += [(repeat.folder, f"the same run as {first.folder}") for repeat, first in repeats]
    if not outcomes and all(reason == NO_RUN for _, reason in reasons):
        raise CommandError("no run folder given or found; give some, for example: runs/*/*")
    for folder, reason in reasons:
        console.print(f"left out: {folder}: {reason}", soft_wrap=True)
    if not outcomes:
        raise JaxcmpError("no finished run to compare")
    for comparison in compare(outcomes):
        console.print()
        console.print(render(comparison))


def find_runs(folder: Path) -> list[Path]:
    """The folder itself if it is a run or has none below it, else those below it."""
    if (folder / CONFIG).is_file():
        return [folder]
    return sorted(path.parent for path in folder.rglob(CONFIG)) or [folder]


def _unique(folders: Iterator[Path]) -> list[Path]:
    """Each folder once, however often and by whatever name it is given."""
    first: dict[Path, Path] = {}
    for folder in folders:
        first.setdefault(folder.resolve(), folder)
    return list(first.values())


NO_RUN = "no run folder"


def _read(folder: Path) -> Outcome | str:
    """The outcome of a run, or why there is none."""
    if not (folder / CONFIG).is_file():
        return NO_RUN
    try:
        run = read_run(folder)
        return outcome_of(run) if run.is_finished else "not finished"
    except JaxcmpError as error:
        return str(error)
    except (KeyError, TypeError, ValueError) as error:
        return f"damaged ({type(error).__name__}: {error})"


if __name__ == "__main__":
    sys.exit(main())
