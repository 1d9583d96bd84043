"""Tiny TFDS data sets, prepared without TensorFlow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

Example = dict[str, Any]
CLASS_NAMES = ("cat", "dog", "eel")


def image_features(shape: tuple = (4, 4, 3), dtype: Any = np.uint8) -> Example:
    """Returns the features of an image-classification data set with three classes."""
    return {
        "image": tfds.features.Image(shape=shape, dtype=dtype),
        "label": tfds.features.ClassLabel(names=CLASS_NAMES),
    }


def examples(seed: int, count: int, *, shape: tuple[int, ...] = (4, 4, 3)) -> list[Example]:
    """Makes random images of one shape with labels 0, 1, 2, 0, ..."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return [
        {"image": Image.fromarray(image.squeeze()), "label": index % 3}
        for index, image in enumerate(pixels)
    ]


def make(
    features: Mapping[str, Any],
    splits: Mapping[str, Sequence[Example]],
    *,
    data_dir: Path,
    name: str = "tiny",
    file_format: str = "array_record",
    is_shuffled: bool = True,
) -> Any:
    """Prepares a data set under `data_dir` that TFDS's code does not know.

    TFDS shuffles examples as it writes them, unless it is told not to.
    """

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.2.3")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                disable_shuffling=not is_shuffled,
            )

        def _split_generators(self, dl_manager):
            return {split: iter(enumerate(rows)) for split, rows in splits.items()}

        def _generate_examples(self):
            raise NotImplementedError

    Tiny.name = name
    builder = Tiny(data_dir=str(data_dir), file_format=file_format)
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    builder.download_and_prepare(download_config=config)
    return builder
