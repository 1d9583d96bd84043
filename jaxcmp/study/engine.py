"""The engine of a study: trains each run in a process of its own, and tries failed ones again."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jaxcmp import files, runs
from jaxcmp.errors import Interrupted, JaxcmpError
from jaxcmp.runtime import interrupt
from jaxcmp.study.folder import OUTPUT, Entry, State, note_failure, progress
from jaxcmp.text import say

POLL_SECONDS = 0.5
# Set for a process that saves and ends when the engine that started it has ended.
FOLLOWS = "JAXCMP_FOLLOWS_STDIN"
# Which GPUs a process may use.
VISIBLE = "CUDA_VISIBLE_DEVICES"
ASK = "import jax; print(jax.default_backend(), jax.local_device_count())"
# The share of a device's memory that JAX takes by default.
MEMORY_FRACTION = 0.75


@dataclasses.dataclass(frozen=True)
class Slot:
    """Room for one run: variables of its environment, and its cores; None for all of them."""

    environment: Mapping[str, str]
    cores: frozenset[int] | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    entry: Entry
    slot: Slot
    process: subprocess.Popen


def find_slots(jobs: int) -> list[Slot]:
    """Returns `jobs` slots; for 0, one for each accelerator, or one for all cores without any.

    Where there are more jobs than accelerators, several share one and its memory; more jobs than
    cores share these in turn. Raises JaxcmpError where JAX does not start.
    """
    # Another process asks, which frees the devices again.
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise JaxcmpError(f"JAX does not start: {lines[-1]}")
    platform, num_devices = done.stdout.split()[-2:]
    if platform == "gpu":
        given = os.environ.get(VISIBLE)
        devices = given.split(",") if given else [str(i) for i in range(int(num_devices))]
        jobs = jobs or len(devices)
        num_sharing = -(-jobs // len(devices))
        fraction = {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{MEMORY_FRACTION / num_sharing:.3f}"}
        shared = fraction if num_sharing > 1 else {}
        return [Slot({VISIBLE: devices[i % len(devices)]} | shared) for i in range(jobs)]
    if platform != "cpu":
        return [Slot({})]
    if jobs <= 1 or not hasattr(os, "sched_getaffinity"):
        return [Slot({})] * (jobs or 1)
    cores = sorted(os.sched_getaffinity(0))
    num_shares = min(jobs, len(cores))
    return [Slot({}, frozenset(cores[i % num_shares :: num_shares])) for i in range(jobs)]


def train_all(
    workdir: Path,
    entries: Sequence[Entry],
    slots: Sequence[Slot],
    command: Callable[[Entry], Sequence[str]],
) -> None:
    """Trains the runs of a study in the order of the plan, one at a time in each slot.

    `command` gives the words that start a run in a process of its own. Other engines may work on
    the same folder: a run that another one trains is left to it. Returns when no run is left that
    can be trained. Raises Interrupted after a signal, and JaxcmpError where a folder cannot be
    written; every process that it started has ended by then. After a second signal they end
    without saving.
    """
    waiting, free, unsaved = deque(entries), list(slots), []
    running: list[Training] = []

    def kill() -> None:
        for training in running:
            training.process.kill()

    with interrupt.Interrupt(again=kill) as interruption:
        try:
            while (waiting or running) and interruption.signal is None:
                while free and (entry := _next(workdir, waiting)) is not None:
                    running.append(_start(workdir, entry, free.pop(0), command(entry)))
                time.sleep(POLL_SECONDS)
                for training in [x for x in running if x.process.poll() is not None]:
                    # How a process ends after a signal says nothing of its run.
                    if interruption.signal is not None:
                        break
                    running.remove(training)
                    free.append(training.slot)
                    if not _is_done(workdir, training, entries):
                        waiting.append(training.entry)
        finally:
            unsaved = _stop(running)
    if interruption.signal is not None:
        how = "what was training is saved, and"
        if unsaved:
            how = f"{', '.join(unsaved)} could not be saved: from the checkpoints before,"
        raise Interrupted(f"stopped; {how} the same command goes on")


def follow_parent() -> None:
    """Sends this process SIGTERM once its standard input ends, if an engine started it."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    if os.environ.pop(FOLLOWS, None):
        threading.Thread(target=wait, daemon=True).start()


def _next(workdir: Path, waiting: deque[Entry]) -> Entry | None:
    """Takes the first run that is to be trained and that no engine trains."""
    for _ in range(len(waiting)):
        entry = waiting.popleft()
        state = progress(workdir, entry).state
        if state in (State.WAITING, State.STOPPED):
            return entry
        if state is State.RUNNING:
            # It may fail in the other engine, and then be ours.
            waiting.append(entry)
    return None


def _start(workdir: Path, entry: Entry, slot: Slot, command: Sequence[str]) -> Training:
    say(f"{entry.folder}: training", flush=True)
    folder = workdir / entry.folder
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        output = (folder / OUTPUT).open("ab")
    with output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **slot.environment, FOLLOWS: "1"},
            # A key pressed in the terminal reaches the engine, which passes it on once.
            start_new_session=True,
        )
    if slot.cores is not None:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, slot.cores)
    return Training(entry, slot, process)


def _is_done(workdir: Path, training: Training, entries: Sequence[Entry]) -> bool:
    """Notes how a process ended; whether its run is finished or given up."""
    assert training.process.stdin is not None
    training.process.stdin.close()
    entry, exit_code = training.entry, training.process.returncode
    folder, state = workdir / entry.folder, progress(workdir, entry).state
    if state is State.FINISHED:
        num_left = sum(not runs.is_finished(workdir / other.folder) for other in entries)
        say(f"{entry.folder}: finished, {_accuracy(folder)}; {num_left} left", flush=True)
        return True
    if state is State.RUNNING or _is_interruption(exit_code):
        return False
    reason = _last_line(folder / OUTPUT, exit_code)
    note_failure(folder, reason=reason, exit_code=exit_code)
    is_given_up = progress(workdir, entry).state is State.FAILED
    again = "" if is_given_up else ", is tried again"
    say(f"{entry.folder}: failed{again}: {reason}", flush=True)
    return is_given_up


def _stop(running: Sequence[Training]) -> list[str]:
    """Asks every process to save and end, waits, and names the runs of those that did not."""
    if running:
        say("stopping: every run that trains is asked to save", flush=True)
    for training in running:
        training.process.terminate()
    codes = {training.entry.folder: training.process.wait() for training in running}
    return [folder for folder, code in codes.items() if code and not _is_interruption(code)]


def _is_interruption(exit_code: int) -> bool:
    """Returns whether a signal ended the process, which is no fault of its run."""
    by_signal = (*interrupt.EXIT_CODES, *(-number for number in interrupt.NUMBERS))
    return exit_code in (Interrupted.exit_code, *by_signal)


def _accuracy(folder: Path) -> str:
    try:
        return f"test accuracy {100 * runs.read_result(folder)['test_accuracy']:.2f} %"
    except JaxcmpError as error:
        return f"but its accuracy is not known: {error}"


def _last_line(path: Path, exit_code: int) -> str:
    """Returns the last line that a process printed; the signal if it was killed."""
    if exit_code < 0:
        return f"killed by {interrupt.name_of(-exit_code)}"
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("jaxcmp: ") if lines else f"exit code {exit_code}"
