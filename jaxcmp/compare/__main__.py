"""The command that compares finished runs, prints who is ahead and writes the report.

python -m jaxcmp.compare runs/* --out=report
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jaxcmp.compare.document import LeftOut
from jaxcmp.compare.grouping import group
from jaxcmp.compare.report import build, write_report
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.compare.tables import render
from jaxcmp.errors import CommandError, JaxcmpError, carry_out


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where no run is finished, 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcmp.compare",
        description="Compares the arms of finished runs, and writes a report.",
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="folder", help="a run folder, or one above several"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("report"), help="the report's folder (default: report)"
    )
    options = parser.parse_args(argv)
    # Text as it is: an interval in brackets is no markup.
    console = Console(markup=False, highlight=False)

    def command() -> None:
        compare(options.folders, options.out, console)

    return carry_out(command)


def compare(
    folders: Sequence[Path], out: Path, console: Console, missing: Sequence[LeftOut] = ()
) -> Path:
    """Prints a table and a verdict for each set of images, then writes the report; gives its page.

    `missing` are the runs of a study that are not finished, with the reasons: the report lists
    them, even where no run is finished. Raises CommandError where there is no run folder,
    JaxcmpError where no run is finished or the report cannot be written.
    """
    try:
        outcomes, left_out = read_outcomes(folders)
    except CommandError:
        if not missing:
            raise
        outcomes, left_out = [], []
    groups = group(outcomes)
    report = build(groups, left_out, missing)
    for each in report.left_out:
        console.print(f"left out: {each.folder}: {each.reason}", soft_wrap=True)
    if not outcomes and not missing:
        raise JaxcmpError("no finished run to compare")
    for each in groups:
        console.print()
        console.print(render(each))
    page = write_report(report, out)
    console.print()
    if report.incomplete:
        console.print(report.incomplete, soft_wrap=True)
    console.print(f"report: {page}", soft_wrap=True)
    return page


if __name__ == "__main__":
    sys.exit(main())
