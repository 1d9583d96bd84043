"""Where runs come from: folders found, read, checked, counted once; why others are left out."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxcmp.compare.arms import Outcome, outcome_of
from jaxcmp.compare.document import LeftOut
from jaxcmp.compare.settings import Settings
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import CONFIG, read_run

NO_RUN = "no run folder"
# What the report takes from the record of an epoch.
EPOCH = (
    *("step", "epoch", "train_loss", "train_accuracy_mixed", "test_loss", "test_accuracy"),
    *("learning_rate", "seconds"),
)


def read_outcomes(folders: Sequence[Path]) -> tuple[list[Outcome], list[LeftOut]]:
    """The finished runs in or below these folders, numbered, and those left out with the reason.

    Raises CommandError where there is no run folder at all.
    """
    found: list[Outcome] = []
    left_out: list[LeftOut] = []
    for folder in _unique(folder for given in folders for folder in find_runs(given)):
        outcome = _read(folder)
        if isinstance(outcome, Outcome):
            found.append(outcome)
        else:
            left_out.append(LeftOut(str(folder), outcome))
    if not found and all(each.reason == NO_RUN for each in left_out):
        raise CommandError("no run folder given or found; give some, for example: runs/*/*")
    kept, repeats = drop_repeats(found)
    left_out += [
        LeftOut(repeat.folder, f"the same run as {first.folder}") for repeat, first in repeats
    ]
    return [dataclasses.replace(each, number=i) for i, each in enumerate(kept)], left_out


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


def drop_repeats(
    outcomes: Iterable[Outcome],
) -> tuple[list[Outcome], list[tuple[Outcome, Outcome]]]:
    """The first run of each seed of a recipe, and each later one with the run that it repeats.

    A copied folder, or a seed run again, is no independent run: it would narrow the interval. Runs
    from several weights are, whatever their own seed.
    """
    first: dict[tuple[Settings, Settings, int, str | None], Outcome] = {}
    repeats = []
    for outcome in outcomes:
        weights = outcome.origin.sha256 if outcome.origin else None
        key = (outcome.recipe, outcome.data, outcome.seed, weights)
        if key in first:
            repeats.append((outcome, first[key]))
        first.setdefault(key, outcome)
    return list(first.values()), repeats


def _read(folder: Path) -> Outcome | str:
    """The outcome of a run, or why there is none."""
    if not (folder / CONFIG).is_file():
        return NO_RUN
    try:
        run = read_run(folder)
        if not run.is_finished:
            return "not finished"
        outcome = outcome_of(run, run.load_predictions())
        _check(outcome)
        return outcome
    except JaxcmpError as error:
        return str(error)
    except (KeyError, TypeError, ValueError) as error:
        return f"damaged ({type(error).__name__}: {error})"


def _check(outcome: Outcome) -> None:
    """Raises where the report would stumble: a number missing or not finite, a bad picture."""
    if not np.isfinite(outcome.predictions.logits).all():
        raise ValueError("a logit is not finite")
    for epoch in outcome.epochs:
        for name in EPOCH:
            if not math.isfinite(epoch[name]):
                raise ValueError(f"{name} of epoch {epoch['epoch']} is not finite")
    outcome.run.load_pictures()
    outcome.run.load_validation_predictions()
