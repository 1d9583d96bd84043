"""Processes that measure for this command, each alone with its memory and its compiled programs."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from jaxcmp.bench.timing import Timed, spread
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.runtime import interrupt


def part_command(part: str, arguments: Sequence[str]) -> list[str]:
    """Returns the command of a process that measures a part; `arguments` are those of this one."""
    return [sys.executable, "-m", "jaxcmp.bench", *arguments, f"--part={part}"]


def run_part(part: str, arguments: Sequence[str], **environment: str) -> dict[str, Any]:
    """Returns what a process of its own measures. Raises JaxcmpError where it fails."""
    with worker(part_command(part, arguments), **environment) as (measured, _):
        return measured


def measure_starts(arguments: Sequence[str], *, num_starts: int) -> dict[str, Any]:
    """Measures starts without compiled programs ("cold") and with those of the one before ("warm").

    Each pair of processes has a cache folder of its own. `arguments` are those of this command.
    """
    starts: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(num_starts):
        with tempfile.TemporaryDirectory(prefix="jaxcmp-compiled-") as folder:
            for samples in starts.values():
                samples.append(measure_start(arguments, folder))
    return {
        kind: {name: spread([sample[name] for sample in samples]) for name in samples[0]}
        for kind, samples in starts.items()
    }


def measure_start(arguments: Sequence[str], cache: str) -> dict[str, float]:
    """Measures seconds to the end of the first step, and of compiling each program."""
    begin = time.perf_counter()
    seconds = run_part("start", arguments, JAX_COMPILATION_CACHE_DIR=cache)
    # The clock is the same in all processes.
    return seconds | {"first_step": seconds["first_step"] - begin}


@contextlib.contextmanager
def worker(command: Sequence[str], **environment: str) -> Iterator[tuple[dict[str, Any], Timed]]:
    """Starts a process; yields its first answer, and a function that asks for further ones.

    The function sends a number of calls, and returns the mean seconds of one. The process ends with
    the context. Raises JaxcmpError with the last line of its messages where it fails.
    """
    # None may claim most of a GPU's memory: another one may need it.
    settings = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | environment
    with tempfile.TemporaryFile("w+") as messages:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": messages}
        process = subprocess.Popen(command, env=settings, text=True, **pipes)
        assert process.stdin is not None and process.stdout is not None
        write, read = process.stdin, process.stdout

        def answer() -> Any:
            line = read.readline()
            if not line:
                # It writes at the place that we share: nothing is read before it has ended.
                code = process.wait()
                messages.seek(0)
                raise failure(code, messages.read())
            return json.loads(line)

        def timed(num_calls: int) -> float:
            with contextlib.suppress(BrokenPipeError):
                print(num_calls, file=write, flush=True)
            return answer()

        try:
            yield answer(), timed
        finally:
            process.communicate()


def failure(code: int, messages: str) -> JaxcmpError:
    """Makes the error of a process that failed, from its exit code and its messages."""
    if code < 0:
        name = interrupt.name_of(-code)
        return JaxcmpError(f"a process was stopped by {name}; memory may not have sufficed")
    last = (messages.strip().splitlines() or ["a process ended without a message"])[-1]
    error = CommandError if code == CommandError.exit_code else JaxcmpError
    return error(last.removeprefix("jaxcmp: "))
