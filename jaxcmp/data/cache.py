"""Decoded images on disk: written once, whole or not at all, then mapped into memory."""

import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from jaxcmp.errors import JaxcmpError

# Images uint8 [k, H, W, C] and their labels int32 [k].
Block = tuple[np.ndarray, np.ndarray]

_PARTIAL = ".partial"
_DAY = 24 * 60 * 60


def root() -> Path:
    """Returns the folder of all entries: $JAXCMP_CACHE, or jaxcmp in the user's cache folder."""
    if folder := os.environ.get("JAXCMP_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jaxcmp"


def read(entry: Path, *, num_examples: int) -> Block | None:
    """Maps an entry into memory, or returns None where there is none that is whole."""
    try:
        # Mapping checks the file's length against its header, so a cut file is noticed.
        images = np.load(entry / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / "labels.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if len(images) != num_examples or labels.shape != (num_examples,):
        return None
    if images.dtype != np.uint8 or images.ndim != 4 or labels.dtype != np.int32:
        return None
    return images, labels


def write(entry: Path, blocks: Iterable[Block], *, num_examples: int) -> Block:
    """Writes an entry from its blocks and maps it into memory.

    Other processes may write the same entry at the same time: the first to finish wins, and all
    return what it wrote.

    Raises:
      JaxcmpError: the folder cannot be written; nothing half-written stays.
    """
    with _translated(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(entry.parent)
        scratch = _scratch(entry)
    with scratch:
        # A folder inside, because a temporary one is closed to other users of a shared cache.
        partial = Path(scratch.name) / entry.name
        with _translated(entry):
            partial.mkdir()
        _write_files(partial, blocks, entry=entry, num_examples=num_examples)
        # Mapped now, the images stay readable whatever happens to the folder's name.
        written = read(partial, num_examples=num_examples)
        if written is None:
            raise JaxcmpError(f"decoded images in {partial} cannot be read back: check the disk")
        with _translated(entry):
            _publish(partial, entry, num_examples=num_examples)
    return read(entry, num_examples=num_examples) or written


def read_arrays(entry: Path) -> dict[str, np.ndarray] | None:
    """Reads an entry of `write_arrays`, or returns None where there is none that is whole."""
    try:
        with open(entry, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def write_arrays(entry: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as one .npz file; of several writers the last wins.

    Raises:
      JaxcmpError: the folder cannot be written; nothing half-written stays.
    """
    with _translated(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(entry) as scratch:
            partial = Path(scratch) / entry.name
            with open(partial, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, entry)


def _write_files(folder: Path, blocks: Iterable[Block], *, entry: Path, num_examples: int) -> None:
    labels = []
    with _translated(entry):
        file = open(folder / "images.npy", "wb")
    try:
        for images, block_labels in blocks:
            with _translated(entry):
                if not labels:
                    npy.write_array_header_1_0(file, _header((num_examples, *images.shape[1:])))
                # Plain writes: on a full disk they raise, where a mapped page kills the process.
                file.write(images.tobytes())
            labels.append(block_labels)
        with _translated(entry):
            file.flush()
            os.fsync(file.fileno())
            with open(folder / "labels.npy", "wb") as label_file:
                np.save(label_file, np.concatenate(labels), allow_pickle=False)
                label_file.flush()
                os.fsync(label_file.fileno())
    finally:
        with _translated(entry):
            file.close()


def _header(shape: tuple[int, ...]) -> dict:
    descr = npy.dtype_to_descr(np.dtype(np.uint8))
    return {"descr": descr, "fortran_order": False, "shape": shape}


def _publish(partial: Path, entry: Path, *, num_examples: int) -> None:
    """Gives a finished folder its name, unless another process was first."""
    while read(entry, num_examples=num_examples) is None:
        try:
            os.rename(partial, entry)
            return
        except OSError:
            if not entry.exists():
                raise
        # A damaged entry stands in the way: renaming takes it away in one step.
        with _scratch(entry) as scratch, suppress(FileNotFoundError):
            os.rename(entry, Path(scratch) / "damaged")


def _scratch(entry: Path) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(
        prefix=f"{entry.name}.", suffix=_PARTIAL, dir=entry.parent, ignore_cleanup_errors=True
    )


def _remove_abandoned(folder: Path) -> None:
    """Frees the space of writers that were killed; no writer takes a day."""
    for partial in folder.glob(f"*{_PARTIAL}"):
        try:
            if time.time() - partial.stat().st_mtime > _DAY:
                shutil.rmtree(partial, ignore_errors=True)
        except FileNotFoundError:
            continue  # Another process was quicker.


@contextmanager
def _translated(entry: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JaxcmpError(
            f"decoded images cannot be written to {entry.parent} ({error.strerror}): "
            "set JAXCMP_CACHE to a folder that can be written and has room"
        ) from error
