"""The command that compiles the steps for GPUs that are not there, and holds them to budgets.

python -m jaxcmp.gpu
python -m jaxcmp.gpu configs/vit.py --gpu=H100 --precision=bfloat16 --batch_sizes
python -m jaxcmp.gpu --write_budgets
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxcmp import files
from jaxcmp.errors import JaxcmpError, carry_out
from jaxcmp.experiment import COMPUTE_DTYPES
from jaxcmp.gpu import budgets
from jaxcmp.gpu.compiler import leave_devices_alone, why_unavailable
from jaxcmp.gpu.gpus import GPUS, Gpu
from jaxcmp.gpu.measurements import Measurement, measure
from jaxcmp.gpu.programs import steps
from jaxcmp.gpu.sheet import table
from jaxcmp.main import define_config, parse

CONFIGS = ("configs/vit.py", "configs/resnet.py")
STEPS = ("train", "eval")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where a budget is exceeded, 2 for a wrong command."""
    options, overrides = make_parser().parse_known_args(argv)
    # A table that goes into a file is as wide as it has to be.
    width = None if sys.stdout.isatty() else 200
    console = Console(markup=False, highlight=False, width=width)
    return carry_out(lambda: check(options, overrides, console))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jaxcmp.gpu",
        description="Compiles the training and evaluation steps for GPUs that need not be there, "
        "and exits with 1 where one needs more than its budget.",
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
        "--batch_sizes",
        action="store_true",
        help="compile at other sizes too, to confirm the largest batch that fits (much longer)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements there")
    parser.add_argument(
        "--budgets", type=Path, default=budgets.FILE, metavar="FILE", help="another budget file"
    )
    parser.add_argument(
        "--write_budgets", action="store_true", help="make what is measured the budgets"
    )
    return parser


def check(options: argparse.Namespace, overrides: Sequence[str], console: Console) -> int:
    """Measures, prints, compares with the budgets. Raises JaxcmpError."""
    configs = [
        parse(["", f"--config={path}", *overrides], define_config).config
        for path in options.configs
    ]
    if reason := why_unavailable():
        raise JaxcmpError(reason)
    leave_devices_alone()
    known = {} if options.write_budgets else budgets.read(options.budgets)
    measurements = []
    for each in measure_all(configs, options):
        console.print(f"{each.name}: compiled in {each.compile_seconds:.1f} s", soft_wrap=True)
        measurements.append(each)
    console.print()
    console.print(table(measurements))
    version = metadata.version("jax")
    if options.write_budgets:
        budgets.write(measurements, options.budgets, jax_version=version)
        console.print(f"budgets for jax {version}: {options.budgets}", soft_wrap=True)
        problems = budgets.forbidden(measurements)
    else:
        problems = budgets.exceeded(measurements, known, jax_version=version)
    if options.json:
        rows = [
            dataclasses.asdict(each) | {"roofline_seconds": each.roofline_seconds}
            for each in measurements
        ]
        report = {"jax": version, "problems": problems, "measurements": rows}
        files.replace_file(options.json, (files.to_json(report, indent=1) + "\n").encode())
    for problem in problems:
        print(f"jaxcmp: {problem}", file=sys.stderr)
    return 1 if problems else 0


def measure_all(configs: Sequence[Any], options: argparse.Namespace) -> Iterator[Measurement]:
    """Every step of every configuration at every precision for every GPU that was asked for."""
    for config in configs:
        for gpu, precision in _cases(options):
            for step in options.step or STEPS:

                def step_at(batch_size, *, config=config, precision=precision, step=step):
                    return steps(config, precision=precision, batch_size=batch_size)[step]

                yield measure(
                    step_at,
                    gpu,
                    arm=config.arm,
                    step=step,
                    precision=precision,
                    is_confirming=options.batch_sizes,
                )


def _cases(options: argparse.Namespace) -> Iterator[tuple[Gpu, str]]:
    for name in options.gpu or GPUS:
        for precision in GPUS[name].peak_flops:
            if precision in (options.precision or COMPUTE_DTYPES):
                yield GPUS[name], precision


if __name__ == "__main__":
    sys.exit(main())
