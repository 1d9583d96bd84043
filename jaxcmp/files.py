"""Files that are whole or not there, strict JSON, and for each fault one line with its file."""

import contextlib
import errno
import fcntl
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging

from jaxcmp.errors import JaxcmpError

# What a file system answers that knows no locks.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says against writing into a JaxcmpError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JaxcmpError(f"{path} cannot be written: no space left on the disk") from error
        raise JaxcmpError(f"{path} cannot be written: {error.strerror}") from error


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Writes a file that is afterwards the new one or, at any failure, the one before.

    There must be no other writer. Raises JaxcmpError.
    """
    # Always the same name: what a killed process left is written over by the next.
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def append_line(descriptor: int, line: bytes, path: Path) -> None:
    """Appends one line in one piece to a file opened with O_APPEND; raises JaxcmpError."""
    with writing(path):
        size = os.fstat(descriptor).st_size
        # A process that was killed, or a full disk, may have left half a line.
        begin = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        if os.write(descriptor, begin + line + b"\n") < len(begin + line) + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lock(descriptor: int, folder: Path) -> None:
    """Claims a folder by an open file in it, until that is closed or the process ends, however.

    Raises JaxcmpError if another process holds it.
    """
    try:
        _claim(descriptor)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace") or "?"
        raise JaxcmpError(
            f"another process (number {holder}) trains in {folder}: wait for it, stop it, or give "
            "another --workdir"
        ) from error
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        logging.warning("%s cannot be locked: see to it that one process trains in it", folder)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _claim(descriptor: int, *, wait_seconds: float = 1.0) -> None:
    # Who asks whether a folder is held, has it for an instant.
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def is_locked(path: Path) -> bool:
    """Whether a process holds this file by `lock`; not where there is no such file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Strict JSON: what is not finite becomes null, arrays and their scalars become numbers."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """What reading back the JSON of `value` gives."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object; raises JaxcmpError if it is missing or something else."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise damaged(path, error.strerror) from error
    except ValueError as error:
        raise damaged(path, "it is not JSON") from error
    if not isinstance(value, dict):
        raise damaged(path, "it is not a JSON object")
    return value


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects, one a line, of a file that may be missing.

    A line that is not JSON was cut off when its process was killed or the disk was full; work that
    went on later has written after it. It is skipped, wherever it is. Raises JaxcmpError if a line
    is JSON but no object, or if no line of several is whole.
    """
    if not path.exists():
        return []
    objects: list[dict[str, Any]] = []
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise damaged(path, error.strerror) from error
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if not isinstance(value, dict):
            raise damaged(path, f"line {number} is not a JSON object")
        objects.append(value)
    if len(lines) > 1 and not objects:
        raise damaged(path, "no line of it is JSON")
    return objects


def damaged(path: Path, reason: str | None) -> JaxcmpError:
    return JaxcmpError(f"{path} cannot be used: {reason}")
