"""The host's memory: what is free of it, and how a step keeps it where the host is the device."""

import contextlib
import ctypes
import importlib.util
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

# glibc's <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def keep_for_steps() -> None:
    """Keeps freed memory where JAX will compute on the CPU; call it before JAX is imported."""
    if is_cpu_only():
        keep_freed_memory()


def keep_freed_memory() -> bool:
    """Call before JAX starts its threads; True where the C library took it.

    XLA takes a step's temporary memory anew for each step, and glibc gives so much back to the
    kernel at once: a step of ViT-Tiny then starts with 600,000 page faults, a fifth of its time.
    Afterwards the process holds on to its peak memory. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # One heap for all threads, no mappings beside it, and its end is never cut off.
    settings = ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1))
    return all(mallopt(name, value) == 1 for name, value in settings)


def available_bytes() -> int:
    """What processes can still take on this host, at most what its container is allowed in all.

    Where the system does not say what is free, it is all that the host has.
    """
    try:
        available = _kernel_bytes("/proc/meminfo", "MemAvailable:")
    except (OSError, StopIteration):
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        # Of control groups, version 2; without a limit the file says "max".
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
        available = min(available, limit)
    return available


def peak_bytes() -> int:
    """The most memory that this process held so far."""
    with contextlib.suppress(OSError, StopIteration):
        return _kernel_bytes("/proc/self/status", "VmHWM:")
    # On Linux this would count what the process held that started this one. macOS counts in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def is_cpu_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether JAX has nothing but the CPU to compute on, before it is imported."""
    is_told = environment.get("JAX_PLATFORMS") == "cpu"
    return is_told or importlib.util.find_spec("jax_plugins") is None


def _kernel_bytes(path: str, name: str) -> int:
    """One line's number; a system without the file or the line raises."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) << 10
