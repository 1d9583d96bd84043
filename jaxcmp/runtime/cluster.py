"""The start of a run with several processes: how they find each other."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import jax

from jaxcmp.errors import CommandError, Interrupted, JaxcmpError, first_line
from jaxcmp.runtime import interrupt, shutdown

# A process counts as lost after this long without a heartbeat.
HEARTBEAT_SECONDS = 40


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Joins the processes that SLURM, Open MPI or Kubernetes started for one run.

    An exception inside ends the other processes within seconds, with exit code 1 and a line that
    points to the failed one; if all fail, each ends with its own error. If a process is lost
    (killed, or its machine gone), the others end with a line that says so and 75, for a run that
    can be started again: within seconds if a connection breaks, otherwise after HEARTBEAT_SECONDS.

    Raises CommandError if there is no cluster, Interrupted if the processes do not all connect.
    """
    _join()
    if shutdown.is_single_process():
        # JAX's preemption service has replaced the handler of SIGTERM.
        interrupt.handle_signals()
        yield
        return
    interrupt.share()
    shutdown.prepare()
    try:
        yield
    except BaseException as error:
        if shutdown.is_loss(error):
            shutdown.end_after_loss()
        shutdown.announce(error.exit_code if isinstance(error, JaxcmpError) else 1)
        raise
    shutdown.announce(0)


def _join() -> None:
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=HEARTBEAT_SECONDS, **process_options())
    except jax.errors.JaxRuntimeError as error:
        raise Interrupted(f"the processes could not connect: {_reason(error)}") from error
    except Exception as error:  # Variables that JAX reads may be missing, or not be numbers.
        raise CommandError(
            "--distributed found no cluster: start it through SLURM or Open MPI, or set "
            "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID as "
            f"launch/kubernetes/run.yaml does; JAX says: {_reason(error)}"
        ) from error


def process_options() -> dict[str, Any]:
    """Returns JAX's options for the process numbers in the environment; none if they are not set.

    JAX reads the coordinator's address from the environment, but not these numbers.
    """
    names = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return {}
    if not all(value.isdecimal() for value in values):
        pairs = " and ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
        raise CommandError(f"{pairs}: both have to be whole numbers, or neither set")
    num_processes, process_id = map(int, values)
    return {
        "num_processes": num_processes,
        "process_id": process_id,
        "cluster_detection_method": "deactivate",
    }


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is not set"
    return first_line(error)
