"""Compiles the training and evaluation steps for GPUs without one, and compares with budgets.

./launch/check_cuda                                       every step, precision and GPU
./launch/check_cuda configs/vit.py --gpu=H100 --precision=bfloat16 --step=train
./launch/check_cuda --write_budgets                       after a change that is meant for GPUs
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import budgets
from budgets import Measurement
from compiler import compile_for, leave_devices_alone, why_unavailable
from gpus import GPUS, Gpu
from hlo import parse
from launches import count
from steps import Step, make_steps
from thunks import host_launches

from jaxcmp import cli
from jaxcmp.cli import carry_out
from jaxcmp.errors import JaxcmpError
from jaxcmp.experiment import COMPUTE_DTYPES
from jaxcmp.files import path_argument
from jaxcmp.text import say

CONFIGS = ("configs/vit.py", "configs/resnet.py")
STEPS = ("train", "eval")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where a budget is exceeded, 2 for a wrong command."""
    options, overrides = make_parser().parse_known_args(argv)
    return carry_out(lambda: check(options, overrides))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./launch/check_cuda",
        description="Compiles the training and evaluation steps for GPUs that need not be there, "
        "and exits with 1 where a step exceeds its budget.",
        epilog="--config.key=value changes a setting of every configuration.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "configs", nargs="*", default=CONFIGS, help="configuration files (default: both)"
    )
    choices = {"gpu": tuple(GPUS), "precision": tuple(COMPUTE_DTYPES), "step": STEPS}
    for name, values in choices.items():
        parser.add_argument(
            f"--{name}", action="append", choices=values, help="one of them; may be repeated"
        )
    parser.add_argument(
        "--budgets",
        type=path_argument,
        default=budgets.FILE,
        metavar="FILE",
        help="another budget file",
    )
    parser.add_argument(
        "--write_budgets", action="store_true", help="make the measured values the budgets"
    )
    return parser


def check(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Measures, prints and compares with the budgets; returns the exit code."""
    configs = [
        cli.parse(cli.config_parser("jaxcmp", None), [f"--config={path}", *overrides]).config
        for path in options.configs
    ]
    if reason := why_unavailable():
        raise JaxcmpError(reason)
    leave_devices_alone()
    known = {} if options.write_budgets else budgets.read(options.budgets)
    measurements = []
    for measurement in measure_all(configs, options):
        say(measurement.describe(), flush=True)
        measurements.append(measurement)
    version = metadata.version("jax")
    problems = list(budgets.forbidden(measurements))
    if options.write_budgets:
        budgets.write(measurements, options.budgets, jax_version=version)
        say(f"budgets for jax {version}: {options.budgets}")
    else:
        problems += budgets.exceeded(measurements, known, jax_version=version)
    for problem in problems:
        say(f"jaxcmp: {problem}", to_stderr=True)
    return 1 if problems else 0


def measure_all(configs: Sequence[Any], options: argparse.Namespace) -> Iterator[Measurement]:
    """Measures each chosen step of each configuration at each chosen precision and GPU."""
    for config in configs:
        for name in options.gpu or GPUS:
            for precision in GPUS[name].precisions:
                if precision not in (options.precision or COMPUTE_DTYPES):
                    continue
                steps = make_steps(config, precision=precision, gpu=GPUS[name])
                for step in options.step or STEPS:
                    measured = f"{config.arm} {step} {precision} {name}"
                    yield measure(measured, steps[step], GPUS[name])


def measure(name: str, step: Step, gpu: Gpu) -> Measurement:
    """Compiles a step for a GPU. Raises JaxcmpError where the compiler refuses."""
    compiled = compile_for(gpu, step.function, step.arguments, donated=step.donated)
    module = parse(compiled.text)
    counts = count(module)
    return Measurement(
        name=name,
        compile_seconds=compiled.seconds,
        host_launches=host_launches(compiled.thunks, module),
        kernels=counts.kernels,
        library_calls=counts.library_calls,
        bytes=counts.bytes,
        temporary_bytes=compiled.temporary_bytes,
        copied_bytes=step.donated_bytes - compiled.reused_bytes,
        transfers=tuple(counts.transfers),
        float64=tuple(counts.float64),
    )


if __name__ == "__main__":
    sys.exit(main())
