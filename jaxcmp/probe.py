"""A quick test of weights: logistic regression on the features of a frozen network.

python -m jaxcmp.probe --config=configs/transfer.py:vit_ti16 --config.init.path=Ti_16.npz
python -m jaxcmp.probe --config=configs/resnet.py:digits --num_train=500 --json=probe.json

Each image passes through the network once, without augmentation. Without --config.init.path the
weights are random, which gives a baseline. The strength of the penalty is chosen on a fifth of
the training images; the test images are used once.
"""

import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array
from scipy.stats import binomtest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxcmp import cli, files, models, pretrained
from jaxcmp.augment import unaugmented
from jaxcmp.cli import carry_out
from jaxcmp.data import Split
from jaxcmp.data.random_streams import stream
from jaxcmp.data.splits import held_out, stratified_fraction
from jaxcmp.data.streaming import Images
from jaxcmp.data.whole_split import batch_for, in_batches
from jaxcmp.errors import CommandError
from jaxcmp.experiment import Experiment, prepare, read_weights
from jaxcmp.models.packing import unpack
from jaxcmp.runner import keys_of_run
from jaxcmp.runtime import compilation_cache, devices, host_memory, interrupt
from jaxcmp.runtime.environment import describe_environment
from jaxcmp.runtime.messages import show_messages
from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import settings_of
from jaxcmp.text import PlainConsole, plain_table

# scikit-learn's C: the inverse of the penalty's strength; the strongest penalty comes first.
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
HELD_OUT = 0.2
MAX_ITERATIONS = 2000
# With fewer images of a class, none could be held out to choose the strength.
MIN_IMAGES_OF_A_CLASS = 3


def make_parser() -> cli.Parser:
    parser = cli.config_parser("jaxcmp.probe", __doc__)
    parser.add_argument("--json", metavar="FILE", help="write the results to this file")
    parser.add_argument(
        "--num_train",
        type=int,
        default=0,
        help="number of training images to use, in the same class proportions (default: all)",
    )
    return parser


def run(words: Sequence[str]) -> None:
    """Prints a table of the results. Raises JaxcmpError."""
    options = cli.parse(make_parser(), words)
    host_memory.keep_for_steps()
    show_messages()
    interrupt.watch()
    compilation_cache.enable()
    devices.check_any()
    path = None if options.json is None else files.user_path(options.json, "--json")
    if path is not None:
        files.check_writable(path)
    results = probe(settings_of(options.config), num_train=options.num_train)
    show(results)
    if path is not None:
        files.replace_file(path, files.to_json(results, indent=1).encode() + b"\n")


def probe(settings: Settings, *, num_train: int) -> dict[str, Any]:
    """Returns the content of `--json`; `num_train` is 0 for all images. Raises JaxcmpError."""
    start = time.perf_counter()
    # Checked before data is read, which may take minutes.
    source = read_weights(settings)
    experiment = prepare(settings, weights=source)
    dataset = experiment.dataset
    splits = {"train": take(dataset.train, num_train, settings.seed), "test": dataset.test}
    variables, weights = initial_variables(experiment, settings.seed, source)
    ready = time.perf_counter()
    features = {
        name: features_of(experiment, variables, split.images, batch_size=settings.eval_batch_size)
        for name, split in splits.items()
    }
    computed = time.perf_counter()
    regression = fit(features["train"], splits["train"].labels, seed=settings.seed)
    end = time.perf_counter()
    scores = {
        name: score(regression.predict(features[name].astype(np.float64)), split.labels)
        for name, split in splits.items()
    }
    return {
        "schema": 1,
        "arm": settings.arm,
        "weights": weights,
        "num_features": features["train"].shape[1],
        "C": regression[-1].C,
        "has_converged": has_converged(regression),
        **scores,
        "seconds": {
            "start": ready - start,
            "features": computed - ready,
            "regression": end - computed,
        },
        "data": experiment.describe_data(),
        "config": settings.to_dict(),
        "environment": describe_environment(settings.compute_dtype),
    }


def take(split: Split, num_images: int, seed: int) -> Split:
    """Takes about `num_images` images, with the same share of each class; all of them for 0.

    Raises CommandError for more images than there are, or too few of a class.
    """
    num_there, sizes = len(split.labels), np.unique(split.labels, return_counts=True)[1]
    if sizes.max() < MIN_IMAGES_OF_A_CLASS:
        raise CommandError(
            f"no class has {MIN_IMAGES_OF_A_CLASS} training images, and a probe holds some out to "
            "choose the strength of its penalty"
        )
    if not num_images:
        return split
    num_classes = len(sizes)
    fewest = MIN_IMAGES_OF_A_CLASS * num_classes
    if not fewest <= num_images <= num_there:
        raise CommandError(
            f"--num_train={num_images} must be 0 for all, or from {fewest} "
            f"({MIN_IMAGES_OF_A_CLASS} of each of {num_classes} classes) to {num_there}"
        )
    rng = stream("probe subset", seed)
    return split.take(stratified_fraction(rng, split.labels, num_images / num_there))


def initial_variables(
    experiment: Experiment, seed: int, source: pretrained.Source | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Returns the variables that a run would begin with, and the content of its init.json.

    `source` is the result of `read_weights`; the second value is None for random weights. Raises
    CommandError or JaxcmpError if the weights do not fit.
    """
    # Random weights equal those of a run with this seed.
    key, _ = keys_of_run(seed)
    state, description = jax.jit(experiment.init)(key), None
    if source is not None:
        names = experiment.dataset.class_names
        state, description = pretrained.start(state, source, experiment.model, names)
    return unpack({"params": state.params, "batch_stats": state.batch_stats}), description


def features_of(
    experiment: Experiment, variables: Any, images: Images, *, batch_size: int
) -> np.ndarray:
    """Computes the head's inputs, float32 [n, width], in evaluation mode and without augmentation.

    Batches are divided among the devices and read ahead, whether images are in memory or streamed.
    """

    def compute(variables: Any, images: Array) -> Array:
        model, dataset = experiment.model, experiment.dataset
        images = unaugmented(images, dataset.mean, dataset.std, image_size=model.image_size)
        return models.features(model, variables, images)

    batch_size = batch_for(images.shape[0], batch_size, jax.device_count())
    return in_batches(compute, variables, images, batch_size=batch_size)


def fit(features: np.ndarray, labels: np.ndarray, *, seed: int) -> Any:
    """Fits a pipeline to features [n, width], with the C that does best on a held-out fifth."""
    # In float32 the line search may not end.
    features = features.astype(np.float64)
    kept, held = held_out(stream("probe", seed), labels, HELD_OUT)
    scores = []
    with warnings.catch_warnings():
        # `has_converged` reports it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Each penalty starts from the solution of the one before.
        trial = make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS, warm_start=True)
        )
        for strength in STRENGTHS:
            trial[-1].set_params(C=strength)
            trial.fit(features[kept], labels[kept])
            scores.append(trial.score(features[held], labels[held]))
        # Among equal scores the first has the strongest penalty.
        strength = STRENGTHS[int(np.argmax(scores))]
        regression = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
        return make_pipeline(StandardScaler(), regression).fit(features, labels)


def has_converged(regression: Any) -> bool:
    return bool(regression[-1].n_iter_.max() < MAX_ITERATIONS)


def score(predicted: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Returns the accuracy, its 95 % interval (Wilson 1927), and n."""
    num_right, num = int(np.sum(predicted == labels)), len(labels)
    low, high = binomtest(num_right, num).proportion_ci(0.95, method="wilson")
    return {"accuracy": num_right / num, "interval": [float(low), float(high)], "n": num}


def show(results: dict[str, Any]) -> None:
    """Prints the results as a table."""
    console = PlainConsole(soft_wrap=True)
    weights, seconds = results["weights"], results["seconds"]
    words = "random weights"
    if weights is not None:
        counts = Counter(row["what"] for row in weights["rows"])
        arrays = ", ".join(f"{number} {what}" for what, number in counts.items())
        words = f"{Path(weights['path']).name} ({arrays})"
    console.print(f"{results['arm']}, {words}: logistic regression on frozen features")
    table = plain_table("images", "accuracy", "95 % interval", "n")
    for name in ("train", "test"):
        low, high = results[name]["interval"]
        cells = (f"{results[name]['accuracy']:.2%}", f"{low:.2%} to {high:.2%}")
        table.add_row(name, *cells, f"{results[name]['n']:,}")
    console.print(table)
    console.print(
        f"{results['num_features']:,} features, C={results['C']:g}; features in "
        f"{seconds['features']:.1f} s, regression in {seconds['regression']:.1f} s"
    )
    if not results["has_converged"]:
        console.print("The regression stopped before it converged.")


if __name__ == "__main__":
    sys.exit(carry_out(lambda: run(sys.argv[1:])))
