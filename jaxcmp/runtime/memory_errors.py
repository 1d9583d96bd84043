"""Out-of-memory errors as one line: how much was requested, and how much there is."""

import re
import sys

from jaxcmp.runtime import host_memory

# Words in out-of-memory errors of XLA and C++.
SIGNS = ("RESOURCE_EXHAUSTED", "Out of memory", "out of memory", "bad_alloc")
HINT = "lower --config.batch_size or --config.eval_batch_size, or raise --config.accumulation"
# XLA: "Out of memory allocating 123 bytes"; NumPy: "Unable to allocate 3.05 TiB for an array".
REQUEST = re.compile(r"allocat\w+ (?:of )?([\d,.]+) ?(bytes|[KMGTPE]?i?B)?", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error of Python, XLA or C++ says that memory ran out."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in SIGNS)


def describe(error: BaseException) -> str:
    """Returns the line to print for an out-of-memory error."""
    needed = ""
    if match := REQUEST.search(str(error)):
        number, unit = match.groups()
        is_plain = unit in (None, "bytes") and number.isdecimal()
        needed = f"{size(int(number)) if is_plain else f'{number} {unit}'} were requested, and "
    return message(needed)


def message(needed: str) -> str:
    return f"memory does not suffice: {needed}{_available()}; {HINT}"


def size(num_bytes: float) -> str:
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if num_bytes >= factor:
            return f"{num_bytes / factor:,.1f} {unit}"
    return f"{num_bytes / 1e3:,.1f} kB"


def _available() -> str:
    """Describes the memory of an accelerator if JAX runs on one, otherwise of the host."""
    if jax := sys.modules.get("jax"):
        try:
            stats = jax.local_devices()[0].memory_stats() or {}
        except Exception:  # JAX itself may have run out of memory.
            stats = {}
        if "bytes_limit" in stats:
            return f"the device has {size(stats['bytes_limit'])}"
    return f"{size(host_memory.available_bytes())} are free"
