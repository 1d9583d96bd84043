"""Writes a trained run as a file for other software, and a model card beside it.

python -m jaxcmp.export runs/vit/seed-0 --format=safetensors
python -m jaxcmp.export runs/vit/seed-0 --format=npz --out=vit.npz --checkpoint=best
python -m jaxcmp.export runs/vit/seed-0 --format=stablehlo --platforms=cpu,cuda
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError, carry_out
from jaxcmp.quiet import show_messages

FORMATS = ("safetensors", "npz", "stablehlo")
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


class Parser(argparse.ArgumentParser):
    """Complains in one line, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(message)


def main(argv: Sequence[str]) -> int:
    """The exit code: 0, 1 for what is in the way, 2 for a wrong command."""

    def command() -> None:
        options = parse(argv)
        export(
            options.run,
            format=options.format,
            out=options.out,
            which=options.checkpoint,
            platforms=options.platforms,
        )

    return carry_out(command)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Raises CommandError for anything on the command line that cannot be used."""
    parser = Parser(
        prog="python -m jaxcmp.export",
        description="Writes a trained run for other software, with a model card beside it.",
    )
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--format", required=True, help=", ".join(FORMATS))
    parser.add_argument(
        "--out", type=Path, help="the file (default: <arm>-seed-<seed>.<format>, in this folder)"
    )
    parser.add_argument(
        "--checkpoint", default="newest", help="newest (the default), best, or a step"
    )
    parser.add_argument(
        "--platforms", help="of stablehlo: where the program is to run (default: cpu,cuda)"
    )
    options = parser.parse_args(argv)
    if options.format not in FORMATS:
        raise CommandError(f"--format={options.format} is unknown; there are {', '.join(FORMATS)}")
    if options.checkpoint.isdecimal():
        options.checkpoint = int(options.checkpoint)
    elif options.checkpoint not in ("newest", "best"):
        raise CommandError(
            f"--checkpoint={options.checkpoint}: newest, best, or the number of a step"
        )
    if options.platforms is not None and options.format != "stablehlo":
        raise CommandError("--platforms is for --format=stablehlo: weights run anywhere")
    options.platforms = tuple((options.platforms or "cpu,cuda").split(","))
    for platform in options.platforms:
        if platform not in PLATFORMS:
            known = ", ".join(PLATFORMS)
            raise CommandError(f"--platforms: {platform!r} is unknown; there are {known}")
    return options


def export(
    folder: Path, *, format: str, out: Path | None, which: int | str, platforms: Sequence[str]
) -> Path:
    """Writes the file and its card, each whole or not at all; returns the file's path.

    What is there already stays: the same bytes are as good as written, others are refused. Raises
    JaxcmpError where the run cannot be read or the file not be written, and CommandError where the
    model has no such format or something else lies there.
    """
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.export.card import ExportedFile, model_card
    from jaxcmp.export.named_weights import named_weights
    from jaxcmp.export.portable import portable_program
    from jaxcmp.predict import restore
    from jaxcmp.runs import read_run

    trained, run = restore(folder, which), read_run(folder)
    path = out or Path(f"{run.config['arm']}-seed-{run.config['seed']}.{format}")
    if format == "stablehlo":
        content, note = portable_program(trained, platforms)
    else:
        content, note = named_weights(trained, format)
    digest = hashlib.sha256(content).hexdigest()
    file = ExportedFile(path.name, format, note, digest, len(content))
    try:
        card = model_card(run, trained, which, file)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise JaxcmpError(f"{folder} lacks what a run's files say ({reason})") from error
    card_path = path.with_name(f"{path.name}.md")
    missing = [each for each in ((path, content), (card_path, card.encode())) if _is_new(*each)]
    for target, each in missing:
        with files.writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(target, each)
    if not run.is_finished:
        print(f"{folder} is not finished: the card says so")
    print(f"{path}: {len(content):,} bytes, the weights of step {trained.step:,} of {folder}")
    print(f"{card_path}: what it is, how it was trained and tested, and how to load it")
    return path


def _is_new(path: Path, content: bytes) -> bool:
    """Whether there is nothing at `path` yet; raises CommandError if there is something else."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        return True
    except OSError as error:
        raise files.damaged(path, error.strerror) from error
    raise CommandError(f"{path} exists and holds something else: give another --out, or delete it")


if __name__ == "__main__":
    show_messages()
    sys.exit(main(sys.argv[1:]))
