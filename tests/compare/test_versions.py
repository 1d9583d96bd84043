"""Runs of several commits and versions: told, kept apart on request, and each seed counted once."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sections
from sample_files import session
from sample_runs import Sample, write_run

from jaxcmp import runs
from jaxcmp.compare.__main__ import main
from jaxcmp.compare.arms import Group
from jaxcmp.compare.grouping import group
from jaxcmp.compare.report import build
from jaxcmp.compare.sections.methods import methods_section
from jaxcmp.compare.sources import read_outcomes
from jaxcmp.compare.versions import about_commits, about_versions, packages_of, value_of
from jaxcmp.errors import CommandError
from jaxcmp.runs.predictions import read_predictions, write_predictions

SMALL: dict[str, Any] = {"num_test": 40, "num_epochs": 3}
OLD, NEW = "0123456789abcdef", "fedcba9876543210"


def write(
    folder: Path, seed: int = 0, *, arm: str = "vit", is_repeated: bool = False, **environment: Any
) -> Path:
    """A run on another machine or code; one that is repeated answers a little differently."""
    write_run(folder, Sample(arm, seed, **SMALL))
    stored = json.loads((folder / runs.ENVIRONMENT).read_text())
    (folder / runs.ENVIRONMENT).write_text(json.dumps(stored | environment))
    if is_repeated:
        found = read_predictions(folder / runs.PREDICTIONS).test
        found.logits[:] += np.float32(0.01) * np.random.default_rng(0).normal(size=(40, 5))
        write_predictions(folder / runs.PREDICTIONS, found)
        result = json.loads((folder / runs.RESULT).read_text())
        result |= {"test_loss": found.loss, "test_accuracy": found.accuracy}
        (folder / runs.RESULT).write_text(json.dumps(result))
    return folder


def read(root: Path, *by: str) -> Group:
    outcomes, left_out = read_outcomes([root])
    assert not left_out
    (only,) = group(outcomes, by)
    return only


def text_of(found: Group) -> str:
    """Returns what is said of the commits."""
    (text,) = about_commits(found)
    return text


def names(found: Group) -> dict[str, list[int]]:
    return {arm.name: [each.seed for each in arm.outcomes] for arm in found.all_arms}


def test_seeds_of_several_commits_are_pooled_with_a_word_and_apart_on_request(tmp_path):
    write(tmp_path / "a", 0, git_commit=OLD)
    write(tmp_path / "b", 1, git_commit=NEW, git_dirty=True)
    found = read(tmp_path)
    assert names(found) == {"vit": [0, 1]}
    # The seeds of an arm are averaged all the same: a word for the methods, not for the answer.
    assert about_versions(found) == []
    text = (
        "Commits: 0123456789 (1 run); fedcba9876, changed (1 run). Seeds of several are averaged "
        "in vit; --by=commit keeps them apart."
    )
    assert about_commits(found) == [text]
    assert text in sections.texts(methods_section(found))
    apart = read(tmp_path, "commit")
    assert names(apart) == {
        "vit (commit=0123456789)": [0],
        "vit (commit=fedcba9876, changed)": [1],
    }
    # What sets these apart may be the code, so that the first screen says it.
    assert about_versions(apart) == about_commits(apart) and "averaged" not in text_of(apart)
    assert text_of(apart).endswith(
        "Some arms have none in common: the code too may set them apart."
    )
    assert text_of(apart) not in sections.texts(methods_section(apart))


CHANGED, UNKNOWN = {"git_dirty": True}, {"git_commit": None, "git_dirty": None}


@pytest.mark.parametrize(
    ("environments", "start"),
    [
        # Runs of one commit need no word, but changes do.
        (({}, {}), None),
        (({}, CHANGED), "Commits: 0123456789 (1 run); 0123456789, changed (1 run). "),
        ((CHANGED, CHANGED), "Commits: 0123456789, changed (2 runs)."),
        (({}, UNKNOWN), "Commits: 0123456789 (1 run); unknown (1 run). "),
    ],
)
def test_changes_of_one_commit_and_unknown_code_are_told(tmp_path, environments, start):
    for seed, environment in enumerate(environments):
        write(tmp_path / str(seed), seed, **environment)
    found = about_commits(read(tmp_path))
    assert [line.startswith(start) for line in found] == ([True] if start else [])


def test_several_versions_of_a_package_are_told_jax_first(tmp_path):
    write(tmp_path / "a", 0, packages={"flax": "1", "jax": "0.10.2"})
    write(tmp_path / "b", 1, packages={"flax": "2", "jax": "0.12.0"})
    found = read(tmp_path)
    assert about_versions(found) == [
        "They ran with several versions of jax 0.10.2 and 0.12.0; flax 1 and 2 (--by=jax)."
    ]
    assert set(names(read(tmp_path, "jax"))) == {"vit (jax=0.10.2)", "vit (jax=0.12.0)"}


def test_sessions_of_one_run_count_like_runs(tmp_path):
    before = session(git_commit=OLD, python="3.11.7")
    write(tmp_path / "a", 0, git_commit=NEW, earlier=[before])
    found = read(tmp_path)
    (outcome,) = found.arms[0].outcomes
    assert value_of(outcome, "commit") == "0123456789 and fedcba9876"
    assert packages_of(outcome)["python"] == ["3.11.7", "3.12.1"]
    assert text_of(found) == "Commits: 0123456789 and fedcba9876 (1 run)."


@pytest.mark.parametrize(
    ("key", "by", "names_apart"),
    [
        ({"git_commit": NEW}, "commit", ("commit=0123456789", "commit=fedcba9876")),
        ({"packages": {"jax": "0.10.2"}}, "jax", ("jax=0.12.0", "jax=0.10.2")),
        ({"device": "T4"}, "device", ("device=cpu", "device=T4")),
    ],
)
def test_a_seed_that_was_trained_again_counts_once_and_both_count_as_arms_of_their_own(
    tmp_path, key, by, names_apart
):
    for seed in (0, 1):
        write(tmp_path / f"vit-{seed}", seed)
    again = write(tmp_path / "vit-again", 1, is_repeated=True, start="2027-01-01", **key)
    found = read(tmp_path)
    assert names(found) == {"vit": [0, 1]}
    assert f"{again}. --by={by} keeps them, as arms of their own." in about_versions(found)[-1]
    first, second = names_apart
    apart = read(tmp_path, by)
    assert names(apart) == {f"vit ({first})": [0, 1], f"vit ({second})": [1]}
    assert not apart.repeated


def test_of_runs_that_nothing_tells_apart_the_one_begun_first_counts_in_place_of_both(tmp_path):
    later = write(tmp_path / "a", 1, start="2027-01-01T00:00:00+00:00")
    first = write(tmp_path / "b", 1, is_repeated=True)
    write(tmp_path / "c", 0)
    found = read(tmp_path)
    (arm,) = found.arms
    assert [outcome.folder for outcome in arm.outcomes] == [str(first), str(tmp_path / "c")]
    assert arm.runs == [0, 1] and len(build([found], []).runs) == 2
    assert about_versions(found) == [
        f"Left out, as an earlier run of the same arm has the same seed: {later}."
    ]


def test_arms_are_kept_apart_by_any_key_of_the_configuration(tmp_path):
    write_run(tmp_path / "a", Sample("vit", 0, config={"eval_batch_size": 10}, **SMALL))
    write_run(tmp_path / "b", Sample("vit", 1, config={"eval_batch_size": 20}, **SMALL))
    assert set(names(read(tmp_path))) == {"vit"}
    apart = {"vit (eval_batch_size=10)", "vit (eval_batch_size=20)"}
    assert set(names(read(tmp_path, "eval_batch_size"))) == apart
    rate = {"schedule.peak_learning_rate": 0.5}
    write_run(tmp_path / "c", Sample("vit", 2, config=rate, **SMALL))
    assert set(names(read(tmp_path, "schedule.peak_learning_rate"))) == {
        "vit (schedule.peak_learning_rate=0.001)",
        "vit (schedule.peak_learning_rate=0.5)",
    }


def test_a_key_that_no_run_has_is_refused_with_one_that_is_near(tmp_path):
    write(tmp_path / "a")
    with pytest.raises(CommandError, match="did you mean --by=schedule.peak_learning_rate"):
        read(tmp_path, "peak_learning_rate")
    with pytest.raises(CommandError, match="--by=nothing: no run says that"):
        read(tmp_path, "nothing")


def test_the_word_stands_in_every_form_of_the_report(tmp_path, capsys):
    write(tmp_path / "runs" / "a", 0, git_commit=OLD)
    write(tmp_path / "runs" / "b", 0, git_commit=NEW, git_dirty=True, is_repeated=True)
    out = tmp_path / "report"
    assert main([str(tmp_path / "runs"), f"--out={out}", "--by=commit"]) == 0
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    pages = [(out / name).read_text() for name in ("index.html", "report.md", "report.json")]
    for page in (printed, *pages):
        assert "Commits: 0123456789 (1 run); fedcba9876, changed (1 run)." in page
    # Near the top: before the first section.
    assert pages[0].index("Commits: ") < pages[0].index("<section>")
    assert len(json.loads(pages[2])["runs"]) == 2
    assert "--by=commit" in pages[1]
