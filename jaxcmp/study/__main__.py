"""Trains every run of a study's plan, then writes the report; started again, it goes on.

python -m jaxcmp.study --config=configs/study.py --workdir=runs/study
python -m jaxcmp.study --config=configs/study.py --workdir=runs/study --dry_run
python -m jaxcmp.study status --workdir=runs/study

A run that is finished is skipped, one that was stopped goes on, one that failed is tried again
twice. Several of these commands may share a folder, on one machine or on several: no run is
trained by two at a time.
"""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from rich.console import Console

from jaxcmp import host_memory, main
from jaxcmp.errors import CommandError, carry_out
from jaxcmp.study import folder
from jaxcmp.study.engine import Engine, follow_parent
from jaxcmp.study.folder import Entry, State

WORKDIR = "runs/study"
REPORT = "report"


def define_flags(argv: Sequence[str]) -> flags.FlagValues:
    values = main.define_config(argv)
    main.define_flag(values, "workdir", WORKDIR, "The study's folder.")
    words = "Runs at a time; 0: one for each accelerator, one on a machine without."
    main.define_flag(values, "jobs", 0, words)
    main.define_flag(values, "task", -1, "Train the run of this number and no other.")
    for name, sentence in (
        ("tasks", "Print the numbers of all runs, as an array job takes them."),
        ("dry_run", "Print the plan, and what it will take."),
    ):
        flags.DEFINE_boolean(name, False, sentence, flag_values=values)
    return values


def study(argv: Sequence[str]) -> int:
    """Returns 0, or 1 where a run is missing in the end. Raises JaxcmpError."""
    if argv[1:2] == ["status"]:
        return show_status(argv)
    options = main.parse(argv, define_flags, __doc__)
    workdir = Path(options.workdir)
    if options.jobs < 0:
        raise CommandError(f"--jobs={options.jobs} must be at least 0")
    if not {"arms", "grids", "data"} <= set(options.config):
        raise CommandError("the configuration is no study: it has no arms, grids or data")
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.study import plan
    from jaxcmp.study.sizes import find_sizes

    planned = plan.expand(options.config, find_sizes(options.config))
    if options.tasks:
        print(plan.tasks(planned))
        return 0
    entries = [Entry(each.folder, each.config.arm, each.steps, each.flops) for each in planned]
    if options["task"].present:
        if not 0 <= options.task < len(planned):
            raise CommandError(
                f"--task={options.task} is none of the plan's: {plan.tasks(planned)}"
            )
        folder.write(workdir, options.config.to_dict(), entries)
        train_task(planned[options.task], workdir)
        return 0
    console = Console(markup=False, highlight=False)
    if options.dry_run:
        show_plan(workdir, entries, console)
        return 0
    folder.write(workdir, options.config.to_dict(), entries)
    train_all(argv, workdir, entries, jobs=options.jobs)
    return write_report(workdir, entries, console)


def train_task(run: Any, workdir: Path) -> None:
    """Trains one run of the plan in this process."""
    host_memory.keep_for_steps()
    from jaxcmp import compilation_cache, train
    from jaxcmp.quiet import show_messages

    show_messages()
    compilation_cache.enable()
    follow_parent()
    train.train(run.config, workdir=workdir / run.folder, overrides=[])


def train_all(argv: Sequence[str], workdir: Path, entries: Sequence[Entry], *, jobs: int) -> None:
    from jaxcmp.study.slots import find_slots

    def say(line: str) -> None:
        print(line, flush=True)

    if all(folder.progress(workdir, each).state is State.FINISHED for each in entries):
        return
    slots = find_slots(jobs)
    say(f"{len(entries)} runs, {len(slots)} at a time")
    command = [sys.executable, "-m", "jaxcmp.study", *argv[1:]]
    Engine(workdir, entries, slots, lambda task: [*command, f"--task={task}"], say).run()


def write_report(workdir: Path, entries: Sequence[Entry], console: Console) -> int:
    """Compares what is finished; 1 if anything is missing, with a line for each."""
    from jaxcmp.compare.__main__ import compare
    from jaxcmp.compare.document import LeftOut

    finished, missing = [], []
    for entry in entries:
        progress = folder.progress(workdir, entry)
        if progress.state is State.FINISHED:
            finished.append(workdir / entry.folder)
            continue
        reason = ": ".join(filter(None, [str(progress.state), progress.reason]))
        missing.append(LeftOut(str(workdir / entry.folder), reason))
    compare(finished, workdir / REPORT, console, missing)
    for each in missing:
        print(f"jaxcmp: {each.folder} is missing, {each.reason}", file=sys.stderr)
    return 1 if missing else 0


def show_plan(workdir: Path, entries: Sequence[Entry], console: Console) -> None:
    from jaxcmp.study.estimates import estimate
    from jaxcmp.study.overview import plan_summary, plan_table

    taken = estimate(workdir, entries)
    states = [folder.progress(workdir, each).state for each in entries]
    console.print(plan_table(entries, taken))
    console.print()
    console.print(plan_summary(entries, taken, states, workdir), soft_wrap=True)


def show_status(argv: Sequence[str]) -> int:
    """Prints the runs of the study in --workdir and their states."""
    from jaxcmp.study.overview import status_summary, status_table

    values = flags.FlagValues()
    main.define_flag(values, "workdir", WORKDIR, "The study's folder.")
    try:
        rest = values([argv[0], *argv[2:]])
    except flags.Error as error:
        raise CommandError(str(error)) from error
    if len(rest) > 1:
        raise CommandError(f"{rest[1]!r} is not a flag; the folder is --workdir={rest[1]}")
    workdir = Path(values.workdir)
    entries = folder.read(workdir)
    progresses = [folder.progress(workdir, each) for each in entries]
    console = Console(markup=False, highlight=False)
    console.print(status_table(entries, progresses))
    console.print()
    for line in status_summary(entries, progresses):
        console.print(line, soft_wrap=True)
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(carry_out(lambda: study(sys.argv)))
