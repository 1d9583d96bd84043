"""A prepared data set of made-up JPEG images, for measuring how fast images are read."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

NAME = "made_images"
NUM_TEST = 8
# Cells of colour and a little noise: about as many bytes as a photograph of that size.
_CELLS, _NOISE, _QUALITY = 8, 20, 85


def prepare(folder: Path, *, num_images: int, size: int, num_classes: int) -> dict[str, Any]:
    """Prepares NAME in a folder, as array_record; returns what is to be known about its images.

    `num_images` train and NUM_TEST test, JPEG of `size` x `size` pixels in colour.
    """

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
            sizes = {"train": num_images, "test": NUM_TEST}
            return {split: self._generate_examples(split, num) for split, num in sizes.items()}

        def _generate_examples(self, split: str, num: int) -> Iterator[tuple[int, dict]]:
            rng = np.random.default_rng(len(split))
            for index in range(num):
                jpeg = made_jpeg(rng, size)
                yield index, {"image": io.BytesIO(jpeg), "label": index % num_classes}

    tfds.disable_progress_bar()
    builder = MadeImages(data_dir=str(folder), file_format="array_record")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints to stdout, which belongs to the measurement.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)
    num_bytes = builder.info.splits["train"].num_bytes
    return {"num_images": num_images, "size": size, "record_bytes": num_bytes / num_images}


def made_jpeg(rng: np.random.Generator, size: int) -> bytes:
    """One random image of `size` x `size` pixels, as a JPEG file."""
    cells = Image.fromarray(rng.integers(0, 256, (_CELLS, _CELLS, 3), dtype=np.uint8))
    smooth = np.asarray(cells.resize((size, size), Image.Resampling.BICUBIC), np.int16)
    noisy = smooth + rng.integers(-_NOISE, _NOISE + 1, smooth.shape, dtype=np.int16)
    buffer = io.BytesIO()
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "jpeg", quality=_QUALITY)
    return buffer.getvalue()
