"""What each compiled step may need at most: measured values, kept in budgets.json."""

import json
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import files
from jaxcmp.gpu.measurements import Measurement

FILE = Path(__file__).with_name("budgets.json")
# No more than the budget; of the largest batch, which is better large, no less.
CEILINGS = ("kernels", "bytes", "temporary_bytes")

# By version of JAX, for each brings its own compiler; then by the measurement's name.
Budgets = dict[str, dict[str, dict[str, int]]]


def read(path: Path = FILE) -> Budgets:
    """Raises JaxcmpError where the file is missing or damaged."""
    return files.read_object(path)


def exceeded(
    measurements: Sequence[Measurement], budgets: Budgets, *, jax_version: str
) -> list[str]:
    """One line for each value beyond its budget, and for what is forbidden; empty if all is well.

    A version of JAX, or a step, without a budget is a line too.
    """
    if jax_version not in budgets:
        return [f"there are no budgets for jax {jax_version}; --write_budgets makes them"]
    return [
        line for each in measurements for line in _exceeded(each, budgets[jax_version])
    ] + forbidden(measurements)


def forbidden(measurements: Sequence[Measurement]) -> list[str]:
    """One line for each thing that no budget allows: transfers inside a step, and float64."""
    lines = []
    for each in measurements:
        for word, places in (
            ("waits for the host", each.transfers),
            ("uses float64", each.float64),
        ):
            for place in dict.fromkeys(places):
                lines.append(f"{each.name} {word}: {place}")
    return lines


def write(measurements: Sequence[Measurement], path: Path = FILE, *, jax_version: str) -> None:
    """Makes the measured values the budgets; what was not measured now stays as it is.

    A largest batch is written only where it was confirmed. Raises JaxcmpError.
    """
    budgets = read(path) if path.exists() else {}
    known = budgets.setdefault(jax_version, {})
    for each in measurements:
        budget = {field: getattr(each, field) for field in CEILINGS}
        if each.is_confirmed:
            budget["largest_batch"] = each.largest_batch
        known[each.name] = known.get(each.name, {}) | budget
    files.replace_file(path, _to_text(budgets).encode())


def _exceeded(measurement: Measurement, budgets: dict[str, dict[str, int]]) -> list[str]:
    if measurement.name not in budgets:
        return [f"{measurement.name} has no budget; --write_budgets makes one"]
    budget = budgets[measurement.name]
    lines = []
    for field in CEILINGS:
        value = getattr(measurement, field)
        if value > budget[field]:
            words = field.replace("_", " ")
            lines.append(f"{measurement.name}: {value:,} {words}, budget {budget[field]:,}")
    least = budget.get("largest_batch", 0)
    if measurement.is_confirmed and measurement.largest_batch < least:
        lines.append(
            f"{measurement.name}: batches up to {measurement.largest_batch:,} fit, budget {least:,}"
        )
    return lines


def _to_text(budgets: Budgets) -> str:
    """JSON with one line for each step, so that a change of one is a change of a line."""
    versions = []
    for version, steps in sorted(budgets.items()):
        lines = [f"    {json.dumps(name)}: {json.dumps(steps[name])}" for name in sorted(steps)]
        versions.append(f"  {json.dumps(version)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(versions) + "\n}\n"
