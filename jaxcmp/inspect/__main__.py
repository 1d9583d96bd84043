"""The command that measures how finished runs see images, for the report's section "Why".

python -m jaxcmp.inspect runs/*
python -m jaxcmp.inspect runs/* --images=0        on all test images

Each run is measured after its last step, and untrained, with the random weights of its seed (also
if it began with pretrained ones), on the same test images for all runs. The results are written to
inspect.json in its folder, one measure after the other; the same command goes on with what is
missing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcmp.cli import Parser, add_run_folders, carry_out
from jaxcmp.errors import CommandError
from jaxcmp.runtime import host_memory
from jaxcmp.runtime.messages import show_messages
from jaxcmp.runtime.run_by_run import Report, find_runs, for_each_run


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 0, 1 where no run could be inspected, 2 where there is none."""
    return carry_out(lambda: inspect(words))


def inspect(words: Sequence[str]) -> None:
    """Inspects all runs in and below folders; prints a line for each, also for those left out.

    Raises CommandError where there is no run folder, JaxcmpError where no run could be inspected.
    """
    parser = Parser("jaxcmp.inspect", __doc__)
    add_run_folders(parser)
    parser.add_argument(
        "--images",
        type=int,
        help="how many test images to use; 0: all (default: 1000 on a CPU, all on a GPU)",
    )
    options = parser.parse_args(words)
    if options.images is not None and options.images < 0:
        raise CommandError(f"--images={options.images} must be at least 1, or 0 for all")
    found = find_runs(options.folders)
    host_memory.keep_for_steps()
    # JAX takes seconds to import: a mistyped folder need not wait for it.
    from jaxcmp.inspect.inspector import default_num_images, inspect_run
    from jaxcmp.runtime import compilation_cache, devices

    compilation_cache.enable()
    devices.check_any()
    images = default_num_images() if options.images is None else options.images

    def work(folder: Path, report: Report) -> tuple[str, bool]:
        taken = inspect_run(folder, images, report)
        return ", ".join(taken) or "nothing is missing", bool(taken)

    for_each_run(found, work, failed="no run could be inspected")


if __name__ == "__main__":
    show_messages()
    sys.exit(main(sys.argv[1:]))
