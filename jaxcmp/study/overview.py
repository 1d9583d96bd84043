"""A study in a terminal: its plan with what it will take, and the state of its runs."""

import collections
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from jaxcmp.compare.cells import duration, powers
from jaxcmp.plain_table import plain_table
from jaxcmp.study.estimates import Taken
from jaxcmp.study.folder import Entry, Progress, State

UNKNOWN = "?"
MEGABYTE = 2**20


def plan_table(entries: Sequence[Entry], taken: Sequence[Taken]) -> Table:
    """One row for each folder of seeds, and a sum."""
    table = plain_table("runs", "seeds", "steps each", "FLOPs each", "time each", "disk each")
    by_arm = collections.defaultdict(list)
    for entry, took in zip(entries, taken, strict=True):
        by_arm[str(Path(entry.folder).parent)].append((entry, took))
    for name, rows in by_arm.items():
        (entry, took), seeds = rows[0], len(rows)
        table.add_row(
            name,
            str(seeds),
            f"{entry.steps:,}",
            powers(entry.flops).rstrip(),
            UNKNOWN if took.seconds is None else duration(took.seconds),
            _size(took.num_bytes),
        )
    return table


def plan_summary(
    entries: Sequence[Entry], taken: Sequence[Taken], states: Sequence[State], workdir: Path
) -> str:
    """One sentence: how many runs, what is left of them to do, and the room there is."""
    left = [i for i, state in enumerate(states) if state is not State.FINISHED]
    if not left:
        return f"{len(entries)} runs, all finished"
    flops = powers(sum(entries[i].flops for i in left))
    free = shutil.disk_usage(next(p for p in (workdir, *workdir.parents) if p.exists())).free
    text = f"{len(entries)} runs, {len(left)} of them not finished: {flops}FLOPs"
    known = [taken[i] for i in left if taken[i].seconds is not None]
    if not known:
        return (
            f"{text}; {_size(free)} of disk are free. Time and disk are known once a run of each "
            "arm is finished."
        )
    time = f"{duration(sum(each.seconds or 0 for each in known))} on one device"
    disk = _size(sum(each.num_bytes or 0 for each in known))
    unknown = len(left) - len(known)
    without = f", without {unknown} of unknown length" if unknown else ""
    return f"{text}, {time}, {disk} of disk{without}; {_size(free)} are free."


def status_table(entries: Sequence[Entry], progresses: Sequence[Progress]) -> Table:
    """One row for each run."""
    table = plain_table("run", "state", "step", "of", "left", "failures")
    for number, (entry, progress) in enumerate(zip(entries, progresses, strict=True)):
        left = "" if progress.seconds_left is None else duration(progress.seconds_left)
        table.add_row(
            f"{number:>3}  {entry.folder}",
            Text(progress.state, style=_style(progress.state)),
            f"{progress.step:,}" if progress.step else "",
            f"{entry.steps:,}",
            left,
            str(progress.num_failures or ""),
        )
    return table


def status_summary(entries: Sequence[Entry], progresses: Sequence[Progress]) -> list[str]:
    """How many runs are in each state, then why each failed one did."""
    counts = collections.Counter(each.state for each in progresses)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    lines = [f"{len(entries)} runs: {', '.join(parts)}"]
    for entry, progress in zip(entries, progresses, strict=True):
        if progress.state is State.FAILED:
            lines.append(f"{entry.folder} failed: {progress.reason}")
    return lines


def _size(num_bytes: float | None) -> str:
    if num_bytes is None:
        return UNKNOWN
    if num_bytes < 1024 * MEGABYTE:
        return f"{num_bytes / MEGABYTE:.0f} MiB"
    return f"{num_bytes / (1024 * MEGABYTE):.1f} GiB"


def _style(state: State) -> str:
    styles = {State.FINISHED: "green", State.FAILED: "red", State.RUNNING: "bold"}
    return styles.get(state, "")
