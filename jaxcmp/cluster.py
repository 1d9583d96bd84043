"""Several processes as one run: how they meet, and how all of them end where one does."""

import atexit
import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import jax
from jax._src import distributed

from jaxcmp.errors import CommandError, Interrupted, JaxcmpError

# A process that nothing is heard of for so long is taken for lost.
HEARTBEAT_SECONDS = 40
# How long one that fails waits for the others to end with it, and how long these go on meanwhile:
# most failures (a wrong configuration, missing data) are everybody's, and each names its own.
PARTING_SECONDS, GRACE_SECONDS, POLL_SECONDS = 10, 5, 2

GOES_ON = "the same command goes on from the last checkpoint, with any number of processes"
LOST = f"another process of this run was lost; {GOES_ON}"
ABORTED = (
    "JAX ended this process, as it does when another one of the run is lost (its own lines are "
    f"above); {GOES_ON}"
)
FAILED = "another process of this run cannot go on; it says why"

# What stands in an error of JAX's when the others cannot be reached.
SIGNS_OF_LOSS = ("Gloo", "NCCL", "coordination", "UNAVAILABLE", "DEADLINE_EXCEEDED")

_FAILURE = "jaxcmp/failure"
_END = "jaxcmp/end"
_ending = threading.Event()
_watch = threading.Thread(target=lambda: _end_with_others(), name="failures", daemon=True)
_exit_code = 0
# The C library keeps no reference to it.
_keep_alive: list[Any] = []


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Makes this process one of several, as SLURM, Open MPI or Kubernetes describe them.

    What a process raises inside ends the others within seconds, with an exit code of 1 and a line
    that sends to it; where all raise, each ends as if alone. If one is lost (killed, or its machine
    gone), the others end with a line that says so and 75, for a run that can be started again:
    within seconds where a connection breaks, otherwise after HEARTBEAT_SECONDS.

    Raises CommandError where no cluster is found, Interrupted where it does not come together.
    """
    _join()
    try:
        yield
    except BaseException as error:
        if distributed.global_state.num_processes == 1:
            raise
        if is_loss(error):
            if _ending.is_set():  # Another thread saw it first, and ends this process.
                _watch.join()
            # One that fails breaks its connections as well, but has said so.
            has_failed = _has_failed()
            _ending.set()
            _say(FAILED if has_failed else LOST)
            _end(JaxcmpError.exit_code if has_failed else Interrupted.exit_code)
        _begin_end(error.exit_code if isinstance(error, JaxcmpError) else 1)
        raise
    _begin_end(0)


def is_loss(error: BaseException) -> bool:
    """Whether an error of JAX's says that another process cannot be reached."""
    is_of_jax = isinstance(error, jax.errors.JaxRuntimeError)
    return is_of_jax and any(sign in str(error) for sign in SIGNS_OF_LOSS)


def _join() -> None:
    """Finds the others as SLURM or Open MPI describe them, or as `named_process` says."""
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=HEARTBEAT_SECONDS, **named_process())
    except jax.errors.JaxRuntimeError as error:
        raise Interrupted(f"the processes did not come together: {_first_line(error)}") from error
    except (ValueError, RuntimeError) as error:
        raise CommandError(
            "--distributed found no cluster: start it through SLURM or Open MPI, or set "
            "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID as "
            f"launch/kubernetes/run.yaml does; JAX says: {_first_line(error)}"
        ) from error
    _catch_abort()
    # Later than JAX's own, and so before it: JAX waits long, and ends with a stack trace.
    atexit.register(_part)
    _watch.start()


def named_process() -> dict[str, Any]:
    """What the environment says of this process among others, as JAX wants to be told; or nothing.

    JAX reads the address at which processes meet from the environment, but not their numbers.
    """
    names = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return {}
    if not all(value.isdecimal() for value in values):
        said = " and ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
        raise CommandError(f"{said}: both have to be whole numbers, or neither set")
    num_processes, process_id = map(int, values)
    return {
        "num_processes": num_processes,
        "process_id": process_id,
        "cluster_detection_method": "deactivate",
    }


def _begin_end(exit_code: int) -> None:
    """Notes how this process ends, and tells the others if it fails."""
    global _exit_code
    _exit_code = exit_code
    _ending.set()
    if exit_code:
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            _client().key_value_set(_FAILURE, str(exit_code), allow_overwrite=True)


def _part() -> None:
    """At exit: waits until all processes end, so that none takes another for lost.

    Returns where all have succeeded, to JAX's own goodbye; otherwise ends the process without it.
    """
    if not _ending.is_set():
        return
    if threading.current_thread() is not _watch:
        _watch.join()
    has_met = False
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        _client().wait_at_barrier(_END, PARTING_SECONDS * 1000)
        has_met = True
    if _exit_code or not has_met:
        _end(_exit_code)


def _end_with_others() -> None:
    """In a thread, because the main one may wait for a process that will not come."""
    # Asked again and again: a call that waits would be cut off at exit, which kills the process.
    while not _ending.wait(POLL_SECONDS):
        if _has_failed() and not _ending.wait(GRACE_SECONDS):
            _say(FAILED)
            _begin_end(JaxcmpError.exit_code)
            _part()


def _has_failed() -> bool:
    """Whether a process has said that it fails."""
    try:
        _client().key_value_try_get(_FAILURE)
    except jax.errors.JaxRuntimeError:  # There is no such key, or no service, which JAX notices.
        return False
    return True


def _catch_abort() -> None:
    """Gives a last line and an exit code to JAX's way of ending: it logs, and aborts.

    JAX ends a process from a thread of its own when the service that all are connected to is gone,
    or names another one as lost, and takes no function of Python's for it. The signal comes from
    that thread itself and not at any moment, so that a function of Python's may run.
    """
    library = ctypes.CDLL(None)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int)

    def end(_: int) -> None:
        if not _ending.is_set():
            os.write(2, f"jaxcmp: {ABORTED}\n".encode())
        os._exit(_exit_code if _ending.is_set() else Interrupted.exit_code)

    handler = prototype(end)
    _keep_alive.append(handler)
    library.signal.argtypes = (ctypes.c_int, prototype)
    library.signal.restype = ctypes.c_void_p
    library.signal(signal.SIGABRT, handler)


def _end(exit_code: int) -> None:
    """Ends without JAX's goodbye, which waits for all processes."""
    sys.stdout.flush()
    sys.stderr.flush()
    if distributed.global_state.process_id == 0:
        # The service ends with the first process, and the others would be aborted on its account.
        time.sleep(2)
    os._exit(exit_code)


def _say(line: str) -> None:
    print(f"jaxcmp: {line}", file=sys.stderr, flush=True)


def _client() -> Any:
    return distributed.global_state.client


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
