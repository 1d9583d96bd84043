"""The folder of a study: study.json lists its runs, whose own folders say how far they are."""

import enum
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from jaxcmp import files, runs
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runs import schemas

STUDY = "study.json"
# In a run's folder: what its process printed, and one line for each time that it failed.
OUTPUT = "output.log"
FAILURES = "failures.jsonl"
# A run that failed is tried again twice.
MAX_FAILURES = 3
# At a slower pace the time left is not known.
MAX_STEP_SECONDS = 1e6


class Entry(msgspec.Struct, frozen=True):
    """A run of a study as study.json lists it; `folder` is relative to the study's."""

    folder: str
    arm: str
    steps: schemas.Count
    flops: schemas.Amount

    def __post_init__(self) -> None:
        for part in self.folder.split("/"):
            files.name(part, f"in the study's folder of a run, {ascii(self.folder)},")


class Listing(TypedDict):
    runs: list[Entry]


class State(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


class Progress(msgspec.Struct, frozen=True):
    """Progress of a run: steps done, and the seconds left at its pace if known.

    `reason` says why it failed or, of another run, why its step is not known.
    """

    state: State
    step: int = 0
    seconds_left: float | None = None
    num_failures: int = 0
    reason: str = ""


def write(workdir: Path, config: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Writes study.json for `status`, unless it says the same already; raises JaxcmpError."""
    listing = {"schema": 1, "config": config, "runs": msgspec.to_builtins(entries)}
    text = files.to_json(listing, indent=1).encode()
    path = workdir / STUDY
    if path.is_file() and path.read_bytes() == text:
        return
    with files.writing(path):
        workdir.mkdir(parents=True, exist_ok=True)
    # All tasks of an array may write it at once.
    files.replace_file(path, text)


def read(workdir: Path) -> list[Entry]:
    """Reads the runs of a study; raises CommandError where there is none."""
    path = workdir / STUDY
    if not files.exists(path):
        folder = "" if files.exists(workdir) else ", nor such a folder"
        raise CommandError(f"{workdir} holds no study: there is no {STUDY}{folder}")
    try:
        return msgspec.convert(files.read_object(path, Listing), Listing)["runs"]
    except CommandError as error:
        raise files.damaged(path, str(error)) from error


def progress(workdir: Path, entry: Entry) -> Progress:
    """Reads how far a run is; one whose folder cannot be read has failed for that reason."""
    folder = workdir / entry.folder
    try:
        if runs.is_finished(folder):
            return Progress(State.FINISHED, entry.steps)
        has_begun = files.exists(folder / runs.CONFIG)
    except JaxcmpError as error:
        return Progress(State.FAILED, reason=str(error))
    failures = read_failures(folder)
    step, pace, reason = _last_step(folder)
    seconds_left = None
    if is_held(folder):
        state = State.RUNNING
        seconds_left = None if pace is None else pace * max(entry.steps - step, 0)
    elif is_given_up(failures):
        state, reason = State.FAILED, failures[-1]["reason"]
    else:
        state = State.STOPPED if has_begun else State.WAITING
    return Progress(state, step, seconds_left, len(failures), reason)


def is_held(folder: Path) -> bool:
    return files.is_locked(folder / runs.LOCK)


def note_failure(folder: Path, *, reason: str, exit_code: int) -> None:
    """Appends to the failures of the run in that folder; raises JaxcmpError."""
    path = folder / FAILURES
    line = json.dumps({"reason": reason, "exit_code": exit_code})
    with files.writing(path), path.open("a+b") as file:
        files.append_line(file.fileno(), line.encode(), path)


def read_failures(folder: Path) -> list[dict[str, Any]]:
    """Reads the failures so far, each with a reason and an exit code.

    A line that says something else is a failure all the same, or the run would be tried for ever.
    A file that cannot be read is a failure for good.
    """
    path = folder / FAILURES
    complaints: list[str] = []
    try:
        failures = files.read_lines(path, lambda _: schemas.Failure, errors=complaints)
    except JaxcmpError as error:
        return [{"reason": str(error), "exit_code": CommandError.exit_code}]
    return [*({"reason": line, "exit_code": 1} for line in complaints), *failures]


def is_given_up(failures: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether a run is given up: a wrong configuration is wrong the next time too."""
    is_wrong = any(failure["exit_code"] == CommandError.exit_code for failure in failures)
    return is_wrong or len(failures) >= MAX_FAILURES


def _last_step(folder: Path) -> tuple[int, float | None, str]:
    """Returns the last step logged, the seconds of a step, and why these are not known."""
    try:
        records = runs.read_metrics(folder)
        step = max((record["step"] for record in records), default=0)
        rates = [record["images_per_second"] for record in records if record["kind"] == "train"]
        if not rates:
            return step, None, ""
        pace = runs.read_config(folder)[0]["batch_size"] / rates[-1]
        return step, pace if pace < MAX_STEP_SECONDS else None, ""
    except JaxcmpError as error:
        return 0, None, str(error)
