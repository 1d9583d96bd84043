"""What a study will take: FLOPs by count, time and disk by what its finished runs took."""

import dataclasses
import datetime
import statistics
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import runs
from jaxcmp.errors import JaxcmpError
from jaxcmp.study.folder import Entry


@dataclasses.dataclass(frozen=True)
class Taken:
    """What one run took, or will: seconds from start to end, bytes of its folder; None: unknown."""

    seconds: float | None
    num_bytes: int | None


def estimate(workdir: Path, entries: Sequence[Entry]) -> list[Taken]:
    """For each run what it took if it is finished, else what runs of its arm let one expect.

    Seconds grow with steps at the median pace of the arm's finished runs, beside the median of
    what these took apart from steps: start, evaluations, checkpoints. Bytes are their median.
    """
    finished = {entry: _of_finished(workdir / entry.folder) for entry in entries}
    result = []
    for entry in entries:
        own = finished[entry]
        alike = [(each, took) for each, took in finished.items() if took and each.arm == entry.arm]
        if own is not None:
            result.append(Taken(own.seconds, own.num_bytes))
        elif not alike:
            result.append(Taken(None, None))
        else:
            pace = statistics.median(took.step_seconds for _, took in alike)
            rest = statistics.median(
                max(took.seconds - took.step_seconds * each.steps, 0.0) for each, took in alike
            )
            num_bytes = round(statistics.median(took.num_bytes for _, took in alike))
            result.append(Taken(pace * entry.steps + rest, num_bytes))
    return result


@dataclasses.dataclass(frozen=True)
class _Finished:
    seconds: float
    step_seconds: float
    num_bytes: int


def _of_finished(folder: Path) -> _Finished | None:
    """What a finished run took in its last session; None for others, and for damaged ones."""
    if not runs.is_finished(folder):
        return None
    try:
        run = runs.read_run(folder)
        start, end = (datetime.datetime.fromisoformat(run.environment[x]) for x in ("start", "end"))
        step_seconds = float(run.cost["step_seconds"]["median"])
        seconds = (end - start).total_seconds()
        if len(run.sessions) > 1 and run.result is not None:
            # Of a run that was interrupted, steps alone are known to add up.
            seconds = step_seconds * run.result["steps"]
        num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return _Finished(seconds, step_seconds, num_bytes)
    except (JaxcmpError, KeyError, TypeError, ValueError, OSError):
        return None
