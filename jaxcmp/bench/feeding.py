"""Images a second that get to the devices: looked up there, or read from files."""

import itertools
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxcmp import data, devices
from jaxcmp.bench import made_images
from jaxcmp.bench.timing import Samples, sample, warm_up
from jaxcmp.data import Dataset
from jaxcmp.data.streaming import num_cores
from jaxcmp.feeds import make_feed

# A ConfigDict, whose keys type checkers do not know.
Config = Any


def measure(config: Config, *, num_images: int, stored_size: int, rounds: int) -> dict[str, Any]:
    """Makes `num_images` files of `stored_size` pixels, and feeds batches of them both ways.

    Nothing trains meanwhile: reading has all cores to itself. "first_pass_seconds" is what the
    first run on a data set takes to find its labels and pixel sums.
    """
    with tempfile.TemporaryDirectory(prefix="jaxcmp-input-") as folder:
        # What is decoded goes into the same folder, not among what the user keeps.
        os.environ["JAXCMP_CACHE"] = str(Path(folder) / "cache")
        files = made_images.prepare(
            Path(folder),
            num_images=num_images,
            size=stored_size,
            num_classes=config.model.num_classes,
        )
        load = partial(
            data.load,
            made_images.NAME,
            data_dir=folder,
            manual_dir=None,
            image_size=config.model.image_size,
            classes=(),
            mean=(),
            std=(),
            train_fraction=1.0,
            validation_fraction=0.0,
            free_bytes=0,
            seed=config.seed,
        )
        start = time.perf_counter()
        streamed = load(placement="stream")
        seconds = time.perf_counter() - start
        both = {"resident": load(placement="device"), "streamed": streamed}
        return {
            "files": files,
            "num_cores": num_cores(),
            "first_pass_seconds": seconds,
            "feeds": {name: time_batches(config, each, rounds) for name, each in both.items()},
        }


def time_batches(config: Config, dataset: Dataset, rounds: int) -> dict[str, Any]:
    """Takes batches one after the other, each waited for until its images are on the devices.

    Without a pause in between, in which reading could get ahead.
    """
    feed = make_feed(
        {name: (split.images, split.labels) for name, split in dataset.splits().items()},
        devices.make_mesh(),
        seed=config.seed,
        batch_size=config.batch_size,
        eval_batch_size=config.eval_batch_size,
    )
    steps = itertools.count(1)
    take = jax.jit(lambda images, labels, which: (feed.take(images, which), labels))

    def next_batch() -> Any:
        step = next(steps)
        return take(*feed.train(range(step, step + 1)))

    num_calls = warm_up(next_batch, jax.block_until_ready)
    # What was read during compilation is used up by now.
    sample(next_batch, 3, jax.block_until_ready)
    seconds = [sample(next_batch, num_calls, jax.block_until_ready) for _ in range(rounds)]
    feed.close()
    samples = Samples(tuple(seconds), num_calls)
    rate = config.batch_size / samples.median
    return {
        "seconds": samples.describe(),
        "images_per_second": rate,
        "images_per_second_per_core": rate / num_cores(),
    }
