"""The command that compiles the training steps for 64 GPUs that are not there.

python -m jaxcmp.collectives --json=docs/scale/both.json
python -m jaxcmp.collectives --platform=cpu --devices=8 configs/vit.py:digits
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxcmp import files
from jaxcmp.collectives import many_devices
from jaxcmp.collectives.messages import KINDS
from jaxcmp.environment import command_line
from jaxcmp.errors import carry_out
from jaxcmp.gpu.compiler import leave_devices_alone
from jaxcmp.gpu.gpus import GPUS
from jaxcmp.main import define_config, parse

CONFIGS = ("configs/vit.py", "configs/resnet.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options, overrides = make_parser().parse_known_args(argv)
    return carry_out(lambda: describe(options, overrides))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jaxcmp.collectives",
        description="Compiles the training steps for many devices that need not be there, and says "
        "what these send to each other in a step.",
        epilog="--config.key=value changes a setting of every configuration.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "configs", nargs="*", default=CONFIGS, help="configuration files (default: both)"
    )
    parser.add_argument("--devices", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--batch", type=int, default=128, help="images per device (default: 128)")
    choices = (*GPUS, "cpu")
    parser.add_argument("--platform", choices=choices, default="H100", help="default: H100")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was read there")
    return parser


def describe(options: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Compiles, prints, writes. Raises JaxcmpError."""
    configs = [
        parse(["", f"--config={path}", *overrides], define_config).config
        for path in options.configs
    ]
    leave_devices_alone()
    mesh = many_devices.make_mesh(options.platform, options.devices)
    arms = []
    for config in configs:
        arm = many_devices.describe(
            config, mesh, platform=options.platform, batch_per_device=options.batch
        )
        for line in summary(arm):
            print(line)
        arms.append(arm)
    if options.json:
        report: dict[str, Any] = {
            "platform": options.platform,
            "devices": options.devices,
            "jax": metadata.version("jax"),
            "command": command_line(sys.argv),
            "arms": arms,
        }
        files.replace_file(options.json, (files.to_json(report, indent=1) + "\n").encode())


def summary(arm: dict[str, Any]) -> list[str]:
    """A line for each kind of collective."""
    lines = []
    for kind in KINDS:
        sizes = [each["bytes"] for each in arm["messages"] if each["kind"] == kind]
        if sizes:
            lines.append(f"{arm['arm']}: {len(sizes)} x {kind}, {sum(sizes):,} bytes")
    return lines


if __name__ == "__main__":
    sys.exit(main())
