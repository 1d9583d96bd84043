"""A measurement as a JSON file: what was measured, with machine, versions, commit and command."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcmp.files import damaged, read_object, replace_file, to_json, user_path, writing
from jaxcmp.runtime.environment import command_line, cpu_model, describe_environment

# Raised when a field changes its meaning; files of another schema are refused.
SCHEMA = 1
KINDS = ("speed", "peer", "scale", "input")
# The packages whose versions are shown.
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch", "torchvision", "timm")

Record = dict[str, Any]


def make_record(
    kind: str, argv: Sequence[str], config: Mapping[str, Any], measured: Mapping[str, Any]
) -> Record:
    """Adds machine, versions, commit and the command `argv` to what was measured."""
    environment = describe_environment(config["compute_dtype"])
    environment["time"] = environment.pop("start")
    del environment["end"]
    # Where the file went is not part of the measurement.
    environment["command"] = command_line([x for x in argv if not x.lstrip("-").startswith("json")])
    environment["cpu"] = cpu_model()
    return {
        "schema": SCHEMA,
        "kind": kind,
        "environment": environment,
        "config": dict(config),
        "measured": dict(measured),
    }


def write_record(path: str, record: Record) -> None:
    """Writes to a file, or to standard output where `path` is "-"; raises JaxcmpError."""
    text = to_json(record, indent=2)
    if path == "-":
        print(text)
        return
    file = user_path(path, "--json")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, f"{text}\n".encode())


def read_record(path: Path) -> Record:
    """Raises JaxcmpError for a file that is no measurement, or one of another schema."""
    record = read_object(path)
    if record.get("kind") not in KINDS:
        raise damaged(path, "it is no measurement of jaxcmp.bench")
    if record.get("schema") != SCHEMA:
        raise damaged(path, f"its schema is {record.get('schema')}, this version reads {SCHEMA}")
    return record


def provenance(record: Record) -> str:
    """Says where a file's numbers come from: time, commit, command, machine and versions."""
    environment = record["environment"]
    packages = dict(environment["packages"])
    for part in record["measured"].get("tasks", {}).values():
        packages |= part["sides"]["torch"]["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if name in packages)
    commit = (environment["git_commit"] or "unknown")[:8]
    changes = " and changes" if environment["git_dirty"] else ""
    load = record["measured"]["load_before"]
    return (
        f"{environment['time']}, {commit}{changes}\n\n    {environment['command']}\n\n"
        f"{environment['device_count']} x {environment['device']}; {environment['cpu']}, "
        f"{environment['host_cores']} cores; Python {environment['python']}, {versions}"
        + ("" if load is None else f"; load average before: {load:.2f}")
    )
