"""The images and labels of a prepared TFDS data set, decoded once and then from the cache."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from jaxcmp.data import cache
from jaxcmp.data import images as image_ops
from jaxcmp.data.features import Builder, candidate_splits, feature_keys, num_channels
from jaxcmp.errors import CommandError, JaxcmpError

_BLOCK = 1024
# Below this, threads spend more on passing Python's lock around than they gain.
_LARGE_IMAGE_BYTES = 1 << 14


def split_names(builder: Builder) -> tuple[str, str]:
    """Returns the names of the training split and of the first test split that has labels.

    Raises:
      CommandError: there is no such pair.
    """
    train, tests = candidate_splits(builder)
    label_key = feature_keys(builder)[1]
    for test in tests:
        with _reading(builder, test):
            if _fetch(_open(builder, test), [0])[0][label_key] >= 0:
                return train, test
    raise CommandError(f"split {tests[-1]} of data set {builder.name} has no labels to test on")


def read(builder: Builder, split: str, *, image_size: int) -> cache.Block:
    """Returns all images of a split, uint8 [n, H, W, C], read-only, and labels, int32 [n].

    Decodes them only if the cache does not hold them yet.

    Raises:
      CommandError: the images have several sizes and `image_size` is 0.
      JaxcmpError: the prepared files are damaged, or the cache cannot be written.
    """
    num_examples = builder.info.splits[split].num_examples
    entry = cache_entry(builder, split, image_size=image_size)
    cached = cache.read(entry, num_examples=num_examples)
    if cached is not None:
        return cached
    name = builder.info.full_name
    logging.info("Decoding %d images of %s, split %s", num_examples, name, split)
    start = time.perf_counter()
    written = cache.write(entry, _blocks(builder, split, image_size), num_examples=num_examples)
    seconds = time.perf_counter() - start
    logging.info("Decoded split %s in %.1f s; kept in %s", split, seconds, entry)
    return written


def cache_entry(builder: Builder, split: str, *, image_size: int) -> Path:
    """Where the cache keeps a split at a size; another place once the prepared files change."""
    size = f"{image_size}px" if image_size else "stored"
    name = f"{split}-{size}-{_fingerprint(builder, split)}"
    return cache.root() / builder.info.full_name / name


def reader(builder: Builder, split: str, *, image_size: int) -> Callable[..., cache.Block]:
    """Binds (positions, pool=None) -> images uint8 [k, H, W, C] and labels int32 [k].

    What it returns may be called from several threads; a pool of threads decodes large images.
    It raises what `read` raises.
    """
    image_key, label_key = feature_keys(builder)
    channels = num_channels(builder)

    def decode(example: dict) -> np.ndarray:
        return image_ops.decode(example[image_key], num_channels=channels, image_size=image_size)

    with _reading(builder, split):
        source = _open(builder, split)

    def read_block(positions: Sequence[int], pool: ThreadPoolExecutor | None = None) -> cache.Block:
        with _reading(builder, split):
            examples = _fetch(source, list(positions))
            size = np.mean([len(example[image_key]) for example in examples])
            run: Callable = pool.map if pool and size > _LARGE_IMAGE_BYTES else map
            images = list(run(decode, examples))
        check_shapes(builder, [image.shape for image in images])
        return np.stack(images), np.array([e[label_key] for e in examples], np.int32)

    return read_block


def check_shapes(builder: Builder, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises CommandError where not all images have the same shape."""
    shape = shapes[0]
    odd = next((each for each in shapes if each != shape), None)
    if odd is not None:
        raise CommandError(
            f"the images of {builder.name} have several sizes, such as {shape[:2]} and "
            f"{odd[:2]}: set data.image_size"
        )


def _blocks(builder: Builder, split: str, image_size: int) -> Iterator[cache.Block]:
    read_block = reader(builder, split, image_size=image_size)
    num_examples, shape = builder.info.splits[split].num_examples, None
    with ThreadPoolExecutor() as pool:
        for start in range(0, num_examples, _BLOCK):
            images, labels = read_block(range(start, min(start + _BLOCK, num_examples)), pool)
            shape = shape or images.shape[1:]
            check_shapes(builder, [shape, images.shape[1:]])
            yield images, labels


def _open(builder: Builder, split: str) -> Any:
    """Opens a split so that images come as they are stored, encoded."""
    skip: Any = tfds.decode.SkipDecoding
    decoders = {feature_keys(builder)[0]: skip()}
    # TFDS's decorator hides the method's arguments from the type checker.
    open_split: Any = builder.as_data_source
    return open_split(split, decoders=decoders, file_format="array_record")


def _fetch(source: Any, positions: list[int]) -> list[dict[str, Any]]:
    examples = source.__getitems__(positions)
    # Records of a file that was cut short come back empty, without an error.
    if any(value is None for example in examples for value in example.values()):
        raise ValueError("a record is empty")
    return examples


@contextmanager
def _reading(builder: Builder, split: str) -> Iterator[None]:
    """Says in one line why prepared files cannot be read."""
    folder = builder.data_dir
    try:
        yield
    except NotImplementedError as error:
        raise JaxcmpError(
            f"{folder} is not stored as array_record, which is read without TensorFlow: where "
            f"TensorFlow is, run `tfds convert_format --dataset_version_dir={folder} "
            "--out_file_format=array_record`, or set data.dir to another folder"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise JaxcmpError(
            f"split {split} in {folder} cannot be read ({reason}): "
            "remove that folder and prepare the data set again"
        ) from error


def _fingerprint(builder: Builder, split: str) -> str:
    """Returns a few characters that change when the prepared files are other ones."""
    digest = hashlib.sha256()
    folder = Path(builder.data_dir)
    described = [folder / "dataset_info.json", folder / "features.json"]
    for path in [*described, *map(Path, builder.info.splits[split].filepaths)]:
        with _reading(builder, split):
            status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
