"""A study in a terminal: its plan with its costs, and the state of its runs."""

import collections
import dataclasses
import datetime
import shutil
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from jaxcmp import runs
from jaxcmp.compare.cells import duration, powers
from jaxcmp.compare.words import count
from jaxcmp.errors import JaxcmpError
from jaxcmp.study.folder import Entry, Progress, State
from jaxcmp.text import plain_table

UNKNOWN = "?"
MEGABYTE = 2**20
STYLES = {State.FINISHED: "green", State.FAILED: "red", State.RUNNING: "bold"}


@dataclasses.dataclass(frozen=True)
class Cost:
    """Seconds from start to end of a run, those of one of its steps, and bytes of its folder."""

    seconds: float
    step_seconds: float
    num_bytes: float


def estimate(workdir: Path, entries: Sequence[Entry]) -> list[Cost | None]:
    """Returns what each finished run took, and what its arm's finished runs let expect of others.

    Seconds grow with steps at the median pace of the arm's finished runs, beside the median of
    what these took apart from steps: start, evaluations, checkpoints. Bytes are their median.
    """
    finished = {x: cost for x in entries if (cost := _read_cost(workdir / x.folder)) is not None}
    return [finished.get(entry) or _expect(entry, finished) for entry in entries]


def plan_table(entries: Sequence[Entry], costs: Sequence[Cost | None]) -> Table:
    """Makes one row for each folder of seeds."""
    table = plain_table("runs", "seeds", "steps each", "FLOPs each", "time each", "disk each")
    kinds = [str(Path(entry.folder).parent) for entry in entries]
    for kind, num_seeds in collections.Counter(kinds).items():
        first = kinds.index(kind)
        entry, cost = entries[first], costs[first]
        table.add_row(
            kind,
            str(num_seeds),
            f"{entry.steps:,}",
            powers(entry.flops).rstrip(),
            UNKNOWN if cost is None else duration(cost.seconds),
            UNKNOWN if cost is None else _size(cost.num_bytes),
        )
    return table


def plan_summary(
    workdir: Path,
    entries: Sequence[Entry],
    costs: Sequence[Cost | None],
    progresses: Sequence[Progress],
) -> str:
    """Says how many runs are left to train, what they take, and how much disk is free."""
    left = [i for i, progress in enumerate(progresses) if progress.state is not State.FINISHED]
    if not left:
        return f"{count(len(entries), 'run')}, all finished"
    flops = powers(sum(entries[i].flops for i in left))
    free = shutil.disk_usage(next(p for p in (workdir, *workdir.parents) if p.exists())).free
    text = f"{count(len(entries), 'run')}, {len(left)} of them not finished: {flops}FLOPs"
    known = [cost for i in left if (cost := costs[i]) is not None]
    if not known:
        return (
            f"{text}; {_size(free)} of disk are free. Time and disk are known once a run of each "
            "arm is finished."
        )
    time = f"{duration(sum(cost.seconds for cost in known))} on one device"
    disk = _size(sum(cost.num_bytes for cost in known))
    num_unknown = len(left) - len(known)
    without = f", without {num_unknown} of unknown length" if num_unknown else ""
    return f"{text}, {time}, {disk} of disk{without}; {_size(free)} are free."


def status_table(entries: Sequence[Entry], progresses: Sequence[Progress]) -> Table:
    table = plain_table("run", "state", "step", "of", "left", "failures")
    for number, (entry, progress) in enumerate(zip(entries, progresses, strict=True)):
        table.add_row(
            f"{number:>3}  {entry.folder}",
            Text(progress.state, style=STYLES.get(progress.state, "")),
            f"{progress.step:,}" if progress.step else "",
            f"{entry.steps:,}",
            "" if progress.seconds_left is None else duration(progress.seconds_left),
            str(progress.num_failures or ""),
        )
    return table


def status_summary(entries: Sequence[Entry], progresses: Sequence[Progress]) -> list[str]:
    """Counts the runs in each state, then says why runs failed, a line each."""
    counts = collections.Counter(progress.state for progress in progresses)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    lines = [f"{count(len(entries), 'run')}: {', '.join(parts)}"]
    for entry, progress in zip(entries, progresses, strict=True):
        failed = " failed" if progress.state is State.FAILED else ""
        lines += [f"{entry.folder}{failed}: {progress.reason}"] if progress.reason else []
    return lines


def _read_cost(folder: Path) -> Cost | None:
    """Reads what a finished run took in its last session; None for other and for damaged runs."""
    try:
        if not runs.is_finished(folder):
            return None
        run = runs.read_run(folder)
        start, end = (datetime.datetime.fromisoformat(run.environment[x]) for x in ("start", "end"))
        step_seconds = float(run.cost["step_seconds"]["median"])
        seconds = (end - start).total_seconds()
        if len(run.sessions) > 1:
            # Of a run that was interrupted, steps alone are known to add up.
            seconds = step_seconds * run.result["steps"]
        num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return Cost(seconds, step_seconds, num_bytes)
    except (JaxcmpError, KeyError, TypeError, ValueError, OSError):
        return None


def _expect(entry: Entry, finished: Mapping[Entry, Cost]) -> Cost | None:
    """Returns the cost of a run by those of its arm's finished runs; None if there are none."""
    alike = [(other.steps, cost) for other, cost in finished.items() if other.arm == entry.arm]
    if not alike:
        return None
    pace = statistics.median(cost.step_seconds for _, cost in alike)
    rest = statistics.median(max(x.seconds - x.step_seconds * steps, 0) for steps, x in alike)
    num_bytes = statistics.median(cost.num_bytes for _, cost in alike)
    return Cost(pace * entry.steps + rest, pace, num_bytes)


def _size(num_bytes: float) -> str:
    if num_bytes < 1024 * MEGABYTE:
        return f"{num_bytes / MEGABYTE:.0f} MiB"
    return f"{num_bytes / (1024 * MEGABYTE):.1f} GiB"
