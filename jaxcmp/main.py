"""The command: flags to a configuration, a configuration to a finished run.

python -m jaxcmp.main --config=configs/vit.py
python -m jaxcmp.main --config=configs/resnet.py --workdir=runs/resnet/seed-1 --config.seed=1

Compiled programs are kept for later runs of the same kind in ~/.cache/jaxcmp/compiled;
JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false keeps none.
"""

import contextlib
import difflib
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxcmp import host_memory
from jaxcmp.errors import CommandError, JaxcmpError, carry_out
from jaxcmp.quiet import show_messages

HINT = "for example --config=configs/vit.py or --config=configs/resnet.py:digits"

HELP = {"--help", "-help", "-h", "--helpfull", "--helpshort"}


def define_config(argv: Sequence[str]) -> flags.FlagValues:
    """The flag that every command with a configuration shares; others are added to its result."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config",
        None,
        "A file with get_config, and a variant of it: configs/vit.py:cpu.",
        flag_values=values,
        lock_config=True,
        sys_argv=list(argv),
    )
    return values


def define_flag(values: flags.FlagValues, name: str, default: int | str | None, words: str) -> None:
    """A flag of one value: a whole number if the default is one, otherwise a word."""
    if isinstance(default, int):
        flags.DEFINE_integer(name, default, words, flag_values=values)
    else:
        flags.DEFINE_string(name, default, words, flag_values=values)


def define_flags(argv: Sequence[str]) -> flags.FlagValues:
    values = define_config(argv)
    for name, words in (
        ("workdir", "The run folder; runs/<arm>/seed-<seed> if unset."),
        ("preview", "A PNG file for a contact sheet of augmented images, instead of training."),
    ):
        define_flag(values, name, None, words)
    words = "One of several processes, as SLURM, Open MPI or Kubernetes start them."
    flags.DEFINE_boolean("distributed", False, words, flag_values=values)
    return values


def parse(
    argv: Sequence[str],
    define: Callable[[Sequence[str]], flags.FlagValues] = define_flags,
    about: str | None = __doc__,
) -> flags.FlagValues:
    """The flags that `define` names, among them the configuration with its overrides.

    Of a setting that is given twice, the last counts. Raises CommandError for anything on the
    command line that cannot be used.
    """
    argv = _last_of_each(argv)
    values = define(argv)
    if not HELP.isdisjoint(argv):
        print(f"{about}\n{values.get_help()}")
        sys.exit(0)
    # A config file imports what it shares with others as configs.shared, from any folder.
    sys.path.append(str(Path(_config_value(argv).partition(":")[0]).resolve().parent.parent))
    try:
        rest = values(list(argv))
    except JaxcmpError:
        raise
    except Exception as error:  # A configuration is a program: anything can go wrong in it.
        raise CommandError(_explain(error, argv)) from error
    if len(rest) > 1:
        raise CommandError(f"{rest[1]!r} is not a flag; an override is --config.key=value")
    return values


def main(argv: Sequence[str]) -> int:
    """The exit code: 0, 1 for what is in the way, 2 for a wrong command, 75 if interrupted."""
    # Once a run takes steps, it handles signals itself.
    words = "interrupted before the first step; nothing is lost"
    return carry_out(lambda: run(argv), interrupted=words)


def run(argv: Sequence[str]) -> None:
    """Trains, or writes a contact sheet. Raises JaxcmpError."""
    options = parse(argv)
    config = options.config
    host_memory.keep_for_steps()
    # JAX and the data libraries take seconds to import: a mistyped flag need not wait for them.
    from jaxcmp import cluster, compilation_cache, train

    show_messages()
    compilation_cache.enable()
    if options.preview is not None:
        preview(config, Path(options.preview))
        return
    given = config_flags.get_override_values(options["config"])
    with cluster.joined() if options.distributed else contextlib.nullcontext():
        train.train(
            config,
            workdir=Path(options.workdir or f"runs/{config.arm}/seed-{config.seed}"),
            overrides=[f"{key}={value}" for key, value in given.items()],
        )


def preview(config: Any, path: Path, *, num_images: int = 16) -> None:
    """Writes a contact sheet of training images and what the network sees of them."""
    import jax

    from jaxcmp.augment.preview import preview as write_preview
    from jaxcmp.experiment import prepare

    experiment = prepare(config)
    train = experiment.dataset.train
    num_images = min(num_images, len(train.labels))
    write_preview(
        experiment.augment,
        jax.random.key(config.seed),
        train.images[:num_images],
        train.labels[:num_images],
        mean=experiment.dataset.mean,
        std=experiment.dataset.std,
        path=path,
    )
    print(f"{num_images} images, each beside eight draws: {path}")


def _config_value(argv: Sequence[str]) -> str:
    """What --config is given, checked to name a file."""
    values = [arg.partition("=")[2] for arg in argv if arg.lstrip("-").startswith("config=")]
    values += [value for flag, value in pairwise(argv) if flag in ("--config", "-config")]
    if not values:
        raise CommandError(f"no configuration given; {HINT}")
    path = values[-1].partition(":")[0]
    if not Path(path).is_file():
        raise CommandError(f"configuration {path!r} is not a file; {HINT}")
    return values[-1]


def _last_of_each(argv: Sequence[str]) -> list[str]:
    """Without what is given again further on: tuples would be joined, and two files not be read."""
    parts: list[tuple[str, list[str]]] = []
    for word in argv:
        name = word.lstrip("-").partition("=")[0] if word[:2] in ("--", "-c") else ""
        last_name, last_words = parts[-1] if parts else ("", [])
        if last_name and not name and len(last_words) == 1 and "=" not in last_words[0]:
            last_words.append(word)
        else:
            parts.append((name, [word]))
    names = [name for name, _ in parts]
    return [
        word
        for i, (name, words) in enumerate(parts)
        if name.partition(".")[0] != "config" or name not in names[i + 1 :]
        for word in words
    ]


def _explain(error: Exception, argv: Sequence[str]) -> str:
    """One line for an error of the flag libraries; the nearest key where a key is unknown."""
    path, _, variant = _config_value(argv).partition(":")
    try:
        known = list(_keys(runpy.run_path(path)["get_config"](*[variant] * bool(variant))))
    except Exception as failure:
        words = f"{type(failure).__name__}: {failure}".splitlines()[0]
        return f"configuration {path!r} cannot be loaded: {words}"
    if isinstance(error, (AttributeError, KeyError)):
        for arg in argv[1:]:
            key = arg.lstrip("-").partition("=")[0].removeprefix("config.")
            if arg.lstrip("-").startswith("config.") and key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.3)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                return f"configuration key {key!r} is unknown{hint}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    # ml_collections puts a traceback into the message; its last line is what went wrong.
    return lines[-1] if "Traceback" in str(error) else lines[0]


def _keys(config: ConfigDict, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, ConfigDict):
            yield from _keys(value, f"{prefix}{key}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
