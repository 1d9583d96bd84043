"""A NumPy archive of arrays, such as Keras's or MedMNIST's, as a source of labelled images."""

import contextlib
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.data.headers import number_content
from jaxcmp.data.labels import number_labels
from jaxcmp.data.once import once
from jaxcmp.data.source import Example, Size
from jaxcmp.errors import CommandError, JaxcmpError, first_line

# The names of images and labels by split, in order of preference.
NAMES = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "validation": (("x_val", "y_val"), ("x_valid", "y_valid"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
CLASS_NAMES = "class_names"


class Npz:
    """The arrays of one .npz file; ids are positions in a split.

    Images are uint8 [n, H, W] or [n, H, W, 1 or 3], labels [n] or [n, 1]; an array `class_names`
    names the classes. The version is a digest of the check sums in the archive. Raises CommandError
    for arrays of other types or shapes, JaxcmpError for a damaged file.
    """

    name = "npz"
    notes: tuple[str, ...] = ()

    def __init__(self, data_dir: str, *, for_tests: bool = False) -> None:
        self._path, self.place = Path(data_dir), data_dir
        if not self._path.is_file():
            is_what = "is a folder" if self._path.is_dir() else "does not exist"
            raise CommandError(f"--config.data.dir={data_dir} {is_what}: name a file of type .npz")
        with self._reading(), zipfile.ZipFile(self._path) as archive:
            infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            self._keys = _choose(infos, data_dir, for_tests=for_tests)
            parts = [f"{name} {infos[name].CRC} {infos[name].file_size}" for name in sorted(infos)]
            self.version = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
            self._shapes = {
                split: self._check_images(images, *_header(archive, f"{images}.npy"))
                for split, (images, _) in self._keys.items()
            }
        labels = {split: self._load(key) for split, (_, key) in self._keys.items()}
        self.class_names, self._labels = number_labels(
            labels,
            self._read_class_names() if CLASS_NAMES in infos else None,
            place=data_dir,
            for_tests=for_tests,
        )
        for split, numbers in self._labels.items():
            if len(numbers) != self._shapes[split][0]:
                raise CommandError(
                    f"{data_dir} has {self._shapes[split][0]} images and {len(numbers)} labels in "
                    f"split {split}: it takes as many"
                )
        self.num_channels = max(shape[3] for shape in self._shapes.values())
        self.validation = "validation" if "validation" in self._keys else None
        self._images = once(self._load_images)

    def splits(self) -> Sequence[str]:
        return [split for split, labels in self._labels.items() if len(labels)]

    def ids(self, split: str) -> np.ndarray:
        return np.arange(len(self._labels[split]))

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        images, labels = self._images(split), self._labels[split]
        return [Example(images[position], int(labels[position])) for position in positions]

    def fingerprint(self, split: str) -> str:
        status = self._path.stat()
        file = f"{self._path.resolve()} {status.st_size} {status.st_mtime_ns}"
        return files.shown(f"{self.version} {file} {split} {self.num_channels}")

    def stored_size(self) -> Size | None:
        sizes = {shape[1:3] for shape in self._shapes.values()}
        if len(sizes) > 1:
            shown = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
            raise CommandError(
                f"the splits of {self.place} have images of {shown}: bring them to one size with "
                f"--config.data.image_size={max(map(max, sizes))}"
            )
        return sizes.pop()

    def contents(self, split: str) -> np.ndarray:
        def find() -> dict[str, np.ndarray]:
            numbers = [number_content(image.tobytes()) for image in self._images(split)]
            return {"numbers": np.array(numbers, np.uint64)}

        return cache.remember(f"{self.name}/contents", self.fingerprint(split), find)["numbers"]

    def _load_images(self, split: str) -> np.ndarray:
        images = self._load(self._keys[split][0]).reshape(self._shapes[split])
        if images.shape[3] < self.num_channels:
            images = np.broadcast_to(images, (*images.shape[:3], self.num_channels))
        return images

    def _load(self, key: str) -> np.ndarray:
        with self._reading(), np.load(self._path, allow_pickle=False) as arrays:
            return arrays[key]

    def _read_class_names(self) -> list[str]:
        """Returns the names of the classes, given as words or as bytes in UTF-8."""
        names = self._load(CLASS_NAMES)
        with contextlib.suppress(UnicodeDecodeError):
            if names.ndim == 1 and names.dtype.kind in "USiu":
                words = np.char.decode(names, "utf-8") if names.dtype.kind == "S" else names
                return [str(word) for word in words]
        raise CommandError(f"{CLASS_NAMES} in {self.place} must be a row of words")

    def _check_images(self, key: str, shape: tuple, dtype: Any) -> tuple[int, int, int, int]:
        """Returns the shape [n, H, W, C] of an array of images."""
        has_channels = len(shape) == 4 and shape[3] in (1, 3)
        if np.dtype(dtype) != np.uint8 or not (len(shape) == 3 or has_channels):
            is_first = len(shape) == 4 and shape[1] in (1, 3)
            hint = "; put the channels last" if is_first and not has_channels else ""
            raise CommandError(
                f"{key} in {self.place} is {np.dtype(dtype).name} of shape {shape}: images must be "
                f"uint8, 0 to 255, [n, height, width] or [n, height, width, 1 or 3]{hint}"
            )
        num, height, width, channels = (*shape, 1)[:4]
        return num, height, width, channels

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Turns errors of a damaged file into one line."""
        try:
            yield
        except (JaxcmpError, MemoryError):
            raise
        except Exception as error:  # Parsers of damaged files raise nearly anything.
            raise JaxcmpError(
                f"{self.place} cannot be read as .npz: {first_line(error)}; write it with "
                "numpy.savez"
            ) from error


def _choose(names: Any, place: str, *, for_tests: bool) -> dict[str, tuple[str, str]]:
    """Returns the names of images and labels by split; raises CommandError without training."""
    keys = {}
    for split, pairs in NAMES.items():
        for images, labels in pairs:
            if images in names and labels not in names:
                raise CommandError(f"{place} has {images} without {labels}: add the labels")
            if images in names:
                keys.setdefault(split, (images, labels))
    if "train" not in keys and not (for_tests and keys):
        raise CommandError(
            f"{place} has the arrays {', '.join(sorted(names)) or 'none'}: x_train and y_train, or "
            "train_images and train_labels, are needed"
        )
    return keys


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple, Any]:
    """Returns shape and type of an array without reading it."""
    with archive.open(member) as file:
        is_first_version = npy.read_magic(file) == (1, 0)
        read = npy.read_array_header_1_0 if is_first_version else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        return shape, dtype
