"""A cache of compiled programs on disk, shared by runs of the same kind."""

import contextlib
import hashlib
import os
import platform
import tempfile
import warnings
from pathlib import Path

import jax

from jaxcmp import files
from jaxcmp.errors import CommandError

# Some hundred programs; beyond that, the oldest are deleted.
MAX_BYTES = 2 * 1024**3
# JAX's name of the shortest compilation that is kept.
LEAST_SECONDS = "jax_persistent_cache_min_compile_time_secs"
# What JAX says of a program that cannot be kept, as those with oneDNN: a run compiles it anew.
NOT_KEPT = "Error writing persistent compilation cache entry .* MemoryError"


def enable() -> Path | None:
    """Turns on JAX's cache of compiled programs, by default in the user's cache folder.

    Returns the folder. $JAX_COMPILATION_CACHE_DIR sets another one, and
    $JAX_ENABLE_COMPILATION_CACHE=false turns the cache off. If the folder cannot be written, there
    is no cache, and no error.
    """
    if not jax.config.values["jax_enable_compilation_cache"]:
        return None
    warnings.filterwarnings("ignore", NOT_KEPT, UserWarning)
    if LEAST_SECONDS.upper() not in os.environ:
        # By default JAX compiles what takes less than a second anew in every process.
        jax.config.update(LEAST_SECONDS, 0.0)
    if folder := jax.config.values["jax_compilation_cache_dir"]:
        return Path(folder)
    try:
        folder = files.cache_folder() / "compiled" / processor()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        prune(folder, max_bytes=MAX_BYTES)
    except (OSError, CommandError):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder


def processor() -> str:
    """Identifies the kind of processor: others that share the folder may lack its instructions."""
    words = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        keys = ("model name", "flags", "Features", "CPU part")
        words += sorted({line for line in lines if line.startswith(keys)})
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def prune(folder: Path, *, max_bytes: int) -> None:
    """Deletes the oldest files until the rest fits; raises OSError."""
    programs = []
    for entry in os.scandir(folder):
        # Another run may delete it at any moment.
        with contextlib.suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat()
                programs.append((status.st_mtime, status.st_size, entry.path))
    num_bytes = sum(size for _, size, _ in programs)
    for _, size, path in sorted(programs):
        if num_bytes <= max_bytes:
            break
        num_bytes -= size
        Path(path).unlink(missing_ok=True)
