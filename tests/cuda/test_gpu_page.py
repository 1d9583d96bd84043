"""docs/gpu.md: its table of compiled steps has the budgets' numbers."""

from pathlib import Path

import budgets
import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "gpu.md"
STEPS = budgets.read()["0.10.2"]


def row(name: str) -> str:
    step = STEPS[name]
    counts = f"{step['host_launches']:,} | {step['kernels']:,}"
    return (
        f"| {name} | {counts} | {step['bytes'] / 1e9:.2f} | {step['temporary_bytes'] / 1e9:.2f} |"
    )


@pytest.mark.parametrize("name", [name for name in STEPS if " train " in name])
def test_each_training_step_is_on_the_page_as_its_budget_says(name):
    assert row(name) in PAGE.read_text(encoding="utf-8").splitlines()
