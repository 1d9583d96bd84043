"""Brings every run of a study to its result: starts processes, tries again, leaves out others'."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from jaxcmp import files, runs
from jaxcmp.errors import Interrupted
from jaxcmp.study import folder as study_folder
from jaxcmp.study.folder import OUTPUT, Entry
from jaxcmp.study.slots import Slot

# The words that start the run of that number in a process of its own.
Command = Callable[[int], Sequence[str]]
Say = Callable[[str], None]
POLL_SECONDS = 0.5
# Set for a process that ends, saving first, when whoever started it is no more.
FOLLOWS = "JAXCMP_FOLLOWS_STDIN"


@dataclass
class Engine:
    """Runs of one study on one machine, in the order of the plan, as many at a time as slots.

    Other engines may work on the same folder: a run that another one trains is left to it.
    """

    workdir: Path
    entries: Sequence[Entry]
    slots: Sequence[Slot]
    command: Command
    say: Say
    _running: dict[int, tuple[subprocess.Popen, int]] = field(default_factory=dict)
    _signal: signal.Signals | None = None

    def run(self) -> None:
        """Returns when no run is left that can be trained.

        Raises Interrupted after a signal, and JaxcmpError where a folder cannot be written; every
        process that it started has ended by then.
        """
        waiting = deque(range(len(self.entries)))
        with self._handling_signals():
            try:
                while (waiting or self._running) and self._signal is None:
                    self._start_some(waiting)
                    time.sleep(POLL_SECONDS)
                    waiting.extend(self._collect())
            finally:
                self._stop()
        if self._signal is not None:
            raise Interrupted("stopped; what was training is saved, and the same command goes on")

    def _start_some(self, waiting: deque[int]) -> None:
        """Fills the free slots with runs that nobody trains."""
        used = {slot for _, slot in self._running.values()}
        free = [slot for slot in range(len(self.slots)) if slot not in used]
        for _ in range(len(waiting)):
            if not free:
                return
            task = waiting.popleft()
            folder = self.workdir / self.entries[task].folder
            if runs.is_finished(folder):
                continue
            if study_folder.is_given_up(study_folder.read_failures(folder)):
                continue
            if study_folder.is_held(folder):
                # By another engine: it may fail there, and then be ours.
                waiting.append(task)
                continue
            self._running[task] = (self._start(task, self.slots[free[0]]), free.pop(0))

    def _start(self, task: int, slot: Slot) -> subprocess.Popen:
        entry = self.entries[task]
        folder = self.workdir / entry.folder
        self.say(f"{entry.folder}: training")
        with files.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            output = (folder / OUTPUT).open("ab")
        with output:
            process = subprocess.Popen(
                self.command(task),
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
        return process

    def _collect(self) -> list[int]:
        """Takes note of the processes that ended; the runs that are to be tried again."""
        again = []
        for task, (process, _) in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[task]
            if process.stdin is not None:
                process.stdin.close()
            if not self._is_done(task, process.returncode):
                again.append(task)
        return again

    def _is_done(self, task: int, exit_code: int) -> bool:
        entry = self.entries[task]
        folder = self.workdir / entry.folder
        if runs.is_finished(folder):
            num_left = sum(not runs.is_finished(self.workdir / e.folder) for e in self.entries)
            result = runs.read_run(folder).result or {}
            accuracy = f"{100 * result.get('test_accuracy', float('nan')):.2f} %"
            self.say(f"{entry.folder}: finished, test accuracy {accuracy}; {num_left} left")
            return True
        if exit_code == Interrupted.exit_code or study_folder.is_held(folder):
            return False
        reason = _last_line(folder / OUTPUT, exit_code)
        study_folder.note_failure(folder, reason=reason, exit_code=exit_code)
        is_given_up = study_folder.is_given_up(study_folder.read_failures(folder))
        self.say(f"{entry.folder}: failed{'' if is_given_up else ', is tried again'}: {reason}")
        return is_given_up

    def _stop(self) -> None:
        """Asks every process that is left to save and end, and waits until they have."""
        if not self._running:
            return
        self.say("stopping: every run that trains is asked to save")
        for process, _ in self._running.values():
            process.terminate()
        for process, _ in self._running.values():
            process.wait()

    @contextlib.contextmanager
    def _handling_signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        previous = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._signal is not None:
            for process, _slot in self._running.values():
                process.kill()
        self._signal = signal.Signals(number)


def follow_parent() -> None:
    """Sends this process SIGTERM once its standard input ends, if it was told to follow it."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    if os.environ.pop(FOLLOWS, None):
        threading.Thread(target=wait, daemon=True).start()


def _last_line(path: Path, exit_code: int) -> str:
    """What a process said last, without the name in front; the signal if it was killed."""
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("jaxcmp: ") if lines else f"exit code {exit_code}"
