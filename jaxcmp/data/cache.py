"""The cache of decoded images and of findings: written once, atomically, then mapped into memory.

An entry is a folder of named arrays. One that does not match its check sums counts as missing. They
are the CRC-32 of each megabyte: enough against bad disks and accidents, in half the time of SHA-256
and a quarter of that of BLAKE2.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from absl import logging
from numpy.lib import format as npy

from jaxcmp import files
from jaxcmp.errors import JaxcmpError

Arrays = dict[str, np.ndarray]

_CHECK_SUMS = "check_sums.json"
_PART_BYTES = 1 << 20
_PARTIAL = ".partial"
_DAY = 24 * 60 * 60


def read(entry: Path) -> Arrays | None:
    """Maps an entry into memory; returns None if it is missing or, with a warning, if damaged."""
    arrays = _read(entry)
    if arrays is None and entry.exists():
        logging.warning("The cache entry %s is damaged: making it anew", entry)
    return arrays


def write(entry: Path, blocks: Iterable[Arrays]) -> Arrays:
    """Writes an entry from blocks, each with the next rows of each array; maps it into memory.

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
            _write_files(partial, blocks)
            # Mapped now, so that the arrays stay readable if the folder is renamed.
            written = _read(partial)
            if written is None:
                raise JaxcmpError(f"the cache entry {partial} cannot be read back: check the disk")
            _publish(partial, entry)
    return _read(entry) or written


def remember(
    what: str,
    fingerprint: str,
    find: Callable[[], Arrays],
    *,
    is_lasting: Callable[[Arrays], bool] = lambda _: True,
) -> Arrays:
    """Returns the arrays that `find` finds out about a source, from the cache if they are there.

    `what` names them. They are found anew if the fingerprint changes, or unless they are lasting:
    a file that cannot be read today may be readable tomorrow. Raises as `write`.
    """
    digest = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    entry = files.cache_folder() / what / digest
    arrays = read(entry)
    if arrays is None:
        arrays = find()
        if is_lasting(arrays):
            write(entry, [arrays])
    return arrays


def _read(entry: Path) -> Arrays | None:
    try:
        paths = sorted(entry.glob("*.npy"))
        if json.loads((entry / _CHECK_SUMS).read_bytes()) != _check_sums(paths):
            return None
        return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in paths}
    except Exception:  # Parsers of damaged files raise nearly anything.
        return None


def _write_files(folder: Path, blocks: Iterable[Arrays]) -> None:
    opened: dict[str, BinaryIO] = {}
    lengths, last = Counter[str](), {}
    with ExitStack() as stack:
        for last in blocks:
            for name, rows in last.items():
                if name not in opened:
                    opened[name] = stack.enter_context(_synced(folder / f"{name}.npy"))
                    _write_header(opened[name], rows, length=0)
                # Plain writes raise on a full disk; writing to mapped memory kills the process.
                opened[name].write(rows.tobytes())
                lengths[name] += len(rows)
        for name, rows in last.items():
            opened[name].seek(0)
            _write_header(opened[name], rows, length=lengths[name])
    with _synced(folder / _CHECK_SUMS) as file:
        file.write(json.dumps(_check_sums(sorted(folder.glob("*.npy")))).encode())


def _write_header(file: BinaryIO, rows: np.ndarray, *, length: int) -> None:
    """Writes the header of an array of `length` rows like these; it has room for any length."""
    descr, shape = npy.dtype_to_descr(rows.dtype), (length, *rows.shape[1:])
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing, and flushes it to the disk at the end."""
    with open(path, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _check_sums(paths: Iterable[Path]) -> dict[str, list[int]]:
    """Returns the CRC-32 of each megabyte of these files, by name."""
    check_sums, buffer = {}, memoryview(bytearray(_PART_BYTES))
    for path in paths:
        # Plain reads raise on a bad disk; reading mapped memory would kill the process.
        with open(path, "rb", buffering=0) as file:
            parts = iter(lambda file=file: file.readinto(buffer), 0)
            check_sums[path.name] = [zlib.crc32(buffer[:num_bytes]) for num_bytes in parts]
    return check_sums


def _publish(partial: Path, entry: Path) -> None:
    """Renames a finished folder to its entry, unless another process was first."""
    while _read(entry) is None:
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
