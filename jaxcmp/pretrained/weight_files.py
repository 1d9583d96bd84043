"""Files of weights: which kind one is, and its arrays by name."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.npz import read_npz
from jaxcmp.pretrained.pickles import is_pickle, refuse_pickle

# The types of the format that NumPy has; JAX adds bfloat16.
DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
FLOATS = ("float16", "bfloat16", "float32", "float64")


def read_file(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The format, "npz" or "safetensors", by the content, and the arrays by name.

    Raises CommandError for a path without a file or with a pickle, and JaxcmpError for a file that
    is damaged or neither of the two.
    """
    if is_pickle(path):
        refuse_pickle(path)
    try:
        with path.open("rb") as file:
            first_bytes = file.read(9)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    if is_pickle(path, first_bytes):
        refuse_pickle(path)
    if not first_bytes:
        raise JaxcmpError(f"{path} is empty")
    if first_bytes.startswith(b"PK"):
        return "npz", read_npz(path)
    if path.suffix == ".safetensors" or first_bytes[8:] == b"{":
        return "safetensors", read_safetensors(path)
    raise JaxcmpError(f"{path} is neither an .npz nor a .safetensors file: it begins differently")


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays by name; raises JaxcmpError naming the file, and the array at fault."""
    content = path.read_bytes()
    start, entries = _header(path, content)
    try:
        # The library compares all that the header says with the file; it has no bfloat16 itself.
        with safetensors.safe_open(path, framework="numpy"):
            pass
    except safetensors.SafetensorError as error:
        reason = str(error).splitlines()[0]
        raise JaxcmpError(f"{path} cannot be read: {reason}") from error
    arrays = {}
    for name, each in entries.items():
        if each["dtype"] not in DTYPES:
            raise JaxcmpError(f"{path} cannot be used: {name} has the type {each['dtype']}")
        begin, end = (start + offset for offset in each["data_offsets"])
        numbers = np.frombuffer(memoryview(content)[begin:end], np.dtype(DTYPES[each["dtype"]]))
        arrays[name] = numbers.reshape(each["shape"])
    return arrays


def description(path: Path) -> dict[str, str]:
    """What a sound .safetensors file says of itself beside its arrays."""
    with safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def as_weight(path: Path | str, name: str, array: np.ndarray) -> np.ndarray:
    """The array in float32; raises JaxcmpError for another kind of numbers, or infinite ones."""
    if array.dtype.name not in FLOATS:
        raise JaxcmpError(f"{path} cannot be used: {name} is {array.dtype}, not floating point")
    with np.errstate(over="ignore"):
        weight = np.asarray(array, np.float32)
    num_bad = weight.size - np.count_nonzero(np.isfinite(weight))
    if num_bad:
        raise JaxcmpError(
            f"{path} cannot be used: {num_bad:,} of {weight.size:,} numbers of {name} are not "
            "finite"
        )
    return weight


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(path: Path, content: bytes) -> tuple[int, dict[str, Any]]:
    """Where the numbers begin, and what the header says of each array.

    Says of a file that ends early where it does, which the library does not.
    """
    room = len(content) - 8
    length = int.from_bytes(content[:8], "little")
    if length > room:
        raise JaxcmpError(
            f"{path} cannot be read: it ends early, or is no .safetensors file: its header should "
            f"have {length:,} bytes and there are {max(room, 0):,}"
        )
    try:
        entries = json.loads(content[8 : 8 + length])
        entries.pop("__metadata__", None)
        ends = {name: each["data_offsets"][1] for name, each in entries.items()}
        for name, end in sorted(ends.items(), key=lambda item: item[1]):
            if end > room - length:
                raise JaxcmpError(
                    f"{path} cannot be read: it ends early: {name} would end at byte "
                    f"{8 + length + end:,} of {len(content):,}"
                )
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise JaxcmpError(f"{path} cannot be read: its header is no JSON of arrays") from error
    return 8 + length, entries
