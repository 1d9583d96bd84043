"""The command that evaluates finished runs on other images, for the report.

python -m jaxcmp.evaluate runs/*                                        the runs' own test images
python -m jaxcmp.evaluate runs/* --config.data.name=cifar10_corrupted/fog_3
python -m jaxcmp.evaluate runs/* --split=validation --checkpoint=best

Each run is evaluated with its own configuration, and with --config.KEY=VALUE for the images: a data
set with the same classes by name, in any order, or with some of them; a folder of images need have
none to train on. KEY is data.name, data.dir, data.manual_dir, data.image_size, data.fit,
data.skip_bad, data.classes, data.test_fraction, data.placement or eval_batch_size. Images are
resized and normalised as in training. The results are written to evaluations/NAME in each run's
folder; the same command goes on with what is missing. Without other images it repeats the run's own
evaluation and says whether the logits are the same.
"""

import sys
from collections.abc import Sequence

from jaxcmp import cli
from jaxcmp.cli import Parser, add_checkpoint, add_run_folders, carry_out
from jaxcmp.errors import CommandError
from jaxcmp.runtime import host_memory
from jaxcmp.runtime.messages import show_messages
from jaxcmp.runtime.run_by_run import find_runs, for_each_run


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 0, 1 where no run could be evaluated, 2 for a wrong command."""
    return carry_out(lambda: evaluate(words))


def make_parser() -> Parser:
    parser = Parser("jaxcmp.evaluate", __doc__)
    add_run_folders(parser)
    parser.add_argument(
        "--split",
        default="test",
        help="test (default); train or validation, of the run's own data set as the run divided "
        "it; or any split of the data set",
    )
    add_checkpoint(parser)
    parser.add_argument("--name", default="", help="the evaluation's folder (default: its images)")
    parser.add_argument(
        "--by_position",
        action="store_true",
        help="take the first class for the model's first, and so on, whatever their names",
    )
    parser.add_argument("--overwrite", action="store_true", help="repeat what is there already")
    return parser


def evaluate(words: Sequence[str]) -> None:
    """Evaluates runs; prints a line for each, also for those left out."""
    given, others = cli.split(words)
    options = vars(make_parser().parse_args(others))
    if given.file:
        raise CommandError(
            "--config: each run has its own configuration; --config.data.name=NAME and other "
            "keys change the images"
        )
    # JAX takes seconds to import: a mistyped option or folder need not wait for it.
    found = find_runs(options.pop("folders"))
    host_memory.keep_for_steps()
    from jaxcmp.evaluate.evaluator import evaluate_run
    from jaxcmp.evaluate.request import Request
    from jaxcmp.runtime import compilation_cache, devices

    request = Request(given.overrides, **options)
    request.check()
    compilation_cache.enable()
    devices.check_any()
    for_each_run(
        found,
        lambda folder, report: evaluate_run(folder, request, report),
        failed="no run could be evaluated",
    )


if __name__ == "__main__":
    show_messages()
    sys.exit(main(sys.argv[1:]))
