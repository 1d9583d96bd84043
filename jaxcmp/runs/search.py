"""Run folders in and below the folders that a command is given."""

import os
from collections.abc import Iterable
from pathlib import Path

from jaxcmp.runs import CHECKPOINTS, CONFIG


def find_all_runs(folders: Iterable[Path]) -> list[Path]:
    """Returns what `find_runs` finds, each folder once, by whatever names it is given."""
    first: dict[str, Path] = {}
    for folder in (folder for given in folders for folder in find_runs(given)):
        first.setdefault(os.path.realpath(folder), folder)
    return list(first.values())


def find_runs(folder: Path) -> list[Path]:
    """The runs here and below, and what cannot be read; the folder itself where there is neither.

    Links are followed, to each folder once.
    """
    found: list[Path] = []
    waiting, seen = [folder], set()
    while waiting:
        here = waiting.pop()
        try:
            place = here.stat()
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            entries = list(os.scandir(here))
        except OSError:
            found.append(here)
            continue
        is_run = any(each.name == CONFIG for each in entries)
        found += [here] if is_run else []
        inside = [each for each in entries if not (is_run and each.name in (CHECKPOINTS, CONFIG))]
        waiting += [here / each.name for each in inside if _may_be_folder(each)]
    return sorted(found) or [folder]


def _may_be_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # It leads to where nobody may look; a loop leads nowhere.
        return True
