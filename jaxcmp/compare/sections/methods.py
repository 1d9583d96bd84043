"""The methods: every run with its origin, its machine, and the command that repeats it."""

from collections import Counter
from collections.abc import Sequence

from jaxcmp.compare import cells
from jaxcmp.compare.arms import Arm, Group, Outcome, runs_of
from jaxcmp.compare.document import Cell, Commands, Table, Text
from jaxcmp.compare.sections import columns
from jaxcmp.compare.sections.answer import Answer, answered, texts
from jaxcmp.compare.sections.commands import on_runs, repeat_run
from jaxcmp.compare.versions import about_commits, commit_of, have_own_commits, packages_of
from jaxcmp.compare.words import count
from jaxcmp.runs import config_hash

COMMANDS = "To repeat the runs, at their commit with constraints.txt installed, and the comparison:"
NOTE = (
    "config: a hash of the configuration, seed included, without paths and logs. For a run "
    "of several sessions: the first start, and every commit and device."
)


def methods_section(group: Group) -> Answer:
    arms = group.all_arms
    outcomes = runs_of(arms)
    flags = [*(f"--by={key}" for key in group.by), "--out=report"]
    # A study has one command for all of its runs.
    commands = list(dict.fromkeys(repeat_run(outcome.run) for outcome in outcomes))
    commands.append(on_runs("jaxcmp.compare", outcomes, flags))
    details = [_runs(arms), _versions(outcomes), Text(COMMANDS), Commands(commands)]
    # Where arms have commits of their own, the first screen says so.
    commits = [] if have_own_commits(group) else about_commits(group)
    blocks = [_data(group), *texts(*commits)]
    folded = "runs, versions, commands"
    return answered("methods", "How this was measured", blocks, details=details, folded=folded)


def _data(group: Group) -> Text:
    data = group.arms[0].outcomes[0].run.environment["data"]
    held_out = data["num_validation"]
    version = "" if data["version"] is None else f", version {data['version']}"
    return Text(
        f"Data: {data['name']}{version}; {group.arms[0].outcomes[0].num_train:,} "
        f"training images, {held_out:,} held out, {len(group.labels):,} test images, "
        f"{count(len(group.class_names), 'class')}. Accuracies are of the last epoch; only the "
        "row of the best epoch was chosen on the test images."
    )


def _runs(arms: Sequence[Arm]) -> Table:
    headings = columns.of_words("run", "arm") + columns.of_numbers(
        "seed", "epochs", "training images"
    )
    headings += columns.of_words("config", "overrides", "commit", "device", "precision", "start")
    headings += columns.of_numbers("training time", "sessions")
    rows = [_run_row(arm, outcome) for arm in arms for outcome in arm.outcomes]
    return Table("Runs", headings, rows, NOTE)


def _run_row(arm: Arm, outcome: Outcome) -> list[Cell]:
    sessions, runs = outcome.run.sessions, [outcome.number]
    overrides = " ".join(f"{k}={v}" for k, v in outcome.run.given.overrides.items())
    texts = [
        config_hash(outcome.run.config),
        overrides or "none",
        "; ".join(dict.fromkeys(map(commit_of, sessions))),
        outcome.device,
        sessions[-1]["precision"],
        sessions[0]["start"],
    ]
    return [
        Cell(outcome.folder),
        columns.name(arm),
        cells.count(outcome.seed, runs),
        cells.count(outcome.num_epochs, runs),
        cells.count(outcome.num_train, runs),
        *map(Cell, texts),
        cells.number(outcome.train_seconds, cells.duration(outcome.train_seconds), runs),
        cells.count(len(sessions), runs),
    ]


def _versions(outcomes: Sequence[Outcome]) -> Table:
    """Package versions; where runs differ, each version with how many runs had it."""
    versions = [
        {name: " and ".join(own) for name, own in packages_of(outcome).items()}
        for outcome in outcomes
    ]
    rows = []
    for name in sorted({name for each in versions for name in each}):
        found = Counter(each.get(name, "none") for each in versions)
        texts = [f"{version} in {count(num, 'run')}" for version, num in found.items()]
        text = "; ".join(texts) if len(texts) > 1 else next(iter(found))
        rows.append([Cell(name), Cell(text)])
    return Table("Versions", columns.of_words("package", "version"), rows)
