"""The folder of a study: what study.json says of its runs, and what their folders say of them."""

import contextlib
import dataclasses
import enum
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcmp import files, runs
from jaxcmp.errors import CommandError, JaxcmpError

STUDY = "study.json"
# What a run's process printed, and one line for each time that it failed.
OUTPUT = "output.log"
FAILURES = "failures.jsonl"
# A run that failed is tried again twice.
MAX_FAILURES = 3


class State(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One run of a study as study.json lists it; `folder` is relative to the study's."""

    folder: str
    arm: str
    steps: int
    flops: int


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is: steps done, the seconds left at its pace if known, why it failed."""

    state: State
    step: int = 0
    seconds_left: float | None = None
    num_failures: int = 0
    reason: str = ""


def write(workdir: Path, config: Mapping[str, Any], entries: Sequence[Entry]) -> None:
    """Writes study.json for `status`, unless it says the same already; raises JaxcmpError."""
    listed = [dataclasses.asdict(entry) for entry in entries]
    text = files.to_json({"schema": 1, "config": config, "runs": listed}, indent=1).encode()
    path = workdir / STUDY
    if path.is_file() and path.read_bytes() == text:
        return
    with files.writing(path):
        workdir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(workdir / runs.LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        # All tasks of an array may write it at once.
        files.lock(descriptor, workdir)
        files.replace_file(path, text)
    finally:
        os.close(descriptor)


def read(workdir: Path) -> list[Entry]:
    """The runs of the study; raises CommandError where there is none."""
    path = workdir / STUDY
    if not path.is_file():
        raise CommandError(f"{workdir} holds no study: there is no {STUDY}")
    try:
        return [Entry(**each) for each in files.read_object(path)["runs"]]
    except (KeyError, TypeError) as error:
        raise files.damaged(path, "it does not list the runs of a study") from error


def progress(workdir: Path, entry: Entry) -> Progress:
    """What a run's folder says of it."""
    folder = workdir / entry.folder
    if runs.is_finished(folder):
        return Progress(State.FINISHED, entry.steps)
    failures = read_failures(folder)
    reason = str(failures[-1].get("reason", "")) if failures else ""
    step, pace = _last_step(folder)
    if is_held(folder):
        left = None if pace is None else pace * (entry.steps - step)
        return Progress(State.RUNNING, step, left, len(failures), reason)
    if is_given_up(failures):
        return Progress(State.FAILED, step, None, len(failures), reason)
    state = State.STOPPED if (folder / runs.CONFIG).exists() else State.WAITING
    return Progress(state, step, None, len(failures), reason)


def is_held(folder: Path) -> bool:
    """Whether a process trains in that run folder now."""
    return files.is_locked(folder / runs.LOCK)


def note_failure(folder: Path, *, reason: str, exit_code: int) -> None:
    """Appends to the run's failures; raises JaxcmpError."""
    path = folder / FAILURES
    with files.writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        line = json.dumps({"reason": reason, "exit_code": exit_code})
        files.append_line(descriptor, line.encode(), path)
    finally:
        os.close(descriptor)


def read_failures(folder: Path) -> list[dict[str, Any]]:
    """The failures so far; a file that cannot be read counts as none."""
    with contextlib.suppress(JaxcmpError):
        return files.read_lines(folder / FAILURES)
    return []


def is_given_up(failures: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a run is not tried again: a wrong configuration is wrong the next time too."""
    is_wrong = any(each.get("exit_code") == CommandError.exit_code for each in failures)
    return is_wrong or len(failures) >= MAX_FAILURES


def _last_step(folder: Path) -> tuple[int, float | None]:
    """The last step logged, and the seconds of a step."""
    try:
        records = files.read_lines(folder / runs.METRICS)
        step = max((int(each["step"]) for each in records), default=0)
        batch_size = files.read_object(folder / runs.CONFIG)["config"]["batch_size"]
        rates = [each["images_per_second"] for each in records if each["kind"] == "train"]
        return step, batch_size / rates[-1] if rates and rates[-1] else None
    except (JaxcmpError, KeyError, TypeError, ValueError):
        return 0, None
