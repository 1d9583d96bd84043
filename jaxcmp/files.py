"""Atomic file writes, file locks, strict JSON, and one-line errors that name the file."""

import argparse
import contextlib
import errno
import fcntl
import json
import math
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from absl import logging

from jaxcmp.errors import CommandError, JaxcmpError

# File systems take 255; the rest is for prefixes and suffixes such as `.tmp`.
MAX_NAME_BYTES = 200
# Errors of a file system without locks.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Limits of Linux and macOS for a name, and for a whole path.
MAX_PART_BYTES, MAX_PATH_BYTES = 255, 4096


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError of writing into a JaxcmpError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise JaxcmpError(f"{path} cannot be written: no space left on the disk") from error
        raise JaxcmpError(f"{path} cannot be written: {error.strerror}") from error


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Writes a file atomically: after any failure, the previous file is still there, unchanged.

    Of several writers at once, each writes a whole file, and the last one's stays. Raises
    JaxcmpError.
    """
    path = _linked(path)
    # Always the same name, so that the next writer overwrites the rest of a killed one.
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path), _open_locked(temporary) as file:
        try:
            file.truncate()
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _linked(path: Path) -> Path:
    """Returns what a link leads to, which is replaced, and not the link. Raises JaxcmpError."""
    with writing(path):
        try:
            return path.resolve() if path.is_symlink() else path
        except RuntimeError as error:
            raise JaxcmpError(f"{path} cannot be written: the link leads to itself") from error


def check_writable(path: Path) -> None:
    """Raises JaxcmpError if `replace_file` could not write there: before the work, not after it."""
    path = _linked(path)
    if path.is_dir():
        raise JaxcmpError(f"{path} cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        raise JaxcmpError(f"{path} cannot be written: it is a device or a pipe, and not a file")
    with writing(path), tempfile.TemporaryFile(dir=path.parent):
        pass


@contextlib.contextmanager
def _open_locked(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing under an exclusive lock; waits while another process holds it."""
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            # The process that held the lock may have renamed or removed the file.
            is_there = False
            with contextlib.suppress(FileNotFoundError):
                is_there = os.path.samestat(os.fstat(file.fileno()), path.stat())
            if is_there:
                yield file
                return


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Makes processes take turns when they write several related files into one folder."""
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def name(word: object, what: str) -> str:
    """Checks that a word can be the name of a file or folder, and returns it.

    For words from a run folder, a data set or a configuration; paths that a user types need no
    check. Raises CommandError, which calls the word `what`, for a name that leads elsewhere or is
    not valid on every system.
    """
    is_name = (
        isinstance(word, str)
        and word not in ("", ".", "..")
        and not word.startswith(("~", "-"))
        and not set(word) & {"/", "\\"}
        and word.isprintable()
        and len(os.fsencode(word)) <= MAX_NAME_BYTES
    )
    if not is_name:
        raise CommandError(
            f"{what} {ascii(word)[:80]} is no name for a file: it must be a word without / and \\, "
            f"not begin with ~ or -, and have at most {MAX_NAME_BYTES} bytes"
        )
    return str(word)


def append_line(descriptor: int, line: bytes, path: Path) -> None:
    """Appends a line with a single write to a file opened with O_APPEND; raises JaxcmpError."""
    with writing(path):
        size = os.fstat(descriptor).st_size
        # A killed process or a full disk may have left half a line.
        begin = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        if os.write(descriptor, begin + line + b"\n") < len(begin + line) + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lock(descriptor: int, folder: Path) -> None:
    """Locks a folder through an open file in it, until the file is closed or the process ends.

    Raises JaxcmpError if another process holds the lock.
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
        logging.warning("%s cannot be locked: let only one process at a time train in it", folder)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _claim(descriptor: int) -> None:
    # `is_locked` in another process holds the lock for an instant.
    deadline = time.monotonic() + 1
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def is_locked(path: Path) -> bool:
    """Returns whether a process holds the lock of this file; False if there is no such file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Converts to strict JSON: NaN and infinity become null, arrays become lists of numbers."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Converts a value to what reading its JSON back would give."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | Path):
        # A path may hold bytes that are not UTF-8, which Python keeps as surrogates and no JSON
        # may have: they are escaped.
        return str(value).encode(errors="backslashreplace").decode()
    return value


def shown(path: str | Path) -> str:
    """Returns a path, or text with paths, with bytes that are not UTF-8 escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def exists(path: Path) -> bool:
    """Returns whether a path exists; raises JaxcmpError if that cannot be checked."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise damaged(path, error.strerror) from error
    return True


@contextlib.contextmanager
def reading(path: Path) -> Iterator[BufferedReader]:
    """Opens a regular file for reading; raises JaxcmpError for anything else, such as a pipe."""
    try:
        # Opening a pipe without a writer would block forever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise damaged(path, f"it is a {'folder' if stat.S_ISDIR(mode) else 'pipe or device'}")
        with open(descriptor, "rb") as file:
            yield file
    except OSError as error:
        raise damaged(path, error.strerror) from error


def read_object(path: Path, schema: Any = dict[str, Any]) -> dict[str, Any]:
    """Reads a JSON object; raises JaxcmpError if it is missing or does not fit the type `schema`.

    Keys that are not in the schema are kept.
    """
    with reading(path) as file:
        content = file.read()
    return _parse(content, lambda _: schema, path)


def read_lines(
    path: Path,
    schema_of: Callable[[dict[str, Any]], Any] = lambda _: dict[str, Any],
    *,
    errors: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Reads a file of one JSON object per line; returns none if the file is missing.

    Skips lines that a killed process or a full disk cut off, wherever they are. Raises JaxcmpError
    if another line is no object, or not of the type that `schema_of` returns for it, or if all of
    several lines are cut off; a list `errors` takes these lines instead. Raises JaxcmpError if the
    file cannot be read.
    """
    if not exists(path):
        return []
    with reading(path) as file:
        lines = [line for line in file.read().splitlines() if line.strip()]
    objects: list[dict[str, Any]] = []
    found: list[str] = []
    for number, line in enumerate(lines, start=1):
        if is_cut_off(line):
            continue
        try:
            objects.append(_parse(line, schema_of, path, f"line {number}"))
        except JaxcmpError as error:
            found.append(str(error))
    if len(lines) > 1 and not objects and not found:
        found.append(str(damaged(path, "no line of it is JSON")))
    if found and errors is None:
        raise JaxcmpError(found[0])
    if errors is not None:
        errors += found
    return objects


def is_cut_off(line: bytes) -> bool:
    """Returns whether a line is only the beginning of a JSON object, or no JSON at all."""
    if line.rstrip().endswith(b"}"):
        return False
    try:
        msgspec.json.decode(line)
    except (msgspec.ValidationError, RecursionError):
        return False
    except ValueError:
        return True
    return False


def _parse(
    content: bytes, schema_of: Callable[[dict[str, Any]], Any], path: Path, subject: str = "it"
) -> dict[str, Any]:
    """Parses and checks a JSON object; `subject` names it in errors."""
    try:
        value = msgspec.json.decode(content)
        if not isinstance(value, dict):
            raise damaged(path, f"{subject} is not a JSON object")
        msgspec.convert(value, schema_of(value))
    except RecursionError as error:
        raise damaged(path, f"{subject} is nested too deeply") from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        where = where.strip("`").removeprefix("$").removeprefix("[...]").lstrip(".")
        of = f"{subject}: " if subject != "it" else ""
        raise damaged(path, f"{of}{f'{where}: ' if where else ''}{what}") from error
    except ValueError as error:
        raise damaged(path, f"{subject} is not JSON") from error
    return value


def damaged(path: Path, reason: str | None) -> JaxcmpError:
    return JaxcmpError(f"{path} cannot be used: {reason}")


def user_path(given: str | Path, name: str = "") -> Path:
    """Converts a path that a user typed, with ~ for the home folder; all commands use it.

    Raises CommandError, which begins with `name`, for a path that no file system accepts.
    """
    return Path(expand_user(given, name))


def path_argument(given: str) -> Path:
    """Converts an argparse argument with `user_path`; argparse adds its name to an error."""
    try:
        return user_path(given)
    except CommandError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def expand_user(given: str | Path, name: str = "") -> str:
    """Expands and checks a path as `user_path` does, and returns text."""
    shown = f"{name}={str(given)[:60]}" if name else str(given)[:60]
    shown = shown.encode(errors="backslashreplace").decode()
    if "\0" in str(given):
        raise CommandError(f"{shown!r} contains a null character, which no path can")
    expanded = os.path.expanduser(given)
    longest = max((len(os.fsencode(part)) for part in Path(expanded).parts), default=0)
    if longest > MAX_PART_BYTES:
        raise CommandError(
            f"{shown}... contains a name of {longest} bytes; a file system takes {MAX_PART_BYTES}"
        )
    if len(os.fsencode(expanded)) >= MAX_PATH_BYTES:
        raise CommandError(f"{shown}... is longer than the {MAX_PATH_BYTES} bytes of a path")
    # Python returns what it cannot expand unchanged; nobody means a folder of that name.
    if expanded.startswith("~"):
        raise CommandError(f"{shown}: the home folder of {Path(expanded).parts[0]} is not known")
    return expanded


def cache_folder() -> Path:
    """Returns the cache folder: $JAXCMP_CACHE, or jaxcmp in the user's cache folder.

    Raises CommandError as `user_path` does.
    """
    if folder := os.environ.get("JAXCMP_CACHE"):
        return user_path(folder, "JAXCMP_CACHE")
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return user_path(folder, "XDG_CACHE_HOME") / "jaxcmp"
    try:
        return user_path("~/.cache") / "jaxcmp"
    except CommandError as error:
        raise CommandError(f"{error}; JAXCMP_CACHE names a folder for jaxcmp's cache") from error
