"""Images per second that reach the devices: looked up there, or read from files."""

import contextlib
import io
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import tensorflow_datasets as tfds
from msgspec.structs import replace
from PIL import Image

from jaxcmp.bench.measure import timed
from jaxcmp.bench.timing import describe, warm_up
from jaxcmp.data import Dataset
from jaxcmp.data.streaming import num_cores
from jaxcmp.experiment import prepare
from jaxcmp.runner import Batches, open_data
from jaxcmp.runtime import devices
from jaxcmp.settings import Settings

NAME = "made_images"


def measure_input(
    settings: Settings, *, num_images: int, stored_size: int, rounds: int
) -> dict[str, Any]:
    """Makes JPEG files of `stored_size` x `stored_size` pixels, and feeds batches both ways.

    Nothing trains meanwhile, so that reading has all cores to itself. "first_pass_seconds" is what
    the first run on a data set takes to read its labels and sum its pixels.
    """
    with tempfile.TemporaryDirectory(prefix="jaxcmp-input-") as folder:
        # Decoded images go into the same folder, not into the user's cache.
        os.environ["JAXCMP_CACHE"] = str(Path(folder) / "cache")
        record_bytes = make_images(
            folder, num_images=num_images, size=stored_size, num_classes=settings.model.num_classes
        )
        data = replace(
            settings.data,
            name=NAME,
            dir=folder,
            image_size=settings.model.image_size,
            # All of the made-up images, whichever of its own data the configuration takes.
            classes=(),
            train_fraction=1.0,
            validation_fraction=0.0,
            test_fraction=0.0,
        )

        def load(placement: Literal["stream", "device"]) -> Dataset:
            return prepare(replace(settings, data=replace(data, placement=placement))).dataset

        start = time.perf_counter()
        streamed = load("stream")
        seconds = time.perf_counter() - start
        datasets = {"resident": load("device"), "streamed": streamed}
        return {
            "files": {"num_images": num_images, "size": stored_size, "record_bytes": record_bytes},
            "num_cores": num_cores(),
            "first_pass_seconds": seconds,
            "feeds": {n: time_batches(settings, x, rounds) for n, x in datasets.items()},
        }


def time_batches(settings: Settings, dataset: Dataset, rounds: int) -> dict[str, Any]:
    """Times batches that are taken one after the other, until their images are on the devices.

    There is no pause in which reading could get ahead.
    """
    feed = open_data(
        {name: (split.images, split.labels) for name, split in dataset.splits().items()},
        devices.make_mesh(),
        Batches(settings.seed, settings.batch_size, settings.eval_batch_size),
        is_copied=dataset.placement.is_copied,
    )
    steps = itertools.count(1)
    take = jax.jit(
        lambda resident, batches: feed.take(resident, jax.tree.map(lambda x: x[0], batches))
    )

    def next_batch() -> Any:
        step = next(steps)
        return take(*feed.batches(range(step, step + 1)))

    seconds = timed(next_batch)
    num_calls = warm_up(seconds)
    # Uses up what was read ahead during compilation.
    seconds(3)
    figures = describe([seconds(num_calls) for _ in range(rounds)])
    feed.close()
    rate = settings.batch_size / figures["median"]
    return {
        "seconds": figures,
        "images_per_second": rate,
        "images_per_second_per_core": rate / num_cores(),
    }


def make_images(folder: str, *, num_images: int, size: int, num_classes: int) -> float:
    """Prepares the data set NAME in a folder; returns the mean bytes of an image's record."""

    class MadeImages(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = NAME
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                "label": tfds.features.ClassLabel(num_classes=num_classes),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {
                "train": self._generate_examples(num_images),
                "test": self._generate_examples(8),
            }

        def _generate_examples(self, num: int) -> Iterator[tuple[int, dict]]:
            rng = np.random.default_rng(num)
            for index in range(num):
                jpeg = io.BytesIO(random_jpeg(rng, size))
                yield index, {"image": jpeg, "label": index % num_classes}

    tfds.disable_progress_bar()
    builder = MadeImages(data_dir=folder, file_format="array_record")
    download = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints to standard output, which belongs to the measurement.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=download)
    return builder.info.splits["train"].num_bytes / num_images


def random_jpeg(rng: np.random.Generator, size: int) -> bytes:
    """Draws cells of colour and a little noise, which take about the bytes of a photograph."""
    cells = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(cells.resize((size, size), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "jpeg", quality=85)
    return buffer.getvalue()
