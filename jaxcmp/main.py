"""Trains one run.

python -m jaxcmp.main --config=configs/vit.py
python -m jaxcmp.main --config=configs/resnet.py --workdir=runs/resnet/seed-1 --config.seed=1

Compiled programs are cached in ~/.cache/jaxcmp/compiled for later runs of the same kind.
JAX_COMPILATION_CACHE_DIR sets another folder; JAX_ENABLE_COMPILATION_CACHE=false turns this off.

Ctrl-C, SIGTERM and a lost terminal stop a run after the step in progress: it is saved, the exit
code is 75, and the same command goes on. Before the first step they end it at once, with 130, 143
or 129.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcmp import cli, files
from jaxcmp.cli import carry_out
from jaxcmp.errors import CommandError
from jaxcmp.runtime import host_memory, interrupt
from jaxcmp.runtime.entry_points import shown
from jaxcmp.runtime.messages import show_messages
from jaxcmp.settings import Settings, configuration
from jaxcmp.text import say


def make_parser() -> cli.Parser:
    parser = cli.config_parser("jaxcmp.main", __doc__)
    parser.add_argument("--workdir", help="the run folder (default: runs/<arm>/seed-<seed>)")
    parser.add_argument(
        "--preview",
        metavar="FILE",
        help="write a contact sheet of augmented images to this PNG file instead of training",
    )
    parser.add_argument(
        "--profile",
        metavar="DIR",
        help="write a trace of ten steps, the 11th to the 20th, into this folder",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="join a run of several processes, started by SLURM, Open MPI or Kubernetes",
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Trains, or writes a contact sheet; returns the exit code: see `cli.carry_out`."""
    return carry_out(lambda: run(argv[1:]), interrupted=interrupt.BEFORE_FIRST_STEP)


def run(words: Sequence[str]) -> None:
    """Parses the arguments, joins other processes if asked to, and trains. Raises JaxcmpError."""
    options = cli.parse_options(make_parser(), words)
    host_memory.keep_for_steps()
    if not options.distributed:
        train_or_preview(options)
        return
    from jaxcmp.runtime import cluster

    interrupt.watch()
    # The configuration is checked inside, so that an error ends the other processes too.
    with cluster.joined():
        train_or_preview(options)


def train_or_preview(options: argparse.Namespace) -> None:
    config = cli.load_config(options.given)
    if "arms" in config:
        raise CommandError(f"the configuration is of a study: {shown('jaxcmp.study')} trains it")
    settings = configuration.settings_of(config)
    if not options.distributed:
        say(f"{settings.arm}, seed {settings.seed}: loading JAX and the images", flush=True)
    # JAX and the data libraries take seconds to import: a mistyped option fails before that.
    from jaxcmp import train
    from jaxcmp.runtime import compilation_cache, devices

    show_messages()
    interrupt.watch()
    compilation_cache.enable()
    devices.check_any()
    if options.preview is not None:
        preview(settings, files.user_path(options.preview, "--preview"))
        return
    folder = files.user_path(options.workdir, "--workdir") if options.workdir else None
    profile = files.user_path(options.profile, "--profile") if options.profile else None
    train.train(
        settings,
        workdir=folder or default_workdir(settings),
        given=options.given,
        profile=profile,
    )


def default_workdir(settings: Settings) -> Path:
    return Path("runs", settings.arm, f"seed-{settings.seed}")


def preview(settings: Settings, path: Path) -> None:
    """Writes a contact sheet of training images beside augmented copies of them."""
    import jax

    from jaxcmp.augment.preview import check_name
    from jaxcmp.augment.preview import preview as write_preview
    from jaxcmp.experiment import prepare

    # Before data is read, which may take minutes.
    check_name(path)
    experiment = prepare(settings)
    train = experiment.dataset.train
    num_images = min(16, len(train.labels))
    write_preview(
        experiment.step.augment,
        jax.random.key(settings.seed),
        train.images[:num_images],
        train.labels[:num_images],
        path,
    )
    say(f"{num_images} images, each beside eight augmented copies: {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
