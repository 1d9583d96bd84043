"""The host's memory: how much is free, and how to keep it between steps on a CPU."""

import contextlib
import ctypes
import importlib.util
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# glibc's <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
# Where Linux mounts control groups, and where it names those of this process.
CONTROL_GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class ControlGroups(NamedTuple):
    """The names of a version of Linux's control groups; `folder` is that of the topmost group."""

    folder: str
    limit: str
    used: str
    unused_files: str


VERSIONS = (
    ControlGroups("", "memory.max", "memory.current", "inactive_file"),
    ControlGroups(
        "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    ),
)


def keep_for_steps() -> None:
    """Makes the C library keep freed memory if JAX will compute on the CPU.

    Call it before JAX is imported. XLA allocates a step's temporary memory anew for each step, and
    glibc returns it to the kernel after each: a step of ViT-Tiny then starts with 600,000 page
    faults, a fifth of its time. With this setting the process keeps its peak memory. Other C
    libraries are left alone.
    """
    if sys.platform != "linux" or not is_cpu_only():
        return
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        # One heap for all threads, without separate mappings, that never shrinks.
        for name, value in ((M_ARENA_MAX, 1), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1)):
            mallopt(name, value)


def available_bytes() -> int:
    """Returns the memory that this process can still allocate on this host.

    It is at most what its container and `ulimit` leave. If the system does not report free memory,
    all memory counts as free.
    """
    return max(0, min(_host_bytes("MemAvailable:"), left_in_container(), left_by_limits()))


def total_bytes() -> int:
    """Returns the most that this process can ever allocate: memory and swap, or a lower limit."""
    total = _host_bytes("MemTotal:", "SwapTotal:")
    return max(0, min(total, container_bytes(), left_by_limits()))


def _host_bytes(*names: str) -> int:
    """Adds up numbers of the kernel's; returns all memory where it does not report them."""
    try:
        return sum(_kernel_bytes("/proc/meminfo", name) for name in names)
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def container_bytes(root: Path = CONTROL_GROUPS, own: Path = OWN_GROUPS) -> int:
    """Returns the least limit of this process's control groups; sys.maxsize without one."""
    return min([limit for limit, _ in _limits(root, own)], default=sys.maxsize)


def left_in_container(root: Path = CONTROL_GROUPS, own: Path = OWN_GROUPS) -> int:
    """Returns the memory that the control groups leave; sys.maxsize without a limit."""
    return max(0, min([limit - used for limit, used in _limits(root, own)], default=sys.maxsize))


def _limits(root: Path, own: Path) -> Iterator[tuple[int, int]]:
    """Yields the limit and the used bytes of the process's groups and of those above them."""
    for version in VERSIONS:
        top = root / version.folder
        inner = top / _own_group(own, version.folder)
        for group in (inner, *inner.parents):
            if (limit := _read_number(group / version.limit)) is not None:
                yield limit, _used_bytes(group, version)
            if group == top:
                break


def _own_group(own: Path, controller: str) -> str:
    """Returns the path of the process's group below the topmost; empty if it is not known."""
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8", errors="replace").splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                return path.strip("/")
    return ""


def _used_bytes(group: Path, version: ControlGroups) -> int:
    """Returns the memory in use by a group, 0 if it is not known.

    Pages of files that nobody has used lately are free: the kernel drops them when it needs them.
    """
    used = _read_number(group / version.used) or 0
    with contextlib.suppress(OSError, ValueError):
        words = (group / "memory.stat").read_text(encoding="utf-8").split()
        used -= int(words[words.index(version.unused_files) + 1])
    return max(0, used)


def _read_number(path: Path) -> int | None:
    # Without a limit, version 2 has "max" and version 1 a number larger than any memory.
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="utf-8"))
    return None


def peak_bytes() -> int:
    """Returns the peak memory of this process."""
    with contextlib.suppress(OSError, StopIteration):
        return _kernel_bytes("/proc/self/status", "VmHWM:")
    # Not on Linux, where it would include the parent process. macOS counts in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def is_cpu_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Returns whether JAX, before it is imported, has only the CPU to compute on."""
    is_requested = environment.get("JAX_PLATFORMS") == "cpu"
    return is_requested or importlib.util.find_spec("jax_plugins") is None


def left_by_limits() -> int:
    """Returns the memory that `ulimit -v` and `ulimit -d` leave; sys.maxsize without a limit."""
    left = [sys.maxsize]
    for kind, name in ((resource.RLIMIT_AS, "VmSize:"), (resource.RLIMIT_DATA, "VmData:")):
        limit, _ = resource.getrlimit(kind)
        if limit != resource.RLIM_INFINITY:
            with contextlib.suppress(OSError, StopIteration):
                left.append(limit - _kernel_bytes("/proc/self/status", name))
    return max(0, min(left))


def _kernel_bytes(path: str, name: str) -> int:
    """Reads the number of one line; raises OSError or StopIteration without that file or line."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) << 10
