"""Compiled programs on disk: what one run has compiled, the next of the same kind need not."""

import contextlib
import hashlib
import os
import platform
import tempfile
from pathlib import Path

import jax

from jaxcmp.data.cache import root

# Some hundred programs; beyond, the oldest go.
MAX_BYTES = 2 * 1024**3


def enable() -> Path | None:
    """Lets JAX keep compiled programs in the user's cache folder, and returns where.

    $JAX_COMPILATION_CACHE_DIR is another folder, and $JAX_ENABLE_COMPILATION_CACHE=false none. A
    folder that cannot be written is no error: every run then compiles for itself.
    """
    if not jax.config.values["jax_enable_compilation_cache"]:
        return None
    if folder := jax.config.values["jax_compilation_cache_dir"]:
        return Path(folder)
    folder = root() / "compiled" / processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        prune(folder, max_bytes=MAX_BYTES)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder


def processor() -> str:
    """Names this kind of processor: in a shared folder, others may lack its instructions."""
    words = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        named = ("model name", "flags", "Features", "CPU part")
        words += sorted({line for line in lines if line.startswith(named)})
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def prune(folder: Path, *, max_bytes: int) -> None:
    """Deletes the oldest files until the others fit; raises OSError."""
    files = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    num_bytes = sum(entry.stat().st_size for entry in files)
    for entry in sorted(files, key=lambda entry: entry.stat().st_mtime):
        if num_bytes <= max_bytes:
            break
        num_bytes -= entry.stat().st_size
        Path(entry.path).unlink(missing_ok=True)
