"""Budgets: what exceeds them is named, what is measured becomes one."""

import json

import pytest
from sample_measurements import measurement

from jaxcmp.errors import JaxcmpError
from jaxcmp.gpu import budgets

NAME = "vit train bfloat16 H100"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "budgets.json"
    budgets.write([measurement(largest_batch=4096, is_confirmed=True)], path, jax_version="1.0")
    return path


def problems(path, version="1.0", **changes):
    return budgets.exceeded([measurement(**changes)], budgets.read(path), jax_version=version)


def test_what_was_measured_is_within_its_budget(path):
    assert problems(path) == []


@pytest.mark.parametrize("field", budgets.CEILINGS)
def test_one_more_is_too_much_and_one_less_is_well(path, field):
    value = getattr(measurement(), field)
    (line,) = problems(path, **{field: value + 1})
    assert line.startswith(f"{NAME}: {value + 1:,} ") and f"budget {value:,}" in line
    assert problems(path, **{field: value - 1}) == []


def test_a_confirmed_batch_that_shrank_is_named_and_an_estimate_is_not(path):
    (line,) = problems(path, largest_batch=2048, is_confirmed=True)
    assert line == f"{NAME}: batches up to 2,048 fit, budget 4,096"
    assert problems(path, largest_batch=2048) == []


def test_transfers_and_float64_exceed_any_budget(path):
    (line,) = problems(path, transfers=("the condition of a loop, beta",) * 2)
    assert line == f"{NAME} waits for the host: the condition of a loop, beta"
    (line,) = problems(path, float64=("convert.1",))
    assert line == f"{NAME} uses float64: convert.1"


def test_a_step_or_a_version_without_a_budget_is_named(path):
    (line,) = problems(path, gpu="T4")
    assert line.startswith("vit train bfloat16 T4 has no budget")
    (line,) = problems(path, version="2.0")
    assert line.startswith("there are no budgets for jax 2.0")


def test_writing_keeps_what_was_not_measured_now(path):
    budgets.write([measurement(kernels=7)], path, jax_version="1.0")
    budgets.write([measurement(gpu="T4")], path, jax_version="2.0")
    written = budgets.read(path)
    assert written["1.0"][NAME]["kernels"] == 7
    # It was confirmed before, and is only estimated now.
    assert written["1.0"][NAME]["largest_batch"] == 4096
    assert list(written["2.0"]) == ["vit train bfloat16 T4"]


def test_each_step_has_a_line_of_the_file(path):
    budgets.write([measurement(gpu=gpu) for gpu in ("T4", "A100")], path, jax_version="1.0")
    lines = path.read_text().splitlines()
    assert sum("kernels" in line for line in lines) == 3
    assert json.loads(path.read_text()) == budgets.read(path)


def test_a_damaged_file_is_named(path):
    path.write_text("{")
    with pytest.raises(JaxcmpError, match="budgets.json cannot be used"):
        budgets.read(path)
