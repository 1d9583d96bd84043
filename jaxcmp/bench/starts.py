"""From nothing to the first step: fresh processes that compile anew, or from a warm cache.

python -m jaxcmp.bench.starts --config=configs/vit.py     one such process
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxcmp import host_memory
from jaxcmp.bench.command import parse
from jaxcmp.errors import CommandError, JaxcmpError, carry_out

# What a process says when it is there, in this order.
MARKS = ("imported", "prepared", "compiled", "first_step")


def measure_starts(arguments: Sequence[str], *, num_starts: int) -> dict[str, Any]:
    """Seconds with an empty cache and with the cache that this left, `num_starts` times each.

    Each pair has a cache folder of its own, which is then removed. `arguments` name the
    configuration. Raises JaxcmpError where a process fails.
    """
    return in_pairs(partial(start, arguments), num_starts)


def in_pairs(start: Callable[[str], dict[str, float]], num_pairs: int) -> dict[str, Any]:
    """Calls `start` twice with each of so many fresh folders."""
    pairs = []
    for _ in range(num_pairs):
        with tempfile.TemporaryDirectory(prefix="jaxcmp-compiled-") as folder:
            pairs.append([start(folder), start(folder)])
    cold, warm = zip(*pairs, strict=True)
    return {"cold": summary(cold), "warm": summary(warm)}


def start(arguments: Sequence[str], cache: str) -> dict[str, float]:
    """Seconds from the command to each of MARKS, and of compiling each program."""
    # Which programs it keeps is left as a user has it.
    caching = {"JAX_COMPILATION_CACHE_DIR": cache}
    command = [sys.executable, "-m", "jaxcmp.bench.starts", *arguments]
    begun = time.perf_counter()
    seconds = {}
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            command, env=os.environ | caching, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            mark, _, details = line.strip().partition(" ")
            seconds[mark] = time.perf_counter() - begun
            seconds |= json.loads(details or "{}")
        if process.wait():
            complaints.seek(0)
            lines = complaints.read().strip().splitlines() or ["no reason given"]
            raise failure(process.returncode, lines[-1])
    return seconds


def failure(code: int, line: str) -> JaxcmpError:
    """The error behind a process of ours, from its exit code and the last line that it said."""
    error = CommandError if code == CommandError.exit_code else JaxcmpError
    return error(line.removeprefix("jaxcmp: "))


def summary(starts: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Median, min, max and n of each figure."""
    return {
        name: {
            "median": float(np.median([each[name] for each in starts])),
            "min": min(each[name] for each in starts),
            "max": max(each[name] for each in starts),
            "n": len(starts),
        }
        for name in starts[0]
    }


def first_step(argv: Sequence[str]) -> None:
    """Says each of MARKS as it gets there; the programs' compilation stands beside its own."""
    config = parse(argv, {}, __doc__).config
    host_memory.keep_for_steps()
    import jax

    from jaxcmp import devices
    from jaxcmp.bench.workload import synthetic
    from jaxcmp.experiment import compile_program, prepare

    say("imported")
    experiment = prepare(config, synthetic(config))
    say("prepared")
    program = compile_program(experiment, devices.make_mesh(), config)
    say("compiled", {f"compile_{name}": x for name, x in program.compile_seconds.items()})
    # The state's own program is compiled here, as in a run.
    jax.block_until_ready(program.train_step(program.init(), 1))
    say("first_step")


def say(mark: str, details: dict[str, float] | None = None) -> None:
    print(mark, json.dumps(details) if details else "", flush=True)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: first_step(sys.argv)))
