"""Signals: while nothing can be lost they end the process; during training they request a stop.

SIGINT (Ctrl-C), SIGTERM and SIGHUP (a lost terminal) are handled alike, in every command:

- Before the first step of training, after the last, and in a command that does not train: the
  process ends at once, with one line on standard error. Its exit code is 128 plus the number of
  the signal (129, 130 or 143), or 75 if a run has trained and is saved.
- While a run trains: it ends after the step in progress, saves, and exits with 75.
- A second time, REPEAT_SECONDS after the first or later: the process quits without saving.

A signal that is ignored when the process starts, as SIGHUP is under nohup, stays ignored. Files
are written atomically, so a process may end anywhere. No handler raises an exception: Python
drops exceptions that are raised inside a callback of JAX.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

# Imported before signals are handled, so nothing slow is imported here.

# The type that signal.signal takes and returns.
Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
Handlers = dict[signal.Signals, Handler]
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Exit codes of a process that ended before there was anything to save.
EXIT_CODES = tuple(128 + number for number in NUMBERS)
# A second signal within this time is the same request: a shell or `timeout` may send two.
REPEAT_SECONDS = 0.5
# How long the watching thread waits for the main one to handle a signal.
GRACE_SECONDS = 0.2
# What training says of a signal that comes before there is anything to save.
BEFORE_FIRST_STEP = "interrupted before the first step; nothing is lost"
SHOW_CURSOR = b"\x1b[?25h"


# How a signal ends this process: a line, or None, and an exit code, or None for 128 + its number.
_end: tuple[str | None, int | None] = ("interrupted", None)
_active: "Interrupt | None" = None
# Whether an Interrupt has recorded a signal: the process is ending by itself.
_is_recorded = False
_is_shared = False
_is_watched = False
# Output that is a terminal at the start; it may disappear.
_terminals: list[int] = []


def name_of(number: int) -> str:
    """Returns a signal's name, or its number if it has none, as a real-time signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def handle_signals() -> Handlers:
    """Installs our handlers, except for ignored signals; returns the handlers that they replace."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    _terminals[:] = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
    # A handler that is None was not set by Python.
    ours = [n for n in NUMBERS if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, _handle) for number in ours}


def ignore_signals() -> None:
    """Ignores the signals that we handle; for the last moments of a process.

    Python takes all handlers away before its own end, so a signal would kill a process whose
    command has ended well.
    """
    for number in NUMBERS:
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def handled(line: str) -> Iterator[None]:
    """Handles signals inside; one that ends the process prints `line`.

    If they are handled already, they stay so, with the last `end_with`.
    """
    global _end
    before, _end = _end, (line, None)
    handlers = handle_signals()
    try:
        yield
    finally:
        if any(handler is not _handle for handler in handlers.values()):
            _restore(handlers)
            _end = before


def end_with(line: str | None, exit_code: int | None) -> None:
    """Sets the line and the exit code with which a signal ends the process from now on."""
    global _end
    _end = (line, exit_code)


def share() -> None:
    """Passes each signal on as SIGTERM, which JAX's preemption service catches.

    The processes of one run then agree on a step to stop at, and none ends earlier.
    """
    global _is_shared
    _is_shared = True


def watch() -> None:
    """Starts a thread that ends the process for a signal during a long call, such as compiling.

    Python calls handlers only between its own instructions. Call this after
    `host_memory.keep_for_steps`, which must precede any thread.
    """
    global _is_watched
    if _is_watched or threading.current_thread() is not threading.main_thread():
        return
    _is_watched = True
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True).start()


class Interrupt:
    """A context in which a signal is recorded: the caller checks `is_due`, saves and ends.

    `signal` is the first signal. A second one calls `again`, which by default quits at once.
    """

    def __init__(self, again: Callable[[], None] | None = None) -> None:
        self.signal: signal.Signals | None = None
        self._again = again
        self._time = 0.0

    def __enter__(self) -> "Interrupt":
        global _active
        self._before, _active = _active, self
        self._handlers = {} if _is_shared else handle_signals()
        return self

    def __exit__(self, *_: object) -> None:
        global _active
        _restore(self._handlers)
        _active = self._before

    def is_due(self, step: int) -> bool:
        """Returns whether to stop after `step`; several processes must all ask at every step."""
        if _is_shared:
            # Imported here, so that signals are handled before JAX is imported.
            from jax.experimental import multihost_utils

            return multihost_utils.reached_preemption_sync_point(step)
        return self.signal is not None

    def record(self, number: signal.Signals) -> None:
        """Records a signal; called by the handler."""
        global _is_recorded
        _is_recorded, now = True, time.monotonic()
        if self.signal is None:
            self.signal, self._time = number, now
            if _is_shared:
                os.kill(os.getpid(), signal.SIGTERM)
        # Shells and service managers send SIGHUP together with another signal; it never means quit.
        elif now - self._time >= REPEAT_SECONDS and number != signal.SIGHUP:
            if self._again is not None:
                return self._again()
            _write(2, b"jaxcmp: quit without saving; the same command goes on as saved before\n")
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def _handle(number: int, _: FrameType | None) -> None:
    if number == signal.SIGHUP:
        _leave_lost_terminals()
    if _active is not None:
        _active.record(signal.Signals(number))
    elif _is_shared:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        _end_process(number)


def _watch(reader: int) -> None:
    while number := os.read(reader, 1)[0]:
        if number not in NUMBERS:
            continue
        time.sleep(GRACE_SECONDS)
        is_ours = signal.getsignal(number) is _handle
        if is_ours and _active is None and not _is_recorded and not _is_shared:
            _end_process(number)


def _end_process(number: int) -> None:
    """Ends without Python's cleanup, which can crash in a library's threads."""
    for descriptor in _terminals:
        if os.environ.get("TERM", "dumb") != "dumb":
            _write(descriptor, SHOW_CURSOR)  # The progress bar hides it.
    line, exit_code = _end
    if line is not None:
        _write(2, f"jaxcmp: {line}\n".encode())
    os._exit(128 + number if exit_code is None else exit_code)


def _leave_lost_terminals() -> None:
    """Discards output to a terminal that is gone: printing would raise before the run is saved."""
    for descriptor in _terminals:
        if not os.isatty(descriptor):
            discard(descriptor)


def discard(descriptor: int) -> None:
    """Drops all further output to a descriptor whose reader is gone: writing would raise."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)


def _restore(handlers: Handlers) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _write(descriptor: int, text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, text)
