"""Arrays of an .npz file, whose sizes are checked before memory is taken for them.

What a file says of itself is not believed: a few bytes can claim terabytes, or unpack to them.
"""

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np

from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.pretrained.pickles import refuse_pickle

# Weights hardly shrink when packed. Small files of zeros shrink a thousandfold, which harms nobody.
MAX_EXPANSION = 16
HARMLESS_BYTES = 64 << 20


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays by name, as `numpy.load` gives them without `allow_pickle`.

    Two bytes without a type, as bfloat16 is stored, are bfloat16. Raises CommandError for a pickle
    and JaxcmpError for a file that is damaged or implausible, naming it and the array at fault.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            return {
                member.filename.removesuffix(".npy"): _read_member(path, archive, member)
                for member in members
            }
    except zipfile.BadZipFile as error:
        raise JaxcmpError(f"{path} cannot be read: it ends early, or is no .npz file") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    # What PyTorch saves is a zip file as well, around a pickle.
    if any(name.endswith("data.pkl") for name in names):
        refuse_pickle(path)
    for name, times in Counter(names).items():
        if not name.endswith(".npy") or times > 1:
            fault = "is no .npy array" if not name.endswith(".npy") else "is in it twice"
            raise JaxcmpError(f"{path} cannot be read: {name!r} {fault}")
    total, size = sum(member.file_size for member in members), path.stat().st_size
    if total > MAX_EXPANSION * size + HARMLESS_BYTES:
        raise JaxcmpError(
            f"{path} is not unpacked: it has {size:,} bytes and its arrays would have {total:,}"
        )


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    try:
        with archive.open(member) as stream:
            shape, is_fortran, dtype = _read_header(stream)
            if dtype.hasobject:
                raise CommandError(
                    f"{path} cannot be used: {name} holds Python objects, a pickle, which can run "
                    "any code; save it as plain numbers"
                )
            num_bytes = math.prod(shape) * dtype.itemsize
            held = member.file_size - stream.tell()
            if min(shape, default=0) < 0 or num_bytes != held or not dtype.itemsize:
                raise ValueError(
                    f"its header says {dtype} {list(shape)}, {num_bytes:,} bytes, and it has "
                    f"{held:,}"
                )
            data = stream.read(num_bytes)
            # The check sum is compared when the end is met.
            if len(data) != num_bytes or stream.read(1):
                raise ValueError("it ends early")
    except (JaxcmpError, MemoryError):
        raise
    except Exception as error:  # A damaged archive raises nearly anything.
        reason = (str(error).splitlines() or ["it ends early"])[0]
        raise JaxcmpError(f"{path} cannot be read: {name} is damaged: {reason}") from error
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
    is_bfloat16 = dtype.str == "|V2" and dtype.names is None
    return array.view(jnp.bfloat16) if is_bfloat16 else array


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, whether the first axis moves fastest, and type; raises ValueError."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"its format is of version {version}")
