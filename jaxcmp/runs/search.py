"""Run folders in and below the folders that a command is given."""

import os
from collections.abc import Iterable
from pathlib import Path

from jaxcmp.runs import CHECKPOINTS, CONFIG

NO_RUN = "no run folder"


def find_all_runs(folders: Iterable[Path]) -> dict[Path, str]:
    """Returns what `find_runs` finds, each folder once, by whatever names it is given."""
    first: dict[str, tuple[Path, str]] = {}
    for given in folders:
        for folder, reason in find_runs(given).items():
            first.setdefault(os.path.realpath(folder), (folder, reason))
    return dict(first.values())


def find_runs(folder: Path) -> dict[Path, str]:
    """The runs here and below, each with "", and what cannot be read, with the reason.

    Where there is neither, the folder itself is no run. Links are followed, to each folder once.
    """
    found: dict[Path, str] = {}
    waiting, seen = [folder], set()
    while waiting:
        here = waiting.pop()
        try:
            place = here.stat()
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            entries = list(os.scandir(here))
        except OSError as error:
            found[here] = _reason(error)
            continue
        is_run = any(each.name == CONFIG for each in entries)
        found |= {here: ""} if is_run else {}
        inside = [each for each in entries if not (is_run and each.name in (CHECKPOINTS, CONFIG))]
        waiting += [here / each.name for each in inside if _may_be_folder(each)]
    return dict(sorted(found.items())) or {folder: NO_RUN}


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{NO_RUN}: it does not exist"
    if isinstance(error, NotADirectoryError):
        return f"{NO_RUN}: it is a file"
    return f"it cannot be read: {error.strerror}"


def _may_be_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # It leads to where nobody may look; a loop leads nowhere.
        return True
