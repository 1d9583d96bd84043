"""The cache of decoded images: written once, atomically, then mapped into memory.

An entry that does not match its check sums counts as missing. They are the CRC-32 of each
megabyte: enough against bad disks and accidents, in half the time of SHA-256 and a quarter of
that of BLAKE2.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from jaxcmp import files
from jaxcmp.errors import JaxcmpError

# Images uint8 [k, H, W, C] and their labels int32 [k].
Block = tuple[np.ndarray, np.ndarray]

_FILES = ("images.npy", "labels.npy")
_CHECK_SUMS = "check_sums.json"
_CHECK_SUM = "check_sum"
_PART_BYTES = 1 << 20
_PARTIAL = ".partial"
_DAY = 24 * 60 * 60


def read(entry: Path, *, num_examples: int) -> Block | None:
    """Maps an entry into memory; returns None if it is missing or damaged."""
    try:
        if json.loads((entry / _CHECK_SUMS).read_bytes()) != _check_sums(entry):
            return None
        images = np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / "labels.npy", allow_pickle=False)
    except Exception:  # Parsers of damaged files raise nearly anything.
        return None
    if len(images) != num_examples or labels.shape != (num_examples,):
        return None
    if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int32:
        return None
    return images, labels


def write(entry: Path, blocks: Iterable[Block], *, num_examples: int) -> Block:
    """Writes an entry from its blocks and maps it into memory.

    Other processes may write the same entry at the same time: the first to finish wins, and all
    return its entry. Raises JaxcmpError if the folder cannot be written; then nothing remains.
    """
    with _writing(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(entry.parent)
        with _scratch(entry) as scratch:
            # A folder inside, because other users of a shared cache cannot read a temporary one.
            partial = Path(scratch) / entry.name
            partial.mkdir()
            _write_files(partial, blocks, num_examples=num_examples)
            # Mapped now, so that the images stay readable if the folder is renamed.
            written = read(partial, num_examples=num_examples)
            if written is None:
                raise JaxcmpError(
                    f"decoded images in {partial} cannot be read back: check the disk"
                )
            _publish(partial, entry, num_examples=num_examples)
    return read(entry, num_examples=num_examples) or written


def read_arrays(entry: Path) -> dict[str, np.ndarray] | None:
    """Reads an entry of `write_arrays`; returns None if it is missing or damaged."""
    try:
        with open(entry, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        return arrays if arrays.pop(_CHECK_SUM) == _check_sum(arrays) else None
    except Exception:  # Parsers of damaged files raise nearly anything.
        return None


def write_arrays(entry: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as one .npz file; of several writers the last wins.

    Raises JaxcmpError if the folder cannot be written; then nothing remains.
    """
    with _writing(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(entry) as scratch:
            partial = Path(scratch) / entry.name
            with _synced(partial) as file:
                check_sum = np.array(_check_sum(arrays))
                np.savez(file, allow_pickle=False, **arrays, **{_CHECK_SUM: check_sum})
            os.replace(partial, entry)


def remember(
    what: str,
    fingerprint: str,
    find: Callable[[], dict[str, np.ndarray]],
    *,
    is_lasting: Callable[[dict[str, np.ndarray]], bool] = lambda _: True,
) -> dict[str, np.ndarray]:
    """Returns the arrays that `find` finds out about a source, from the cache if they are there.

    `what` names them. They are found anew if the fingerprint changes, or unless they are lasting:
    a file that cannot be read today may be readable tomorrow. Raises as `write_arrays`.
    """
    digest = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    entry = files.cache_folder() / what / f"{digest}.npz"
    arrays = read_arrays(entry)
    if arrays is None:
        arrays = find()
        if is_lasting(arrays):
            write_arrays(entry, arrays)
    return arrays


def _write_files(folder: Path, blocks: Iterable[Block], *, num_examples: int) -> None:
    labels = []
    with _synced(folder / "images.npy") as file:
        for images, block_labels in blocks:
            if not labels:
                shape = (num_examples, *images.shape[1:])
                descr = npy.dtype_to_descr(images.dtype)
                header = {"descr": descr, "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(file, header)
            # Plain writes raise on a full disk; writing to mapped memory would kill the process.
            file.write(images.tobytes())
            labels.append(block_labels)
    with _synced(folder / "labels.npy") as file:
        np.save(file, np.concatenate(labels), allow_pickle=False)
    with _synced(folder / _CHECK_SUMS) as file:
        file.write(json.dumps(_check_sums(folder)).encode())


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing, and flushes it to the disk at the end."""
    with open(path, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _check_sums(folder: Path) -> dict[str, list[int]]:
    """Returns the CRC-32 of each megabyte of an entry's files, by name."""
    check_sums, buffer = {}, memoryview(bytearray(_PART_BYTES))
    for name in _FILES:
        # Plain reads raise on a bad disk; reading mapped memory would kill the process.
        with open(folder / name, "rb", buffering=0) as file:
            parts = iter(lambda file=file: file.readinto(buffer), 0)
            check_sums[name] = [zlib.crc32(buffer[:num_bytes]) for num_bytes in parts]
    return check_sums


def _check_sum(arrays: Mapping[str, np.ndarray]) -> int:
    """Returns one CRC-32 of the names, types, shapes and values of all arrays."""
    check_sum = 0
    for name, array in sorted(arrays.items()):
        check_sum = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), check_sum)
        check_sum = zlib.crc32(np.ascontiguousarray(array).data, check_sum)
    return check_sum


def _publish(partial: Path, entry: Path, *, num_examples: int) -> None:
    """Renames a finished folder to its entry, unless another process was first."""
    while read(entry, num_examples=num_examples) is None:
        try:
            os.rename(partial, entry)
            return
        except OSError:
            if not entry.exists():
                raise
        # A damaged entry is in the way: rename it, which is atomic, then delete it.
        with _scratch(entry) as scratch, suppress(FileNotFoundError):
            os.rename(entry, Path(scratch) / "damaged")


def _scratch(entry: Path) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(
        prefix=f"{entry.name}.", suffix=_PARTIAL, dir=entry.parent, ignore_cleanup_errors=True
    )


def _remove_abandoned(folder: Path) -> None:
    """Deletes the remains of killed writers; no writer takes a day."""
    for partial in folder.glob(f"*{_PARTIAL}"):
        try:
            if time.time() - partial.stat().st_mtime > _DAY:
                shutil.rmtree(partial, ignore_errors=True)
        except FileNotFoundError:
            continue  # Another process has removed it.


@contextmanager
def _writing(entry: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JaxcmpError(
            f"the cache in {entry.parent} cannot be written ({error.strerror}): set JAXCMP_CACHE "
            "to a folder that can be written and has room"
        ) from error
