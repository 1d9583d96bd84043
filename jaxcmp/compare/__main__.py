"""The command that compares finished runs, prints who is ahead and writes the report.

python -m jaxcmp.compare runs/* --out=report
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcmp.cli import Parser, carry_out
from jaxcmp.compare.document import LeftOut
from jaxcmp.compare.grouping import group
from jaxcmp.compare.report import build, write_report
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.compare.tables import render
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.files import path_argument
from jaxcmp.text import PlainConsole


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where no run is finished, 2 where there is none."""

    def command() -> None:
        options = make_parser().parse_args(words)
        compare(options.folders, options.out, PlainConsole(), by=options.by)

    return carry_out(command)


def make_parser() -> Parser:
    parser = Parser("jaxcmp.compare", "Compares the arms of finished runs, and writes a report.")
    parser.add_argument(
        "folders",
        nargs="*",
        type=path_argument,
        metavar="folder",
        help="a run folder, or one above several",
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        default=Path("report"),
        help="the report's folder (default: report)",
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="key",
        help="keep arms apart by commit, device, python, a package such as jax, or any key of the "
        "configuration; may be given several times",
    )
    return parser


def compare(
    folders: Sequence[Path],
    out: Path,
    console: PlainConsole,
    missing: Sequence[LeftOut] = (),
    by: Sequence[str] = (),
) -> Path:
    """Prints a table and a verdict for each set of images, then writes the report; gives its page.

    `missing` are the runs of a study that are not finished, with the reasons: the report lists
    them, even where no run is finished. `by` are keys that keep arms apart. Raises CommandError
    where there is no run folder or no such key, JaxcmpError where no run is finished or the report
    cannot be written.
    """
    try:
        outcomes, left_out = read_outcomes(folders)
    except CommandError:
        if not missing:
            raise
        outcomes, left_out = [], []
    groups = group(outcomes, by)
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
