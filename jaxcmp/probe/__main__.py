"""A quick answer about weights: logistic regression on what they let the head see.

python -m jaxcmp.probe --config=configs/transfer.py:vit_ti16 --config.init.path=Ti_16.npz
python -m jaxcmp.probe --config=configs/resnet.py:digits --num_train=500 --json=probe.json

The network stays as it is: each image passes through it once, without augmentation. Without
--config.init.path its weights are random, which makes a baseline. How strongly the regression is
regularised is chosen on a fifth of the training images; the test images are looked at once.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from rich.console import Console

from jaxcmp import files, host_memory, main
from jaxcmp.errors import carry_out
from jaxcmp.plain_table import plain_table
from jaxcmp.quiet import show_messages


def define_flags(argv: Sequence[str]) -> flags.FlagValues:
    values = main.define_config(argv)
    main.define_flag(values, "json", None, "Write what was found to this file.")
    words = "Training images to use, of each class its share; 0: all."
    main.define_flag(values, "num_train", 0, words)
    return values


def run(argv: Sequence[str]) -> None:
    """Prints a small table. Raises JaxcmpError."""
    options = main.parse(argv, define_flags, __doc__)
    host_memory.keep_for_steps()
    # JAX takes seconds to import: a mistyped flag need not wait for it.
    from jaxcmp import compilation_cache

    show_messages()
    compilation_cache.enable()
    found = probe(options.config, num_train=options.num_train)
    show(found)
    if options.json is not None:
        files.replace_file(Path(options.json), files.to_json(found, indent=1).encode() + b"\n")


def probe(config: Any, *, num_train: int) -> dict[str, Any]:
    """What `--json` writes; `num_train` is 0 for all images. Raises JaxcmpError."""
    import jax

    from jaxcmp.environment import describe_environment
    from jaxcmp.experiment import prepare, read_weights
    from jaxcmp.probe import frozen, regression

    start = time.perf_counter()
    # Before data is read, which may take minutes.
    source = read_weights(config)
    experiment = prepare(config, weights=source)
    dataset = experiment.dataset
    train = frozen.part(dataset.train, num_train, seed=config.seed)
    splits = {"train": train, "test": dataset.test}
    variables, weights = frozen.weights_of(config, experiment, source)
    ready = time.perf_counter()
    features = {
        name: frozen.features_of(
            experiment, variables, split.images, batch_size=config.eval_batch_size
        )
        for name, split in splits.items()
    }
    seen = time.perf_counter()
    fitted = regression.fit(features["train"], train.labels, seed=config.seed)
    end = time.perf_counter()
    scores = {
        name: regression.score(fitted.answers(features[name]), split.labels)
        for name, split in splits.items()
    }
    return {
        "schema": 1,
        "arm": config.arm,
        "weights": weights,
        "num_features": features["train"].shape[1],
        "C": fitted.strength,
        "has_converged": fitted.has_converged,
        **scores,
        "seconds": {"start": ready - start, "features": seen - ready, "regression": end - seen},
        "data": experiment.describe_data(),
        "config": config.to_dict(),
        "environment": describe_environment(
            device=jax.devices()[0].device_kind,
            device_count=jax.device_count(),
            precision=config.compute_dtype,
        ),
    }


def show(found: dict[str, Any]) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    weights, seconds = found["weights"], found["seconds"]
    words = "random weights"
    if weights is not None:
        counts = Counter(row["what"] for row in weights["rows"])
        told = ", ".join(f"{number} {what}" for what, number in counts.items())
        words = f"{Path(weights['path']).name} ({told})"
    console.print(f"{found['arm']}, {words}: logistic regression on frozen features")
    table = plain_table("images", "accuracy", "95 % interval", "n")
    for name in ("train", "test"):
        low, high = found[name]["interval"]
        cells = (f"{found[name]['accuracy']:.2%}", f"{low:.2%} to {high:.2%}")
        table.add_row(name, *cells, f"{found[name]['n']:,}")
    console.print(table)
    console.print(
        f"{found['num_features']:,} features, C={found['C']:g}; features in "
        f"{seconds['features']:.1f} s, regression in {seconds['regression']:.1f} s"
    )
    if not found["has_converged"]:
        console.print("The regression was stopped before it had converged.")


if __name__ == "__main__":
    sys.exit(carry_out(lambda: run(sys.argv)))
