"""Trains every run of a study, then writes the report; started again, it continues.

python -m jaxcmp.study --config=configs/study.py --workdir=runs/study
python -m jaxcmp.study --config=configs/study.py --workdir=runs/study --dry_run
python -m jaxcmp.study status --workdir=runs/study

Finished runs are skipped, stopped ones continue, failed ones are tried again twice. Several such
commands may share a folder, on several machines, or on one with GPUs of their own by
CUDA_VISIBLE_DEVICES: no run is trained by two at a time.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import cli, files
from jaxcmp.cli import carry_out
from jaxcmp.compare.words import count
from jaxcmp.errors import CommandError
from jaxcmp.runtime import host_memory, interrupt
from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import ConfigWords
from jaxcmp.study import folder
from jaxcmp.study.folder import Entry, State
from jaxcmp.text import PlainConsole, say

WORKDIR = "runs/study"
REPORT = "report"
PIPE_WIDTH = 200


def make_parser() -> cli.Parser:
    parser = cli.config_parser("jaxcmp.study", __doc__)
    add_workdir(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        default=0,
        help="runs at a time (default: one for each accelerator, or one on a machine without any)",
    )
    parser.add_argument("--task", type=int, help="train the run of this number and no other")
    parser.add_argument(
        "--tasks",
        action="store_true",
        help="print the numbers of all runs as an array job takes them: 0-61",
    )
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="print the plan with its FLOPs, time and disk, and train nothing",
    )
    return parser


def add_workdir(parser: cli.Parser) -> None:
    parser.add_argument(
        "--workdir",
        type=files.path_argument,
        default=Path(WORKDIR),
        help=f"the study's folder (default: {WORKDIR})",
    )


def study(words: Sequence[str]) -> int:
    """Returns 0, or 1 where a run is missing in the end. Raises JaxcmpError."""
    if words[:1] == ["status"]:
        return show_status(words[1:])
    options = cli.parse(make_parser(), words)
    workdir, task = options.workdir, options.task
    if options.jobs < 0:
        raise CommandError(f"--jobs={options.jobs} must be at least 0")
    if not {"arms", "grids"} <= set(options.config):
        raise CommandError("the configuration is no study: it has no arms or grids")
    if task is not None:
        host_memory.keep_for_steps()
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.study import plan

    configured = plan.Study.of(options.config)
    # A plan alone needs no images.
    sizes = plan.find_sizes(configured, may_prepare=not (options.dry_run or options.tasks))
    planned = plan.expand(configured, sizes)
    entries = [run.entry for run in planned]
    numbers = f"0-{len(planned) - 1}"
    if options.tasks:
        say(numbers)
        return 0
    if task is not None and not 0 <= task < len(planned):
        raise CommandError(f"--task={task} is none of the plan's: {numbers}")
    if options.dry_run:
        show_plan(workdir, entries)
        return 0
    plan.refuse_another(workdir, planned)
    folder.write(workdir, options.config.to_dict(), entries)
    if task is not None:
        given = dataclasses.replace(options.given, module="jaxcmp.study")
        train_task(planned[task].config, workdir / entries[task].folder, given)
        return 0
    train_all(words, workdir, entries, jobs=options.jobs)
    return write_report(workdir, entries)


def train_task(config: Settings, folder: Path, given: ConfigWords) -> None:
    from jaxcmp import train
    from jaxcmp.runtime import compilation_cache, devices
    from jaxcmp.runtime.messages import show_messages
    from jaxcmp.study.engine import follow_parent

    show_messages()
    interrupt.watch()
    compilation_cache.enable()
    devices.check_any()
    follow_parent()
    train.train(config, workdir=folder, given=given)


def train_all(words: Sequence[str], workdir: Path, entries: Sequence[Entry], *, jobs: int) -> None:
    """Trains each run that is not finished by this command with --task."""
    from jaxcmp.study import engine

    if all(folder.progress(workdir, entry).state is State.FINISHED for entry in entries):
        return
    slots = engine.find_slots(jobs)
    say(f"{count(len(entries), 'run')}, {len(slots)} at a time", flush=True)

    def command(entry: Entry) -> list[str]:
        task = entries.index(entry)
        return [sys.executable, "-m", "jaxcmp.study", *words, f"--task={task}"]

    engine.train_all(workdir, entries, slots, command)


def write_report(workdir: Path, entries: Sequence[Entry]) -> int:
    """Compares the finished runs; returns 1 if any is missing, with a line for each."""
    from jaxcmp.compare.__main__ import compare
    from jaxcmp.compare.document import LeftOut

    finished, missing = [], []
    for entry in entries:
        path, progress = workdir / entry.folder, folder.progress(workdir, entry)
        if progress.state is State.FINISHED:
            finished.append(path)
        else:
            reason = ": ".join(filter(None, [str(progress.state), progress.reason]))
            missing.append(LeftOut(str(path), reason))
    compare(finished, workdir / REPORT, PlainConsole(), missing)
    for run in missing:
        say(f"jaxcmp: {run.folder} is missing, {run.reason}", to_stderr=True)
    return 1 if missing else 0


def show_plan(workdir: Path, entries: Sequence[Entry]) -> None:
    from jaxcmp.study.overview import estimate, plan_summary, plan_table

    costs = estimate(workdir, entries)
    progresses = [folder.progress(workdir, entry) for entry in entries]
    console = _console()
    console.print(plan_table(entries, costs))
    console.print()
    console.print(plan_summary(workdir, entries, costs, progresses), soft_wrap=True)


def show_status(words: Sequence[str]) -> int:
    from jaxcmp.study.overview import status_summary, status_table

    parser = cli.Parser("jaxcmp.study status", "Lists the runs of a study and their states.")
    add_workdir(parser)
    workdir = parser.parse_args(words).workdir
    entries = folder.read(workdir)
    progresses = [folder.progress(workdir, entry) for entry in entries]
    console = _console()
    console.print(status_table(entries, progresses))
    console.print()
    for line in status_summary(entries, progresses):
        console.print(line, soft_wrap=True)
    return 0


def _console() -> PlainConsole:
    """Makes a console for tables; in a pipe or a file no name is folded."""
    return PlainConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: study(sys.argv[1:])))
