"""What a measurement is written with: machine, versions, commit and command, as one JSON file."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcmp.environment import command_line, describe_environment
from jaxcmp.files import damaged, read_object, replace_file, to_json, writing

# Raised when a field changes its meaning; the page refuses files of another schema.
SCHEMA = 1
KINDS = ("speed", "peer", "scale", "input")


def make_record(
    kind: str, argv: Sequence[str], config: Mapping[str, Any], measured: Mapping[str, Any]
) -> dict[str, Any]:
    """`kind` is one of KINDS, `argv` what was typed; imports JAX to name the devices."""
    import jax

    first = jax.devices()[0]
    environment = describe_environment(
        device=first.device_kind,
        device_count=jax.device_count(),
        precision=config["compute_dtype"],
    )
    when = environment.pop("start")
    del environment["end"]
    own = {
        "time": when,
        # Where the file went is not a part of the measurement.
        "command": command_line([x for x in argv if not x.lstrip("-").startswith("json")]),
        "cpu": cpu_model(),
        "matmul_precision": jax.config.values["jax_default_matmul_precision"] or "default",
    }
    return {
        "schema": SCHEMA,
        "kind": kind,
        "environment": environment | own,
        "config": dict(config),
        "measured": dict(measured),
    }


def cpu_model() -> str:
    """The processor's name, as the system has it; its architecture where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    if not names and sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        names = [subprocess.run(command, capture_output=True, text=True).stdout.strip()]
    return next(filter(None, names), platform.machine())


def load_average() -> float | None:
    """Processes that wanted to run in the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def write_record(path: str, record: Mapping[str, Any]) -> None:
    """Writes to a file, or to standard output where `path` is "-"; raises JaxcmpError."""
    text = to_json(record, indent=2)
    if path == "-":
        print(text)
    else:
        file = Path(path)
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, f"{text}\n".encode())


def read_record(path: Path) -> dict[str, Any]:
    """Raises JaxcmpError for a file that is no measurement, or one of another schema."""
    record = read_object(path)
    if record.get("kind") not in KINDS:
        raise damaged(path, "it is no measurement of jaxcmp.bench")
    if record.get("schema") != SCHEMA:
        raise damaged(path, f"its schema is {record.get('schema')}, this version reads {SCHEMA}")
    return record
