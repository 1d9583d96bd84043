"""The methods: every run with its origin, its machine, and the command that repeats it."""

import shlex
from collections import Counter
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome
from jaxcmp.compare.document import Cell, Column, Commands, Table, Text
from jaxcmp.compare.sections.answer import Answer, answered
from jaxcmp.compare.sections.commands import repeat
from jaxcmp.compare.versions import about_commits, commit_of, have_own_commits
from jaxcmp.runs import config_hash


def methods_section(group: Group) -> Answer:
    arms = list(group.all_arms)
    outcomes = [outcome for arm in arms for outcome in arm.outcomes]
    text = "To repeat the runs, at their commit with constraints.txt installed, and the comparison:"
    commands = Commands([*map(repeat, outcomes), _compare(outcomes, group.by)])
    details = [_runs(arms), _versions(outcomes), Text(text), commands]
    blocks = [_data(group)]
    if not have_own_commits(group):
        # Where arms have commits of their own, the first screen says so.
        blocks += map(Text, about_commits(group))
    folded = "runs, versions, commands"
    return answered("methods", "How this was measured", blocks, details=details, folded=folded)


def _compare(outcomes: list[Outcome], by: Sequence[str]) -> str:
    folders = [outcome.folder for outcome in outcomes]
    flags = [*(f"--by={key}" for key in by), "--out=report"]
    return shlex.join(["python", "-m", "jaxcmp.compare", *folders, *flags])


def _data(group: Group) -> Text:
    data = group.arms[0].outcomes[0].run.environment["data"]
    held_out = data.get("num_validation") or 0
    version = "" if data["version"] is None else f", version {data['version']}"
    return Text(
        f"Data: {data['name']}{version}; {group.arms[0].outcomes[0].num_train:,} "
        f"training images, {held_out:,} held out, {len(group.labels):,} test images, "
        f"{len(group.class_names)} classes. The accuracy is that of the last epoch; nothing was "
        "selected on the test set, unless a line says so."
    )


def _runs(arms: list[Arm]) -> Table:
    labels = [
        *("run", "arm", "config", "overrides", "commit", "device", "precision", "start"),
    ]
    columns = [Column(label, is_numeric=False) for label in labels]
    columns[2:2] = [Column("seed"), Column("training images")]
    columns += [Column("training time"), Column("sessions")]
    rows = [_run_row(arm, outcome) for arm in arms for outcome in arm.outcomes]
    note = (
        "config: a hash of the configuration, seed included, without paths and logs. Of a run of "
        "several sessions, start is the first one's, and commits and devices are all there were."
    )
    return Table("Runs", columns, rows, note)


def _run_row(arm: Arm, outcome: Outcome) -> list[Cell]:
    told, runs = outcome.run.sessions, [outcome.number]
    index = arm.index if arm.index >= 0 else None
    return [
        cells.words(outcome.folder),
        cells.words(arm.name, arm=index),
        cells.count(outcome.seed, runs),
        cells.count(outcome.num_train, runs),
        cells.words(config_hash(outcome.run.config)),
        cells.words(" ".join(f"{k}={v}" for k, v in outcome.run.given.overrides.items()) or "none"),
        cells.words("; ".join(dict.fromkeys(commit_of(each) for each in told))),
        cells.words(outcome.device),
        cells.words(str(told[-1].get("precision", "?"))),
        cells.words(str(told[0].get("start", "?"))),
        cells.number(outcome.train_seconds, cells.duration(outcome.train_seconds), runs),
        cells.count(len(told), runs),
    ]


def _versions(outcomes: list[Outcome]) -> Table:
    """Package versions; where runs differ, each version with how many runs had it."""
    names = sorted({name for o in outcomes for name in _packages(o)})
    rows = []
    for name in names:
        found = Counter(_packages(outcome).get(name, "none") for outcome in outcomes)
        told = [f"{version} in {n} run{'' if n == 1 else 's'}" for version, n in found.items()]
        text = "; ".join(told) if len(told) > 1 else next(iter(found))
        rows.append([cells.words(name), cells.words(text)])
    columns = [Column("package", is_numeric=False), Column("version", is_numeric=False)]
    return Table("Versions", columns, rows)


def _packages(outcome: Outcome) -> dict[str, str]:
    environment = outcome.run.environment
    return {"python": str(environment.get("python", "?")), **environment.get("packages", {})}
