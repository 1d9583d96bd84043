"""The speed of a configuration on this machine, alone or side by side with PyTorch.

python -m jaxcmp.bench --config=configs/vit.py
python -m jaxcmp.bench --config=configs/vit.py --peer=torch --json=ratios.json
"""

import sys
from collections.abc import Sequence

from jaxcmp import host_memory
from jaxcmp.bench import peer, record
from jaxcmp.bench.command import overrides, parse
from jaxcmp.bench.starts import measure_starts
from jaxcmp.errors import CommandError, carry_out

FLAGS = {
    "json": (None, "Write what was measured to this file, or with - to standard output."),
    "peer": (None, "torch: compare with PyTorch, in turns, instead."),
    "rounds": (20, "Samples of each timing."),
    "starts": (3, "Fresh processes that compile anew, and again from the cache they left."),
    "pairs": (5, "Samples of each side in a comparison."),
}


def main(argv: Sequence[str]) -> None:
    options = parse(argv, FLAGS, __doc__)
    config, arguments = options.config, overrides(argv)
    if options.peer not in (None, "torch"):
        raise CommandError(f"--peer={options.peer} is unknown; there is torch")
    load = record.load_average()
    if options.peer:
        kind, measured = "peer", peer.compare(config, arguments, num_pairs=options.pairs)
    else:
        # Before this process takes memory and the device.
        starts = measure_starts(arguments, num_starts=options.starts)
        host_memory.keep_for_steps()
        from jaxcmp.bench.speed import measure

        kind = "speed"
        measured = {"starts": starts} | measure(config, rounds=options.rounds)
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp.bench import terminal

    made = record.make_record(kind, argv, config.to_dict(), {"load_before": load} | measured)
    # What another program reads stands alone on standard output.
    terminal.show(made, to_stderr=options.json == "-")
    if options.json is not None:
        record.write_record(options.json, made)


if __name__ == "__main__":
    sys.exit(carry_out(lambda: main(sys.argv)))
