"""Files of weights: reads .npz and .safetensors files into arrays by name, and refuses pickles."""

import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import jax.numpy as jnp
import numpy as np
import safetensors

from jaxcmp.errors import CommandError, JaxcmpError, first_line

PICKLE_SUFFIXES = (".pth", ".pt", ".bin", ".pkl", ".pickle", ".ckpt")
# How pickles of protocols 2 to 5 begin; those of 0 and 1 begin with anything.
PICKLE_BEGINNINGS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
# Weights hardly shrink when packed. Small files of zeros shrink a thousandfold, which harms nobody.
MAX_EXPANSION = 16
HARMLESS_BYTES = 64 << 20
FLOATS = ("float16", "bfloat16", "float32", "float64")


def read_file(path: Path) -> tuple[str, dict[str, np.ndarray], Mapping[str, str]]:
    """Reads a file: its format ("npz" or "safetensors"), its arrays by name, and its description.

    The content decides about the format. Only .safetensors files have a description. Raises
    CommandError for a path without a file and for a pickle, and JaxcmpError for a file that is
    damaged or of another format; both name the file, in one line.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        _refuse_pickle(path)
    try:
        with path.open("rb") as file:
            first_bytes = file.read(9)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise CommandError(f"{path} cannot be read: {reason}") from error
    if first_bytes.startswith(PICKLE_BEGINNINGS):
        _refuse_pickle(path)
    if not first_bytes:
        raise JaxcmpError(f"{path} is empty")
    if first_bytes.startswith(b"PK"):
        return "npz", _read_npz(path), {}
    if path.suffix == ".safetensors" or first_bytes[8:] == b"{":
        return "safetensors", *_read_safetensors(path)
    raise JaxcmpError(f"{path} is neither an .npz nor a .safetensors file: it begins differently")


def as_float32(path: Path | str, name: str, array: np.ndarray) -> np.ndarray:
    """Converts a weight to float32; raises JaxcmpError if it is no float, or not finite."""
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


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads an archive as `numpy.load(allow_pickle=False)` does, and checks each array whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            return {name: _read_member(path, archive, name) for name in names}
    except JaxcmpError:
        raise
    except zipfile.BadZipFile as error:
        raise JaxcmpError(f"{path} cannot be read: it ends early, or is no .npz file") from error
    except Exception as error:  # A damaged archive raises nearly anything.
        raise JaxcmpError(f"{path} cannot be read: it is damaged: {first_line(error)}") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuses an archive by its list of members, before anything is unpacked."""
    names = Counter(member.filename for member in members)
    # What PyTorch saves is a zip file as well, around a pickle.
    if any(name.endswith("data.pkl") for name in names):
        _refuse_pickle(path)
    for name, times in names.items():
        _check_name(path, name)
        if not name.endswith(".npy"):
            raise JaxcmpError(f"{path} cannot be read: {name!r} is no .npy array")
        if times > 1:
            raise JaxcmpError(f"{path} cannot be read: {name!r} is in it twice")
    total, size = sum(member.file_size for member in members), path.stat().st_size
    if total > MAX_EXPANSION * size + HARMLESS_BYTES:
        raise JaxcmpError(
            f"{path} is not unpacked: it has {size:,} bytes and its arrays would have {total:,}"
        )


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        with archive.open(f"{name}.npy") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            # Only at its end is a member's check sum compared.
            if stream.read(1):
                raise ValueError("it has more bytes than its header says")
    except Exception as error:  # A damaged archive raises nearly anything.
        if "allow_pickle" in str(error):
            raise CommandError(
                f"{path} cannot be used: {name} holds Python objects, a pickle, which can run any "
                "code; save it as plain numbers"
            ) from error
        is_large = isinstance(error, MemoryError)
        fault = "takes more memory than there is" if is_large else "is damaged"
        raise JaxcmpError(f"{path} cannot be read: {name} {fault}: {first_line(error)}") from error
    # NumPy stores bfloat16 as two bytes without a type.
    is_bfloat16 = array.dtype.str == "|V2" and array.dtype.names is None
    return array.view(jnp.bfloat16) if is_bfloat16 else array


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], Mapping[str, str]]:
    arrays = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in file.keys():
                _check_name(path, name)
                arrays[name] = _read_tensor(path, file, name)
            return arrays, file.metadata() or {}
    except JaxcmpError:
        raise
    except Exception as error:  # The library raises several kinds for a damaged file.
        raise JaxcmpError(
            f"{path} cannot be read: it ends early, is damaged or is no .safetensors file: "
            f"{first_line(error)}"
        ) from error


def _read_tensor(path: Path, file: Any, name: str) -> np.ndarray:
    try:
        return file.get_tensor(name)
    except MemoryError as error:
        raise JaxcmpError(
            f"{path} cannot be read: {name} takes more memory than there is"
        ) from error
    except (AttributeError, TypeError) as error:
        dtype = file.get_slice(name).get_dtype()
        raise JaxcmpError(
            f"{path} cannot be used: {name} has the type {dtype}, which NumPy lacks"
        ) from error


def _refuse_pickle(path: Path) -> NoReturn:
    """Raises CommandError that says how to convert the file: reading a pickle can run any code."""
    target = path.with_suffix(".safetensors")
    raise CommandError(
        f"{path} is a pickle, which can run any code when it is read, and is not opened; where "
        'PyTorch is installed this converts it: python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('{path}', map_location='cpu', weights_only=True), '{target}')\""
    )


def _check_name(path: Path, name: str) -> None:
    """Refuses a name that would break a line, or hide in it."""
    if not name.isprintable():
        raise JaxcmpError(f"{path} cannot be used: {name!r} is no name of an array")
