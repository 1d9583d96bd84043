"""CIFAR-10's archive: only the official file is read, in the official order."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.image_classification import cifar

from jaxcmp.data import cifar10

CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


def write_archive(folder: Path, *, per_batch: int = 4) -> tuple[Path, dict[str, np.ndarray]]:
    """Writes a small archive with the official layout; returns it and its records."""
    rng = np.random.default_rng(0)
    records = {}
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / cifar10.ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        names = ("\n".join(CLASS_NAMES) + "\n\n").encode()
        for name, content in [("batches.meta.txt", names), ("readme.html", b"<html>")]:
            add(tar, name, content)
        for name in reversed(BATCHES):  # The order in the archive must not matter.
            batch = rng.integers(0, 256, (per_batch, 3073), dtype=np.uint8)
            batch[:, 0] = rng.integers(0, 10, per_batch)
            records[f"{name}.bin"] = batch
            add(tar, f"{name}.bin", batch.tobytes())
    return archive, records


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def make_official(monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
    """Replaces the official checksum by that of a small archive."""
    checksums = tfds.core.download.checksums  # pyright: ignore[reportAttributeAccessIssue]
    url_infos = {cifar10.URL: checksums.compute_url_info(archive)}
    monkeypatch.setattr(cifar10.Cifar10, "url_infos", url_infos)


def test_the_official_checksum_is_tfdss():
    known = cifar10.Cifar10.url_infos[cifar10.URL]
    assert known.checksum.startswith("c4a38c50a1bc")
    assert (known.filename, int(known.size)) == (cifar10.ARCHIVE, 170052171)


def test_the_builder_equals_tfdss():
    assert cifar10.Cifar10.name == cifar.Cifar10.name == "cifar10"
    assert cifar10.Cifar10.VERSION == cifar.Cifar10.VERSION


def test_an_archive_that_was_downloaded_before_is_found(tmp_path):
    assert cifar10.downloaded_archive(tmp_path) is None
    name = "cs.toronto.edu_kriz_cifar-10-binarymqv_0Hg.tar.gz"
    (tmp_path / "cifar10" / f"{name}.tmp.12").mkdir(parents=True)
    assert cifar10.downloaded_archive(tmp_path) is None
    (tmp_path / "cifar10" / name).touch()
    assert cifar10.downloaded_archive(tmp_path) == tmp_path / "cifar10" / name
