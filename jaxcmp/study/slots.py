"""Where runs can train at the same time: a device each, or a share of the processor's cores."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping

from jaxcmp.errors import JaxcmpError

# What tells a process which of the machine's accelerators it may see, by JAX's name of them.
VISIBLE = {
    "gpu": "CUDA_VISIBLE_DEVICES",
    "cuda": "CUDA_VISIBLE_DEVICES",
    "rocm": "HIP_VISIBLE_DEVICES",
}
ASK = "import jax; print(jax.default_backend(), jax.local_device_count())"
# Of a device's memory, what JAX takes for itself unless told otherwise.
MEMORY_FRACTION = 0.75


@dataclasses.dataclass(frozen=True)
class Slot:
    """Room for one run: what its environment adds, and its cores where it has not all of them."""

    environment: Mapping[str, str]
    cores: frozenset[int] | None = None


def find_slots(jobs: int) -> list[Slot]:
    """One slot for each accelerator, or one for all cores of a machine without; or `jobs` of them.

    More jobs than accelerators share these, and their memory, in turn. Raises JaxcmpError where
    JAX does not start.
    """
    platform, num_devices = _ask()
    if platform not in VISIBLE:
        return _share_cores(jobs or 1) if platform == "cpu" else [Slot({})]
    variable = VISIBLE[platform]
    given = os.environ.get(variable)
    names = given.split(",") if given else [str(i) for i in range(num_devices)]
    num_jobs = jobs or len(names)
    shared = -(-num_jobs // len(names))
    memory = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{MEMORY_FRACTION / shared:.3f}"}
    extra = memory if shared > 1 else {}
    return [Slot({variable: names[i % len(names)]} | extra) for i in range(num_jobs)]


def _share_cores(jobs: int) -> list[Slot]:
    """Equal shares, as far as there are cores; further jobs share these again."""
    if jobs == 1 or not hasattr(os, "sched_getaffinity"):
        return [Slot({})] * jobs
    cores = sorted(os.sched_getaffinity(0))
    num_shares = min(jobs, len(cores))
    shares = [frozenset(cores[i::num_shares]) for i in range(num_shares)]
    return [Slot({}, shares[i % num_shares]) for i in range(jobs)]


def _ask() -> tuple[str, int]:
    """The platform and the number of its devices, from a process that gives them back."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise JaxcmpError(f"JAX does not start: {lines[-1]}")
    platform, num_devices = done.stdout.split()[-2:]
    return platform, int(num_devices)
