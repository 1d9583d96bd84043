"""The methods: every run with what it takes to repeat it."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest
import sections
from sample_runs import Sample, alter, make_group, with_files

from jaxcmp.compare.arms import Group, Outcome
from jaxcmp.compare.sections.methods import methods_section
from jaxcmp.runs import config_hash
from jaxcmp.settings.configuration import NOTHING_GIVEN


@pytest.fixture(scope="module")
def group(tmp_path_factory) -> Group:
    """Returns two arms, one of them with two seeds and a run on half of the images."""
    samples = (
        Sample("resnet"),
        Sample("vit", 0, train_seconds=2640),
        Sample("vit", 1, device="T4"),
        Sample("vit", 0, config={"data.train_fraction": 0.5}),
    )
    return make_group(tmp_path_factory.mktemp("methods"), *samples)


def outcomes(group: Group) -> list[Outcome]:
    return [o for arm in (*group.arms, *group.smaller) for o in arm.outcomes]


def with_sessions(group: Group, change: Callable[[Outcome], dict[str, Any]]) -> Group:
    """Gives the environment of each run other values."""
    return alter(group, lambda o: with_files(o, environment=o.run.environment | change(o)))


def test_every_run_has_a_row_with_its_origin(group):
    table = sections.table(methods_section(group), "Runs")
    assert sections.names(table) == [outcome.folder for outcome in outcomes(group)]
    for outcome in outcomes(group):
        row = sections.row(table, outcome.folder)
        assert row["config"].text == config_hash(outcome.run.config)
        assert row["seed"].value == outcome.seed
        assert row["epochs"].value == outcome.num_epochs
        assert row["training images"].value == outcome.num_train
        assert row["overrides"].text == f"seed={outcome.seed}"
        assert row["commit"].text == "0123456789"
        assert row["device"].text == outcome.device
        assert row["precision"].text == "float32"
        assert row["start"].text == "2026-01-01T00:00:00+00:00"
        assert row["training time"].value == outcome.train_seconds
        assert row["sessions"].text == "1"
        assert row["seed"].runs == [outcome.number]
    (half,) = group.smaller
    assert sections.row(table, half.outcomes[0].folder)["arm"].arm == half.index == 1


def test_each_run_has_a_command_and_all_have_one_that_compares_them(group):
    found = sections.commands(methods_section(group))
    typed = [o.run.environment["command"] for o in outcomes(group)]
    # Those of two seeds are the same here.
    assert found[:-1] == list(dict.fromkeys(typed))
    assert shlex.split(found[-1]) == [
        *("python", "-m", "jaxcmp.compare"),
        *(outcome.folder for outcome in outcomes(group)),
        "--out=report",
    ]


def test_the_data_are_named_with_their_splits(tmp_path):
    group = make_group(tmp_path, Sample("vit", num_validation=50))
    text = sections.texts(methods_section(group))
    assert (
        "Data: cifar10, version 3.0.2; 50,000 training images, 50 held out, 200 test images, "
        "5 classes."
    ) in text


def test_data_without_a_version_have_none(group):
    unknown = with_sessions(
        group, lambda o: {"data": o.run.environment["data"] | {"version": None}}
    )
    text = sections.texts(methods_section(unknown))
    assert "Data: cifar10; 50,000 training images, 0 held out" in text


def test_a_changed_source_is_said_to_be_and_an_unknown_one_too(group):
    by_arm: dict[str, str | None] = {"vit": None, "resnet": "0123456789abcdef"}
    changed = with_sessions(group, lambda o: {"git_commit": by_arm[o.name], "git_dirty": True})
    table = sections.table(methods_section(changed), "Runs")
    commits = {sections.row(table, o.folder)["commit"].text for o in outcomes(changed)}
    assert commits == {"0123456789, changed", "unknown"}


def test_interrupted_runs_tell_of_all_their_sessions_and_are_repeated_by_the_first(group):
    def change(outcome: Outcome) -> Outcome:
        (now,) = outcome.run.sessions
        commits, starts = ("a" * 40, "b" * 40, "a" * 40), ("2025-12-30", "2025-12-31", "2026-01-01")
        *earlier, now = (
            now | {"command": f"python {start}", "git_commit": commit, "start": start}
            for commit, start in zip(commits, starts, strict=True)
        )
        return with_files(outcome, environment=now | {"earlier": earlier})

    section = methods_section(alter(group, change))
    table = sections.table(section, "Runs")
    row = sections.row(table, sections.names(table)[0])
    assert row["sessions"].text == "3"
    assert row["start"].text == "2025-12-30"
    assert row["commit"].text == f"{'a' * 10}; {'b' * 10}"
    assert set(sections.commands(section)[:-1]) == {"python 2025-12-30"}


def test_versions_that_differ_are_told_with_how_many_runs_had_them(group):
    packages = {"vit": {"jax": "0.12.0", "flax": "0.12.1"}, "resnet": {"jax": "0.10.2"}}
    changed = with_sessions(group, lambda outcome: {"packages": packages[outcome.name]})
    table = sections.table(methods_section(changed), "Versions")
    found = {row[0].text: row[1].text for row in table.rows}
    assert found == {
        "flax": "none in 1 run; 0.12.1 in 3 runs",
        "jax": "0.10.2 in 1 run; 0.12.0 in 3 runs",
        "python": "3.12.1",
    }


def test_a_run_without_overrides_has_none(group):
    changed = alter(group, lambda o: with_files(o, given=NOTHING_GIVEN))
    table = sections.table(methods_section(changed), "Runs")
    rows = [sections.row(table, name) for name in sections.names(table)]
    assert {row["overrides"].text for row in rows} == {"none"}
