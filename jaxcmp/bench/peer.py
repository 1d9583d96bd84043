"""Side by side with PyTorch: the same work by either in turns, and the ratio pair by pair."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from jaxcmp.bench.starts import failure
from jaxcmp.errors import CommandError, JaxcmpError

Config = Any

SIDES = ("jaxcmp", "torch")
# The augmentation is compared on one core: data loaders use as many as there are, each alone.
TASKS = {"training": "all", "evaluation": "all", "augmentation": "one"}
PRECISIONS = ("float32", "bfloat16")


def compare(config: Config, arguments: Sequence[str], *, num_pairs: int) -> dict[str, Any]:
    """Each of TASKS with its samples and ratios; `arguments` name the same configuration.

    A system that cannot keep a process to one core leaves out what needs that. Raises CommandError
    where PyTorch is missing or the configuration asks for what has no counterpart here.
    """
    check(config)
    can_keep = hasattr(os, "sched_setaffinity")
    tasks = [task for task, cores in TASKS.items() if can_keep or cores == "all"]
    return {"tasks": {task: compare_task(task, arguments, num_pairs=num_pairs) for task in tasks}}


def check(config: Config) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("torch", "torchvision")):
        raise CommandError("--peer=torch needs PyTorch: pip install 'jaxcmp[bench]'")
    if config.compute_dtype not in PRECISIONS:
        raise CommandError(
            f"--peer=torch compares {' and '.join(PRECISIONS)}, not {config.compute_dtype}"
        )
    plain = {"accumulation": 1, "average_decay": 0, "frozen_trunk": False}
    for name, value in plain.items():
        if config[name] != value:
            raise CommandError(f"--peer=torch compares plain steps: set --config.{name}={value}")
    if config.optimizer.layer_decay != 1:
        raise CommandError(
            "--peer=torch compares plain steps: set --config.optimizer.layer_decay=1"
        )


def compare_task(task: str, arguments: Sequence[str], *, num_pairs: int) -> dict[str, Any]:
    """Both sides in processes of their own, one of them at work at a time: A B A B."""
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    with contextlib.ExitStack() as stack:
        sides, processes = {}, {}
        for name in SIDES:
            # One after the other: a side that looks for its fastest way must be alone.
            processes[name] = stack.enter_context(Side(name, task, arguments))
            sides[name] = processes[name].describe()
        check_same_work(sides)
        for _ in range(num_pairs):
            for name, process in processes.items():
                seconds[name].append(process.sample())
    for name in SIDES:
        num_images = sides[name]["num_images"]
        sides[name]["seconds"] = seconds[name]
        sides[name]["images_per_second"] = num_images / float(np.median(seconds[name]))
    ratios = [them / us for us, them in zip(seconds["jaxcmp"], seconds["torch"], strict=True)]
    return {"cores": TASKS[task], "sides": sides, "ratio": summarise(ratios)}


def check_same_work(sides: dict[str, Any]) -> None:
    """Raises JaxcmpError where the sides work on different devices."""
    counts = {name: side.get("parameters") for name, side in sides.items()}
    assert len(set(counts.values())) == 1, f"the models differ in parameters: {counts}"
    assert len({side["num_images"] for side in sides.values()}) == 1
    devices = {name: side["device"] for name, side in sides.items()}
    if len(set(devices.values())) > 1:
        raise JaxcmpError(
            f"JAX works on {devices['jaxcmp']} and PyTorch on {devices['torch']}: install both for "
            "the same device, or set JAX_PLATFORMS=cpu"
        )


def summarise(ratios: Sequence[float]) -> dict[str, Any]:
    """Ratios of images/s, ours to theirs: each pair's, and their median, min and max."""
    return {
        "pairs": list(ratios),
        "median": float(np.median(ratios)),
        "min": min(ratios),
        "max": max(ratios),
        "n": len(ratios),
    }


class Side:
    """A process that works when it is asked to, and otherwise waits without using the machine."""

    def __init__(self, side: str, task: str, arguments: Sequence[str]) -> None:
        self._complaints = tempfile.TemporaryFile("w+")
        command = ["-m", "jaxcmp.bench.worker", f"--side={side}", f"--task={task}", *arguments]
        # Two processes share a GPU: neither may take most of its memory at once.
        sharing = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        self._process = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | sharing,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )

    def __enter__(self) -> "Side":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # It ends when it is asked nothing more.
        self._process.communicate()
        self._complaints.close()

    def describe(self) -> dict[str, Any]:
        """Waits until the side is warm; says how it works and on how many images at a time."""
        return self._answer()

    def sample(self) -> float:
        """Seconds of one call."""
        return self._answer()["seconds"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._failure()
        return json.loads(line)

    def _failure(self) -> JaxcmpError:
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines() or ["no reason given"]
        return failure(code, lines[-1])
