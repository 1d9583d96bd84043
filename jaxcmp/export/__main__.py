"""Writes a trained run as a file for other software, and a model card beside it.

python -m jaxcmp.export runs/vit/seed-0 --format=safetensors
python -m jaxcmp.export runs/vit/seed-0 --format=npz --out=vit.npz --checkpoint=best
python -m jaxcmp.export runs/vit/seed-0 --format=stablehlo
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import files
from jaxcmp.cli import Parser, add_checkpoint, carry_out
from jaxcmp.errors import CommandError
from jaxcmp.files import path_argument
from jaxcmp.runs import Run, read_run
from jaxcmp.runtime.messages import show_messages
from jaxcmp.text import say

FORMATS = ("safetensors", "npz", "stablehlo")


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 0, 1 if something outside is in the way, 2 for a wrong command."""
    return carry_out(lambda: export(words))


def export(words: Sequence[str]) -> None:
    """Writes the file and its card, each whole or not at all.

    What is there already stays: the same bytes are as good as written, others are refused. Raises
    JaxcmpError where the run cannot be read or the file not be written, and CommandError where the
    model has no such format or something else lies there.
    """
    parser = Parser(
        "jaxcmp.export", "Writes a trained run for other software, with a model card beside it."
    )
    parser.add_argument("run", type=path_argument, help="a run folder")
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument(
        "--out",
        type=path_argument,
        help="the file (default: <arm>-seed-<seed>.<format>, in this folder)",
    )
    add_checkpoint(parser)
    options = parser.parse_args(words)
    folder, format, which = options.run, options.format, options.checkpoint
    if options.out is not None and not options.out.name:
        raise CommandError(f"--out={options.out} is a folder: name a file in it")
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.export.card import ExportedFile, model_card
    from jaxcmp.export.formats import named_weights, program
    from jaxcmp.predict import restore

    trained, run = restore(folder, which), read_run(folder)
    path = options.out or _default_path(run, format)
    is_program = format == "stablehlo"
    content, note = program(trained) if is_program else named_weights(trained, format)
    digest = hashlib.sha256(content).hexdigest()
    file = ExportedFile(path.name, format, note, digest, len(content))
    card = model_card(run, trained, which, file)
    card_path = path.with_name(f"{path.name}.md")
    contents = {path: content, card_path: card.encode()}
    for target in [target for target in contents if _is_new(target, contents[target])]:
        with files.writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(target, contents[target])
    if not run.is_finished:
        say(f"{folder} is not finished: the card says so")
    say(f"{path}: {len(content):,} bytes, the weights of step {trained.step:,} of {folder}")
    say(f"{card_path}: what it is, how it was trained and tested, and how to load it")


def _default_path(run: Run, format: str) -> Path:
    """Returns a path in the current folder, safe whatever a run folder calls its arm and seed."""
    named = f"{run.config['arm']}-seed-{run.config['seed']}.{format}"
    try:
        return Path(files.name(named, "the arm and seed"))
    except CommandError as error:
        raise CommandError(f"{run.folder}: {error}; give --out") from error


def _is_new(path: Path, content: bytes) -> bool:
    """Returns whether `path` is not written yet; raises CommandError if other content is there."""
    if not files.exists(path):
        return True
    with files.reading(path) as file:
        if file.read() == content:
            return False
    raise CommandError(f"{path} exists and holds something else: give another --out, or delete it")


if __name__ == "__main__":
    show_messages()
    sys.exit(main(sys.argv[1:]))
