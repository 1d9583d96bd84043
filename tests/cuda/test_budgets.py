"""Budgets: values above them are named, and measured values become new ones."""

import dataclasses
import json

import budgets
import pytest
from budgets import Measurement

from jaxcmp.errors import JaxcmpError

NAME = "vit train bfloat16 H100"
MEASURED = Measurement(
    name=NAME,
    compile_seconds=12.3,
    host_launches=1,
    kernels=1234,
    library_calls=221,
    bytes=6_700_000_000,
    temporary_bytes=1_500_000_000,
    copied_bytes=0,
    transfers=(),
    float64=(),
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "budgets.json"
    budgets.write([MEASURED], path, jax_version="1.0")
    return path


def changed(**changes):
    return [dataclasses.replace(MEASURED, **changes)]


def exceeded(path, version="1.0", **changes):
    return budgets.exceeded(changed(**changes), budgets.read(path), jax_version=version)


@pytest.mark.parametrize("field", budgets.CEILINGS)
def test_a_value_may_be_lower_than_its_budget_and_not_higher(path, field):
    value = getattr(MEASURED, field)
    (line,) = exceeded(path, **{field: value + 1})
    assert line.startswith(f"{NAME}: {value + 1:,} ") and f"budget {value:,}" in line
    assert exceeded(path) == exceeded(path, **{field: value - 1}) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"transfers": 2 * ("the condition of a loop, beta",)},
            "waits for the host: the condition of a loop, beta",
        ),
        ({"float64": ("convert.1",)}, "uses float64: convert.1"),
        ({"copied_bytes": 4096}, "copies 4,096 bytes of its state; donate the old one"),
        ({"library_calls": 0}, "calls no library for its products"),
    ],
)
def test_some_things_are_allowed_by_no_budget(changes, problem):
    (line,) = budgets.forbidden(changed(**changes))
    assert line.startswith(f"{NAME} {problem}")
    assert not list(budgets.forbidden([MEASURED]))


def test_a_step_or_a_version_without_a_budget_is_named(path):
    (line,) = exceeded(path, name="vit train bfloat16 T4")
    assert line.startswith("vit train bfloat16 T4 has no budget")
    (line,) = exceeded(path, version="2.0")
    assert line.startswith("there are no budgets for jax 2.0")


def test_writing_keeps_the_budgets_of_other_steps_and_versions_each_on_a_line(path):
    budgets.write(changed(name="vit train bfloat16 T4"), path, jax_version="1.0")
    budgets.write(changed(kernels=7), path, jax_version="2.0")
    written = budgets.read(path)
    assert list(written["1.0"]) == [NAME, "vit train bfloat16 T4"]
    assert written["1.0"][NAME]["kernels"] == 1234 and written["2.0"][NAME]["kernels"] == 7
    assert sum("kernels" in line for line in path.read_text().splitlines()) == 3


def test_the_projects_own_file_is_as_it_would_be_written(tmp_path):
    text = budgets.FILE.read_text()
    path = tmp_path / "budgets.json"
    path.write_text(text)
    budgets.write([], path, jax_version=next(iter(json.loads(text))))
    assert path.read_text() == text


def test_a_damaged_file_is_named(path):
    path.write_text("{")
    with pytest.raises(JaxcmpError, match="budgets.json cannot be used"):
        budgets.read(path)
