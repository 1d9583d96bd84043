"""The end of a run with several processes: if one fails, all end, with a line and an exit code.

JAX's own behaviour is not enough, as tests/test_distributed.py shows: if a process fails before
the first step, the others wait five minutes for it, and if one is lost, JAX aborts the others
with a stack trace. Neither distinguishes a failure, which would recur (exit code 1), from a loss,
after which the same command goes on (75). Processes inform each other through JAX's key-value
store, which only a private module gives access to.
"""

import atexit
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any

import jax
from jax._src import distributed

from jaxcmp.errors import Interrupted, JaxcmpError
from jaxcmp.text import say

# A failed process waits EXIT_SECONDS for the others to end too. They first go on for GRACE_SECONDS:
# most failures (a wrong configuration, missing data) happen in every process.
EXIT_SECONDS, GRACE_SECONDS, POLL_SECONDS = 10, 5, 2
GOES_ON = "the same command goes on from the last checkpoint, with any number of processes"
LOST = f"another process of this run was lost; {GOES_ON}"
ABORTED = (
    "JAX ended this process, as it does when another one of the run is lost (JAX's own lines are "
    f"above); {GOES_ON}"
)
FAILED = "another process of this run cannot go on; it says why"
# Words in JAX's errors when another process cannot be reached.
SIGNS_OF_LOSS = ("Gloo", "NCCL", "coordination", "UNAVAILABLE", "DEADLINE_EXCEEDED")
FAILURE_KEY, END_BARRIER = "jaxcmp/failure", "jaxcmp/end"

_is_ending = threading.Event()
_exit_code = 0
_last_line = ""
_watch = threading.Thread(target=lambda: _end_with_others(), name="failures", daemon=True)


def prepare() -> None:
    """Ties the end of this process to the others'; call it once, after they have connected."""
    _catch_abort()
    # Registered after JAX's own function, so called before it: that one waits for all processes.
    atexit.register(_leave)
    _watch.start()


def is_single_process() -> bool:
    """Returns whether the run has one process, without starting JAX's devices."""
    return distributed.global_state.num_processes == 1


def announce(exit_code: int) -> None:
    """Sets this process's exit code, and tells the other processes if it is a failure."""
    global _exit_code
    _exit_code = exit_code
    _is_ending.set()
    if exit_code:
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            _client().key_value_set(FAILURE_KEY, str(exit_code), allow_overwrite=True)


def end_after_loss() -> None:
    """Ends this process after a connection to another broke, with a line that says why."""
    if _is_ending.is_set():  # The watching thread is already ending this process.
        _watch.join()
    # A failed process breaks its connections too, but has announced it.
    has_failed = _has_failed()
    _is_ending.set()
    _say(FAILED if has_failed else LOST)
    _end(JaxcmpError.exit_code if has_failed else Interrupted.exit_code)


def is_loss(error: BaseException) -> bool:
    """Returns whether an error, or its cause, is JAX's for an unreachable process."""
    cause: BaseException | None = error
    while cause is not None:
        is_of_jax = isinstance(cause, jax.errors.JaxRuntimeError)
        if is_of_jax and any(sign in str(cause) for sign in SIGNS_OF_LOSS):
            return True
        cause = cause.__cause__
    return False


def _leave() -> None:
    """Waits at exit until all processes end; skips JAX's own shutdown unless all succeeded."""
    if not _is_ending.is_set():
        return
    if threading.current_thread() is not _watch:
        _watch.join()
    all_ended = False
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        _client().wait_at_barrier(END_BARRIER, EXIT_SECONDS * 1000)
        all_ended = True
    if _exit_code or not all_ended:
        _end(_exit_code)


def _end_with_others() -> None:
    """Watches for another process's failure, in a thread: the main one may be blocked by it."""
    # Polls, because a blocking call into JAX would crash the process at exit.
    while not _is_ending.wait(POLL_SECONDS):
        if _has_failed() and not _is_ending.wait(GRACE_SECONDS):
            _say(FAILED)
            announce(JaxcmpError.exit_code)
            _leave()


def _has_failed() -> bool:
    """Returns whether any process has announced a failure."""
    try:
        _client().key_value_try_get(FAILURE_KEY)
    except jax.errors.JaxRuntimeError:  # No such key; or no service, which JAX reports itself.
        return False
    return True


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _handle_abort(_: int) -> None:
    # Said again if need be: JAX's own lines would hide it.
    os.write(2, (_last_line if _is_ending.is_set() else f"jaxcmp: {ABORTED}\n").encode())
    os._exit(_exit_code if _is_ending.is_set() else Interrupted.exit_code)


def _catch_abort() -> None:
    """Prints a last line and sets the exit code when JAX aborts this process.

    JAX aborts from its own thread, where Python would never run a handler of `signal.signal`.
    """
    set_handler = ctypes.CDLL(None).signal
    set_handler.restype = ctypes.c_void_p  # The previous handler.
    set_handler(signal.SIGABRT, _handle_abort)


def _end(exit_code: int) -> None:
    """Ends without JAX's own shutdown, which waits for all processes."""
    sys.stdout.flush()
    sys.stderr.flush()
    if distributed.global_state.process_id == 0:
        # JAX's service ends with the first process, and would abort processes still running.
        time.sleep(2)
    os._exit(exit_code)


def _say(line: str) -> None:
    global _last_line
    _last_line = f"jaxcmp: {line}\n"
    say(f"jaxcmp: {line}", to_stderr=True, flush=True)


def _client() -> Any:
    return distributed.global_state.client
