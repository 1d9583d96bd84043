"""Measures how fast this machine trains: a step and its parts, or one of three comparisons.

python -m jaxcmp.bench --config=configs/vit.py                      a step and its parts
python -m jaxcmp.bench --config=configs/vit.py --peer=torch         beside PyTorch
python -m jaxcmp.bench --config=configs/vit.py --scale=all          against the size of the work
python -m jaxcmp.bench --config=configs/vit.py --input=1500         streamed beside resident images
"""

import argparse
import functools
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from jaxcmp import cli
from jaxcmp.bench import peer, scale, worker
from jaxcmp.cli import carry_out
from jaxcmp.errors import CommandError
from jaxcmp.runtime import host_memory
from jaxcmp.settings import Settings, configuration
from jaxcmp.text import say


def make_parser() -> cli.Parser:
    parser = cli.config_parser("jaxcmp.bench", __doc__)
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="write what was measured to this file, or to standard output",
    )
    add = parser.add_argument
    add("--peer", help="torch: take turns with PyTorch")
    add(
        "--peer_python",
        default=sys.executable,
        help="the Python that has torch, torchvision and timm (default: this one)",
    )
    axes = ",".join(scale.AXES)
    add("--scale", help=f"what is varied, one at a time: all, or some of {axes}")
    add("--part", help="for processes that this command starts: what they measure")
    add_number = functools.partial(add, type=cli.positive)
    add_number("--rounds", help="samples of each timing (default: 20, or 5 of each size)")
    add_number(
        "--starts",
        default=3,
        help="processes that compile anew, and as many that start from their cache",
    )
    add_number("--pairs", default=5, help="samples of each side in a comparison")
    add_number("--input", help="feed this many made-up JPEG images")
    add_number("--stored", default=256, help="their side in the files, in pixels")
    return parser


def run(argv: Sequence[str]) -> None:
    """Measures, prints tables and writes the file. Raises JaxcmpError."""
    options = cli.parse(make_parser(), argv[1:])
    # No data set says how many classes and pixels there are: as many as CIFAR-10 has.
    model = options.config.model
    model.num_classes = model.num_classes or 10
    model.image_size = model.image_size or options.config.data.image_size or 32
    settings = configuration.settings_of(options.config)
    if options.part:
        measure_part(options.part, settings, rounds=options.rounds or 5)
        return
    check(options, settings)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    kind, measured = measure(options, settings, argv[1:])
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.bench import record, speed_page

    config, measured = options.config.to_dict(), {"load_before": load} | measured
    # The file's name may be a word of its own.
    command = [word for word in argv if word != options.json]
    made = record.make_record(kind, command, config, measured)
    for line in f"{record.provenance(made)}\n\n{speed_page.table(made)}".splitlines():
        # With --json alone, standard output is for another program.
        say(line, to_stderr=options.json == "-")
    if options.json is not None:
        record.write_record(options.json, made)


def check(options: argparse.Namespace, settings: Settings) -> None:
    if options.peer not in (None, "torch"):
        raise CommandError(f"--peer={options.peer} must be torch")
    if sum(map(bool, (options.peer, options.scale, options.input))) > 1:
        raise CommandError("--peer, --scale and --input must be given one at a time")
    if options.input and options.input < settings.batch_size:
        raise CommandError(
            f"--input={options.input} must be at least the batch size, {settings.batch_size}"
        )


def measure(
    options: argparse.Namespace, settings: Settings, arguments: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """Returns the kind of measurement that the flags ask for, and what was measured."""
    if options.peer:
        pairs = {"peer_python": options.peer_python, "num_pairs": options.pairs}
        return "peer", peer.compare(settings, arguments, **pairs)
    if options.scale:
        return "scale", scale.measure_sizes(settings, arguments, options.scale)
    if options.input:
        host_memory.keep_for_steps()
        from jaxcmp.bench.input import measure_input

        sizes = {"num_images": options.input, "stored_size": options.stored}
        return "input", measure_input(settings, **sizes, rounds=options.rounds or 20)
    # Before this process takes memory and the device.
    measured = {"starts": worker.measure_starts(arguments, num_starts=options.starts)}
    host_memory.keep_for_steps()
    from jaxcmp.bench.measure import measure as measure_here

    return "speed", measured | measure_here(settings, rounds=options.rounds or 20)


def measure_part(part: str, settings: Settings, *, rounds: int) -> None:
    """Does what another process of this command asks for, and answers in JSON."""
    # What libraries print goes to standard error, so that answers stay whole lines.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    host_memory.keep_for_steps()
    from jaxcmp.bench import measure

    if part == "start":
        print(json.dumps(measure.measure_start(settings)), file=answers)
    elif part == "size":
        print(json.dumps(measure.measure_size(settings, rounds=rounds)), file=answers)
    elif part in peer.PARTS:
        timed, description = measure.side_of_comparison(part, settings)
        # Warm before it says that it is ready.
        timed(1)
        print(json.dumps(description), file=answers)
        for line in sys.stdin:
            print(timed(int(line)), file=answers)
    else:
        raise CommandError(f"--part={part} must be start, size, {', '.join(peer.PARTS)}")


if __name__ == "__main__":
    sys.exit(carry_out(lambda: run(sys.argv)))
