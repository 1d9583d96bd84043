"""The code and packages behind runs: keeps arms apart by them, and warns where they differ."""

import dataclasses
import difflib
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcmp.compare.arms import Group, Outcome, gathered, runs_of
from jaxcmp.compare.recipe_keys import flatten
from jaxcmp.compare.words import count, listed, shortened
from jaxcmp.errors import CommandError

COMMIT, DEVICE, PYTHON = "commit", "device", "python"
CHANGED = ", changed"


def commit_of(session: Mapping[str, Any]) -> str:
    """The commit in short, and whether the code differed from it."""
    commit = session["git_commit"]
    if commit is None:
        return "unknown"
    return f"{commit[:10]}{CHANGED if session['git_dirty'] else ''}"


def keep_apart(outcomes: Sequence[Outcome], keys: Sequence[str]) -> list[Outcome]:
    """Runs with other values of these keys as runs of other arms, whose names say so.

    A key is "commit", "device", "python", the name of a package, or one of the configuration.
    Raises CommandError for a key that no run has.
    """
    result = list(outcomes)
    for key in keys:
        values = [value_of(each, key) for each in result]
        if result and all(value is None for value in values):
            raise CommandError(_unknown(key, result))
        for i, value in enumerate(values):
            each, told = result[i], value or "not set"
            # A key of the recipe keeps arms apart by itself.
            own = () if key in dict(each.recipe) else ((key, json.dumps(told)),)
            result[i] = dataclasses.replace(
                each, recipe=(*each.recipe, *own), apart=(*each.apart, (key, told))
            )
    return result


def seeds_again(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """The runs of each seed in an arm, the first one begun first.

    A seed that was trained again gives no independent run. Runs from other weights are independent,
    whatever their own seed.
    """

    def seed_of(outcome: Outcome) -> tuple[object, ...]:
        weights = outcome.origin.sha256 if outcome.origin else None
        return outcome.recipe, outcome.data, outcome.seed, weights

    return [
        sorted(own, key=lambda each: each.run.sessions[0]["start"])
        for own in gathered(outcomes, seed_of).values()
    ]


def value_of(outcome: Outcome, key: str) -> str | None:
    """Returns a run's values of a key over all its sessions; None where it has none."""
    if key == DEVICE:
        return outcome.device
    if key == COMMIT:
        return " and ".join(dict.fromkeys(map(commit_of, outcome.run.sessions)))
    versions = packages_of(outcome).get(key)
    if versions:
        return " and ".join(versions)
    value = flatten(outcome.run.config).get(key)
    # Text without its quotes, anything else as in JSON.
    return value.strip('"') if value is not None else None


def packages_of(*outcomes: Outcome) -> dict[str, list[str]]:
    """The versions of each package, and of Python, in the order of the sessions of these runs."""
    found: dict[str, list[str]] = {}
    for session in (session for each in outcomes for session in each.run.sessions):
        for name, version in ({PYTHON: session["python"]} | session["packages"]).items():
            if version not in found.setdefault(name, []):
                found[name].append(version)
    return found


def about_versions(group: Group) -> list[str]:
    """Sentences on versions that may set results apart; none where nothing does.

    Commits are among them where two arms have none in common.
    """
    commits = about_commits(group) if have_own_commits(group) else []
    return [*commits, *_packages(runs_of(group.all_arms)), *_repetitions(group)]


def have_own_commits(group: Group) -> bool:
    """Returns whether two arms have no commit in common: the code may be what sets them apart."""
    found = [{value_of(each, COMMIT) for each in arm.outcomes} for arm in group.arms]
    return any(one.isdisjoint(two) for one, two in itertools.combinations(found, 2))


def about_commits(group: Group) -> list[str]:
    """A sentence on the commits of all runs; none where all are of one, without changes."""
    outcomes = runs_of(group.all_arms)
    commits = {commit_of(session) for each in outcomes for session in each.run.sessions}
    if len(commits) == 1 and not commits.pop().endswith(CHANGED):
        return []
    counts = Counter(value_of(each, COMMIT) for each in outcomes)
    named = shortened([f"{commit} ({count(num, 'run')})" for commit, num in counts.most_common()])
    text = f"Commits: {'; '.join(named)}."
    if have_own_commits(group):
        return [f"{text} Some arms have none in common: the code too may set them apart."]
    pooled = dict.fromkeys(
        arm.name
        for arm in group.all_arms
        if len({value_of(each, COMMIT) for each in arm.outcomes}) > 1
    )
    hint = f"Seeds of several are averaged in {', '.join(pooled)}; --by={COMMIT} keeps them apart."
    return [f"{text} {hint}" if pooled else text]


def _packages(outcomes: Sequence[Outcome]) -> list[str]:
    found = packages_of(*outcomes)
    # JAX first: it is what computes.
    names = sorted(found, key=lambda name: (not name.startswith("jax"), name))
    several = [name for name in names if len(found[name]) > 1]
    if not several:
        return []
    told = shortened([f"{name} {' and '.join(found[name])}" for name in several])
    return [f"They ran with several versions of {'; '.join(told)} (--by={several[0]})."]


def _repetitions(group: Group) -> list[str]:
    """Names the runs that do not count because their seed does already, and how they would."""
    if not group.repeated:
        return []
    keys: dict[str, None] = {}
    for pair in group.repeated:
        names = (COMMIT, *packages_of(*pair), DEVICE)
        key = next((key for key in names if len({value_of(each, key) for each in pair}) > 1), None)
        keys |= {key: None} if key else {}
    folders = listed(shortened([again.folder for again, _ in group.repeated]))
    text = f"Left out, as an earlier run of the same arm has the same seed: {folders}."
    flags = " ".join(f"--by={key}" for key in keys)
    return [f"{text} {flags} keeps them, as arms of their own." if flags else text]


def _unknown(key: str, outcomes: Sequence[Outcome]) -> str:
    known = dict.fromkeys((COMMIT, DEVICE, PYTHON, *packages_of(*outcomes)))
    for each in outcomes:
        known |= dict.fromkeys(flatten(each.run.config))
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean --by={close[0]}?" if close else ""
    return (
        f"--by={key}: no run says that; commit, device, python, a package such as jax, or a key of "
        f"the configuration would do{hint}"
    )
