"""The environment of a run: the source, the packages and the machine."""

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGE = "jaxcmp"

# Packages whose version can change a result or a timing.
PACKAGES = (
    "array-record",
    "flax",
    "grain",
    "jax",
    "jax-cuda12-plugin",
    "jax-cuda13-plugin",
    "jaxcmp",
    "jaxlib",
    "ml-collections",
    "numpy",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "optax",
    "orbax-checkpoint",
    "pillow",
    "pyarrow",
    "scikit-learn",
    "tensorflow-datasets",
)


def describe_environment(precision: str) -> dict[str, Any]:
    """Returns the content of environment.json at the start of a session; "end" is set later.

    Times are ISO 8601 in UTC. "git_commit" and "git_dirty" are None unless jaxcmp runs from its own
    git checkout; it is dirty if package, configs or dependencies differ from the commit. Packages
    that are not installed are left out.
    """
    # Imported here: the page of speeds needs the rest of this file, and no JAX.
    import jax

    commit, is_dirty = _source_version(Path(__file__).resolve())
    return {
        "start": utc_now(),
        "end": None,
        "command": command_line(sys.argv),
        "git_commit": commit,
        "git_dirty": is_dirty,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _installed_versions(),
        "host_cores": os.cpu_count(),
        "device": jax.devices()[0].device_kind,
        "device_count": jax.device_count(),
        "precision": precision,
    }


def cpu_model() -> str:
    """Returns the processor's name where Linux states it, otherwise its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), platform.processor() or platform.machine())


def command_line(argv: Sequence[str]) -> str:
    """Returns the command as typed in a shell, with `python -m` and a name for a module's file."""
    program = Path(argv[0])
    start = [argv[0]]
    if PACKAGE in program.parts and program.suffix == ".py":
        first = len(program.parts) - 1 - program.parts[::-1].index(PACKAGE)
        names = [*program.parts[first:-1], program.stem]
        start = ["python", "-m", ".".join(names).removesuffix(".__main__")]
    return shlex.join([*start, *argv[1:]])


def utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _installed_versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _source_version(source: Path) -> tuple[str | None, bool | None]:
    """Returns the commit of the checkout that tracks the file `source`, and whether it is dirty."""
    # An installed copy may lie inside another project's checkout, which does not track it.
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return None, None
    commit = _git(source.parent, "rev-parse", "HEAD")
    root = source.parent.parent
    changes = _git(root, "status", "--porcelain", "--", "jaxcmp", "configs", "pyproject.toml")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """Returns git's output, or None if it is not installed, fails or is too slow."""
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
