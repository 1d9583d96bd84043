"""The preparation of CIFAR-10 from its official archive, without TensorFlow."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorflow_datasets.image_classification import cifar

from jaxcmp.errors import JaxcmpError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE = "cifar-10-binary.tar.gz"
# One byte of label, then the red, green and blue planes.
_RECORD_BYTES = 1 + 3 * 32 * 32


class Cifar10(cifar.Cifar10, skip_registration=True):
    """TFDS's builder (same name, version, features and examples) with a reader of our own."""

    # TFDS looks for checksums beside the code of the class, which here is another folder.
    url_infos: dict[str, Any] = cifar.Cifar10.url_infos or {}

    def _split_generators(self, dl_manager):
        records, names = read_archive(Path(dl_manager.download(URL)))
        features: Any = self.info.features
        features["label"].names = names
        train = np.concatenate([records[f"data_batch_{i}.bin"] for i in range(1, 6)])
        return {
            "train": self._generate_examples("train_", train),
            "test": self._generate_examples("test_", records["test_batch.bin"]),
        }

    def _generate_examples(self, prefix, records) -> Iterator[tuple[int, dict]]:
        for index, record in enumerate(records):
            pixels = np.ascontiguousarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0))
            yield (
                index,
                {
                    "id": f"{prefix}{index:05d}",
                    "image": Image.fromarray(pixels),
                    "label": int(record[0]),
                },
            )


def read_archive(archive: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Reads the records of each batch file, uint8 [n, 3073], and the class names in order."""
    records, names = {}, []
    with tarfile.open(archive) as tar:
        for member in tar:
            file_name = os.path.basename(member.name)
            file = tar.extractfile(member)
            if file is None:
                continue
            if file_name.endswith(".bin"):
                records[file_name] = np.frombuffer(file.read(), np.uint8).reshape(-1, _RECORD_BYTES)
            elif file_name == "batches.meta.txt":
                names = file.read().decode().split()
    return records, names


def find_archive(manual_dirs: list[Path]) -> Path | None:
    """Returns the official archive from the first of these folders that has it, or None.

    Raises:
      JaxcmpError: the file there is not the official one.
    """
    for folder in manual_dirs:
        archive = folder / ARCHIVE
        if not archive.is_file():
            continue
        expected = Cifar10.url_infos[URL].checksum
        with open(archive, "rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise JaxcmpError(
                f"{archive} is not the official archive: its sha256 begins {actual[:12]}, "
                f"the official one {expected[:12]}; fetch it again from {URL}"
            )
        return archive
    return None


def downloaded_archive(downloads: Path) -> Path | None:
    """Returns the archive that TFDS downloaded earlier, or None."""
    # TFDS names a file by its address and checksum; later versions use a folder per data set.
    for folder in (downloads, downloads / "cifar10"):
        for path in folder.glob("*kriz_cifar-10-binary*.tar.gz"):
            if path.is_file():
                return path
    return None
