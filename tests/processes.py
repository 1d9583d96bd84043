"""Runs of the real command in processes of their own, small enough to take seconds."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
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


def environment(*, num_devices: int = 1, **extra: str) -> dict[str, str]:
    """A user's environment, but quick to compile in, with that many devices."""
    flags = f"--xla_force_host_platform_device_count={num_devices}"
    quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    return os.environ | quick | extra


def start(*arguments: str, module: str = "jaxcmp.main", **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(**options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    """The exit code and what was printed and complained about."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def run(*arguments: str, **options) -> tuple[int, str, str]:
    return finish(start(*arguments, **options))


def wait_for_lines(path: Path, number: int, process: subprocess.Popen) -> None:
    """Returns once a file has that many lines, or the process has ended."""
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.02)
