"""How fast batches get to the devices: looked up there, or streamed from files.

python -m jaxcmp.bench.input --config=configs/resnet.py --config.model.image_size=224
"""

import sys
from collections.abc import Sequence

from jaxcmp import host_memory
from jaxcmp.bench import record
from jaxcmp.bench.command import parse
from jaxcmp.errors import CommandError, carry_out

FLAGS = {
    "json": (None, "Write what was measured to this file, or with - to standard output."),
    "rounds": (30, "Samples of each timing."),
    "images": (1500, "How many images are made up for training."),
    "stored": (256, "Their side in the files, in pixels; reading brings them to the model's."),
}


def main(argv: Sequence[str]) -> None:
    options = parse(argv, FLAGS, __doc__)
    config = options.config
    if options.images < config.batch_size:
        raise CommandError(f"--images={options.images} must be at least {config.batch_size}")
    load = record.load_average()
    host_memory.keep_for_steps()
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.bench import terminal
    from jaxcmp.bench.feeding import measure

    measured = measure(
        config, num_images=options.images, stored_size=options.stored, rounds=options.rounds
    )
    made = record.make_record("input", argv, config.to_dict(), {"load_before": load} | measured)
    terminal.show(made, to_stderr=options.json == "-")
    if options.json is not None:
        record.write_record(options.json, made)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
