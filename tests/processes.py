"""Runs of the real command in separate processes, small enough to take seconds."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxcmp.checkpoint.manager import read_only
from jaxcmp.runs import read_run

ROOT = Path(__file__).parent.parent
# Wall-clock figures; everything else must repeat to the bit.
TIMES = ("images_per_second", "seconds")
TINY = (
    "--config=configs/vit.py:digits",
    "--config.num_epochs=4",
    "--config.batch_size=128",
    "--config.schedule.warmup_epochs=1",
    "--config.model.width=16",
    "--config.model.depth=1",
    "--config.model.num_heads=2",
    "--config.model.mlp_width=16",
    "--config.log.every_steps=1",
    "--config.checkpoint.every_epochs=1",
)

TINY_RESNET = (
    "--config=configs/resnet.py:digits",
    "--config.num_epochs=2",
    "--config.batch_size=128",
    "--config.eval_batch_size=100",
    "--config.model.stage_widths=(4, 8)",
    "--config.model.stage_depths=(1, 1)",
    "--config.log.every_steps=1",
    "--config.checkpoint.every_epochs=1",
)


def environment(*, num_devices: int = 1, **extra: str) -> dict[str, str]:
    """Returns the tests' environment with that many devices."""
    return (
        os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}"} | extra
    )


def start(*arguments: str, module: str = "jaxcmp.main", **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(**options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_together(number: int, *arguments: str) -> list[subprocess.Popen]:
    """Starts the processes of one run, one device each, as Open MPI would."""
    return [start(*arguments, "--distributed", **job) for job in as_one_job(number)]


def as_one_job(number: int) -> list[dict[str, str]]:
    """Returns Open MPI's environment for each process of a job on this machine."""
    job = _free_job()
    return [
        {
            "OMPI_MCA_orte_hnp_uri": f"{job}.0;tcp://127.0.0.1:1",
            "OMPI_COMM_WORLD_SIZE": str(number),
            "OMPI_COMM_WORLD_RANK": str(rank),
            "OMPI_COMM_WORLD_LOCAL_RANK": str(rank),
        }
        for rank in range(number)
    ]


def run_together(number: int, *arguments: str) -> list[tuple[int, str, str]]:
    """Returns exit code, stdout and stderr of each process, once all have ended."""
    return [finish(process) for process in start_together(number, *arguments)]


def _free_job() -> int:
    """Returns an unused job number of Open MPI: JAX derives the port of the run from it."""
    while True:
        number = random.SystemRandom().randrange(4096)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", 61440 + number))
            # JAX divides by this: Open MPI's own numbers are multiples of it.
            return number * 4096


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """Waits for a process; returns exit code, stdout and stderr."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def run(*arguments: str, **options) -> tuple[int, str, str]:
    return finish(start(*arguments, **options))


def train(folder: Path, *changes: str, base: Sequence[str] = TINY, **options) -> str:
    """Trains a small run to its end; returns what it printed."""
    code, out, err = run(*base, *changes, f"--workdir={folder}", **options)
    assert code == 0, err
    return out


def interrupt(
    folder: Path, num_lines: int, *changes: str, base: Sequence[str] = TINY
) -> tuple[str, str]:
    """Stops a small run once so many records are written; returns stdout and stderr."""
    process = start(*base, *changes, f"--workdir={folder}")
    wait_for_lines(folder / "metrics.jsonl", num_lines, process)
    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert code == 75, err
    return out, err


def wait_for_lines(path: Path, number: int, process: subprocess.Popen) -> None:
    """Waits until a file has that many lines, or the process has ended; fails after minutes."""
    deadline = time.monotonic() + 240
    while process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= number:
            return
        assert time.monotonic() < deadline, f"{path} has fewer than {number} lines"
        time.sleep(0.02)


def values(folder):
    """Returns the metrics without times."""
    records = read_run(folder).metrics
    return [{k: v for k, v in record.items() if k not in TIMES} for record in records]


def final_arrays(folder):
    return read_only(folder / "checkpoints")
