"""Budgets of each compiled step, kept in budgets.json, and what no budget allows."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxcmp import files

FILE = Path(__file__).with_name("budgets.json")
CEILINGS = ("host_launches", "kernels", "bytes", "temporary_bytes")

# By version of JAX, which brings its own compiler, then by the name of the measurement.
Budgets = dict[str, dict[str, dict[str, int]]]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A step of one model at one precision for one GPU; `name` says which.

    A CUDA graph is one of `host_launches`, and each of its kernels one of `kernels`. `bytes` are
    moved by one call, `temporary_bytes` are held during it. `copied_bytes` belong to
    the old state, whose memory the new state should take. `transfers` and `float64` name the
    operations that wait for the host and that compute in double precision.
    """

    name: str
    compile_seconds: float
    host_launches: int
    kernels: int
    library_calls: int
    bytes: int
    temporary_bytes: int
    copied_bytes: int
    transfers: tuple[str, ...]
    float64: tuple[str, ...]

    def describe(self) -> str:
        return (
            f"{self.name}: {self.host_launches:,} launches by the host, {self.kernels:,} kernels, "
            f"{self.library_calls:,} of them of libraries, "
            f"{self.bytes / 1e9:.2f} GB moved, {self.temporary_bytes / 1e9:.2f} GB temporary, "
            f"compiled in {self.compile_seconds:.1f} s"
        )


def read(path: Path = FILE) -> Budgets:
    """Raises JaxcmpError where the file is missing or damaged."""
    return files.read_object(path)


def exceeded(
    measurements: Sequence[Measurement], budgets: Budgets, *, jax_version: str
) -> list[str]:
    """Returns a line for each value above its budget, and for each budget that is missing."""
    if jax_version not in budgets:
        return [f"there are no budgets for jax {jax_version}; --write_budgets makes them"]
    lines = []
    for measurement in measurements:
        name, budget = measurement.name, budgets[jax_version].get(measurement.name)
        if budget is None:
            lines.append(f"{name} has no budget; --write_budgets makes one")
            continue
        for field in CEILINGS:
            value = getattr(measurement, field)
            if value > budget[field]:
                words = field.replace("_", " ")
                lines.append(f"{name}: {value:,} {words}, budget {budget[field]:,}")
    return lines


def forbidden(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Yields a line for each thing that no budget allows."""
    for measurement in measurements:
        name = measurement.name
        for place in dict.fromkeys(measurement.transfers):
            yield f"{name} waits for the host: {place}"
        for place in dict.fromkeys(measurement.float64):
            yield f"{name} uses float64: {place}"
        if measurement.copied_bytes > 0:
            copied = f"{measurement.copied_bytes:,} bytes of its state"
            yield f"{name} copies {copied}; donate the old one"
        if not measurement.library_calls:
            yield f"{name} calls no library for its products; is XLA's text still understood?"


def write(measurements: Sequence[Measurement], path: Path = FILE, *, jax_version: str) -> None:
    """Makes the measured values the budgets and keeps those of other steps. Raises JaxcmpError."""
    budgets = read(path) if path.exists() else {}
    known = budgets.setdefault(jax_version, {})
    for measurement in measurements:
        known[measurement.name] = {field: getattr(measurement, field) for field in CEILINGS}
    files.replace_file(path, _to_text(budgets).encode())


def _to_text(budgets: Budgets) -> str:
    """Writes JSON with one line for each step, so that diffs are by step."""
    versions = []
    for version, steps in sorted(budgets.items()):
        lines = [f"    {json.dumps(name)}: {json.dumps(steps[name])}" for name in sorted(steps)]
        versions.append(f"  {json.dumps(version)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(versions) + "\n}\n"
