"""Finds, reads and checks run folders, counts each once, and says why others are left out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import files
from jaxcmp.compare.arms import Outcome, firsts, gathered, outcome_of
from jaxcmp.compare.document import LeftOut
from jaxcmp.compare.soundness import check_run
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import PREDICTIONS, RESULT, read_run
from jaxcmp.runs.search import NO_RUN, find_all_runs


def read_outcomes(folders: Sequence[Path]) -> tuple[list[Outcome], list[LeftOut]]:
    """The finished runs in or below these folders, and those left out with the reason.

    Raises CommandError where there is no run folder at all.
    """
    found: list[Outcome] = []
    left_out: list[LeftOut] = []
    for folder, reason in find_all_runs(folders).items():
        outcome = reason or _read(folder)
        if isinstance(outcome, Outcome):
            found.append(outcome)
        else:
            left_out.append(LeftOut(files.shown(folder), outcome))
    if not found and all(each.reason.startswith(NO_RUN) for each in left_out):
        names = ", ".join(f"{each.folder}{each.reason.removeprefix(NO_RUN)}" for each in left_out)
        where = f" in {names}" if names else ""
        raise CommandError(f"{NO_RUN} given or found{where}; give some, for example: runs/*/*")
    kept, copies = firsts(gathered(found, _content).values())
    left_out += [LeftOut(copy.folder, f"the same run as {first.folder}") for copy, first in copies]
    return kept, left_out


def _content(outcome: Outcome) -> tuple[object, ...]:
    """Tells copies: they have the same bytes in their predictions and their result.

    Whatever seed is written beside them. Any other run was trained by itself, be it with the same
    seed.
    """
    weights = outcome.origin.sha256 if outcome.origin else None
    digests = [_digest(outcome.run.folder / name) for name in (PREDICTIONS, RESULT)]
    return outcome.recipe, outcome.data, weights, *digests


def _digest(path: Path) -> str:
    with files.reading(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> Outcome | str:
    try:
        run = read_run(folder)
        if not run.is_finished:
            return "not finished"
        stored = run.load_predictions()
        check_run(run, stored)
        return outcome_of(run, stored)
    except JaxcmpError as error:
        return str(error)
