"""Measures on a GPU what no compiler can tell; each job is a process with a time limit.

./launch/check_gpu steps --budget=420 --out=OUT               steps in variants, PyTorch beside them
./launch/check_gpu runs --budget=330 --out=OUT --data=DIR     whole runs on CIFAR-10 from TFDS
./launch/check_gpu steps --tiny                               tries it all on two CPU cores

Jobs come in the order of what is worth most: those for which no time is left are skipped. What is
known goes to OUT/results.jsonl at once, and the messages of the jobs to OUT/messages.log.
"""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import on_device

from jaxcmp import cli
from jaxcmp.bench.worker import part_command
from jaxcmp.cli import carry_out
from jaxcmp.files import path_argument
from jaxcmp.runtime.cuda import GRAPH_FLAG
from jaxcmp.text import say

TINY = {
    "vit": ("model.depth=2", "model.width=48", "model.mlp_width=96", "schedule.warmup_epochs=1"),
    "resnet": ("model.stage_widths=(8,16)", "model.stage_depths=(1,1)"),
}
TINY_SIZES = ("batch_size=16", "eval_batch_size=64")
# What a step is measured with, beside the defaults.
VARIANTS = {
    "defaults": (),
    "one step per dispatch": ("steps_per_dispatch=1",),
    "fifty steps per dispatch": ("steps_per_dispatch=50",),
    "plain attention": ("fused_attention=False",),
    "float32": ("compute_dtype=float32",),
    "batch 1024": ("batch_size=1024",),
}
# A CPU unrolls a dispatch, and takes minutes to compile fifty steps.
NOT_TINY = ("fifty steps per dispatch", "batch 1024")
# Seconds that a job may take to end after it was told to.
GRACE = 10


@dataclasses.dataclass(frozen=True)
class Job:
    """A command, the seconds it may take, and the fewest with which it is worth a start.

    Its standard output is a JSON object.
    """

    name: str
    command: Sequence[str]
    most: float
    least: float
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where a job failed or was cut off, 2 for a wrong command."""
    options = make_parser().parse_args(argv)
    return carry_out(lambda: check(options))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./launch/check_gpu", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("part", choices=("steps", "runs"), help="what to measure")
    parser.add_argument("--budget", type=float, default=420, help="seconds for all jobs (420)")
    parser.add_argument("--out", type=path_argument, default=Path("gpu-check"), help="a folder")
    parser.add_argument("--data", default="", help="the folder of TFDS with CIFAR-10")
    parser.add_argument("--epochs", type=cli.positive, default=100, help="of a whole run (100)")
    parser.add_argument("--tiny", action="store_true", help="small enough for two CPU cores")
    return parser


def check(options: argparse.Namespace) -> int:
    """Runs the jobs within the budget, prints a line for each, and returns the exit code."""
    end = time.monotonic() + options.budget
    jobs = step_jobs(options) if options.part == "steps" else whole_runs(options)
    num_failed = 0
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        (options.out / "results.jsonl").open("a") as results,
        (options.out / "messages.log").open("a") as messages,
    ):
        for job in jobs:
            left = end - time.monotonic()
            if left < job.least:
                say(f"{job.name}: no time is left", flush=True)
                continue
            result = run(job, seconds=min(left, job.most), messages=messages)
            num_failed += "failed" in result
            print(json.dumps({"job": job.name, **result}), file=results, flush=True)
            say(f"{job.name}: {describe(result)}", flush=True)
    return int(num_failed > 0)


def run(job: Job, *, seconds: float, messages: TextIO) -> dict[str, Any]:
    """Returns what a job measures; where it fails or takes too long, says so under "failed"."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": messages}
    process = subprocess.Popen(
        job.command, env=os.environ | job.environment, text=True, start_new_session=True, **pipes
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # The whole group, so that no process of a job keeps the GPU.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        return {"failed": f"it took more than {seconds:.0f} s"}
    if process.returncode:
        return {"failed": f"exit code {process.returncode}; messages.log says why"}
    try:
        return json.loads(out)
    except ValueError:
        return {"failed": f"it wrote no JSON: {out[:80]!r}"}


def describe(result: dict[str, Any]) -> str:
    """Writes a result in one line: a step's speed first, if it has one."""
    if "step_seconds" in result:
        memory = result["memory"]["device_bytes"] or result["memory"]["host_bytes"] or 0
        return (
            f"{1e3 * result['step_seconds']['median']:.3f} ms a step, "
            f"{result['images_per_second']:,.0f} images/s, "
            f"{result['steps_per_dispatch']} steps per dispatch, {memory / 1e9:.2f} GB"
        )
    if result.get("kind") == "peer":
        tasks = result["measured"]["tasks"]
        ratios = {part: task["ratio"]["median"] for part, task in tasks.items()}
        return ", ".join(f"{part} {ratio:.2f} of PyTorch's speed" for part, ratio in ratios.items())
    return json.dumps(result)


def step_jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yields the device, then each model's step: as it is, beside others, and in variants."""
    this = [sys.executable, on_device.__file__]
    yield Job("device", [*this, "about"], 60, 5)
    tiny = ["--tiny"] if options.tiny else []
    yield Job("attention of cuDNN beside the plain one", [*this, "attention", *tiny], 60, 15)
    arms = ("resnet", "vit")
    for arm in arms:
        yield step_job(options, arm, "defaults")
    for arm in arms:
        yield step_job(options, arm, "no graphs", XLA_FLAGS=f"--{GRAPH_FLAG}=")
        yield Job(f"{arm}, kernels", [*this, "profile", *arguments(options, arm)], 90, 30)
    for arm in arms:
        command = [sys.executable, "-m", "jaxcmp.bench", *arguments(options, arm, "defaults")]
        # PyTorch has no model of the tiny ResNet's shape.
        if not (options.tiny and arm == "resnet"):
            yield Job(f"{arm}, PyTorch", [*command, "--peer=torch", "--pairs=3", "--json"], 150, 60)
    left_out = {"defaults", *(NOT_TINY if options.tiny else ())}
    for variant in (name for name in VARIANTS if name not in left_out):
        for arm in arms:
            if not (arm == "resnet" and variant == "plain attention"):
                yield step_job(options, arm, variant)


def step_job(options: argparse.Namespace, arm: str, variant: str, **environment: str) -> Job:
    """Makes the job that measures the speed of a step in one of VARIANTS, or an environment."""
    command = part_command("size", [*arguments(options, arm, variant), "--rounds=5"])
    return Job(f"{arm}, {variant}", command, 90, 30, environment)


def arguments(options: argparse.Namespace, arm: str, variant: str = "") -> list[str]:
    """Returns the flags of an arm's configuration, in bfloat16 unless the variant says else."""
    changes = ["compute_dtype=bfloat16", *VARIANTS.get(variant, ())]
    if options.tiny:
        changes = [*TINY[arm], *TINY_SIZES, *changes]
    return [f"--config=configs/{arm}.py", *(f"--config.{change}" for change in changes)]


def whole_runs(options: argparse.Namespace) -> Iterator[Job]:
    """Yields runs as a user starts them, seed by seed, each with its result."""
    for seed in range(3):
        for arm in ("resnet", "vit"):
            folder = options.out / f"{arm}-{seed}"
            flags = [*arguments(options, arm), f"--config.seed={seed}"]
            flags += [f"--config.num_epochs={options.epochs}", f"--config.data.dir={options.data}"]
            if options.tiny:
                flags += ["--config.data.name=digits", "--config.model.image_size=8"]
            command = [sys.executable, on_device.__file__, "train", str(folder), *flags]
            yield Job(f"{arm}, seed {seed}, {options.epochs} epochs", command, 300, 30)


if __name__ == "__main__":
    sys.exit(main())
