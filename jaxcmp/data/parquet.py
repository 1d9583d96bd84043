"""Image data sets as Parquet files, as Hugging Face stores them, as a source of labelled images."""

import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.data.headers import number_content, read_headers
from jaxcmp.data.labels import number_labels
from jaxcmp.data.listing import SPLITS
from jaxcmp.data.once import once
from jaxcmp.data.source import Example, Size
from jaxcmp.errors import CommandError, JaxcmpError, first_line

IMAGES, LABELS = ("image", "img"), ("label", "labels")
# Types of columns whose labels are words.
_WORDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
# How a name begins: train-00000-of-00002.parquet.
_SPLIT = re.compile(rf"({'|'.join(SPLITS)})(?![a-z])", re.IGNORECASE)


class Parquet:
    """The images of Parquet files, which stay encoded; ids are positions in a split.

    A file's split is what its name begins with, or else the name of a folder above it: train, test,
    and val, valid or validation; without any such name all is training. The encoded images of a
    split in use are held in memory. The version is a digest of the files' own descriptions. Raises
    CommandError for files without images and labels, JaxcmpError for damaged ones.
    """

    name = "parquet"
    notes: tuple[str, ...] = ()

    def __init__(self, data_dir: str, *, for_tests: bool = False) -> None:
        self.place, self._root = data_dir, Path(data_dir)
        self._files = find_files(self._root)
        described = hashlib.sha256()
        schema = None
        for path in (path for paths in self._files.values() for path in paths):
            with self._reading(path):
                footer = pq.read_metadata(path)
                described.update(f"{path.name} {footer.to_dict()}".encode())
                schema = schema or footer.schema.to_arrow_schema()
        self.version = described.hexdigest()[:12]
        self._image_key, self._label_key = self._columns(schema)
        labels = {split: self._read_labels(split) for split in self._files}
        names = _class_names(schema, self._label_key)
        self.class_names, self._labels = number_labels(
            labels, names, place=data_dir, for_tests=for_tests
        )
        self.validation = "validation" if "validation" in self._files else None
        self._tables = once(self._read_images)
        self._headers = self._read_headers()
        self.num_channels = self._headers.num_channels

    def splits(self) -> Sequence[str]:
        return [split for split, labels in self._labels.items() if len(labels)]

    def ids(self, split: str) -> np.ndarray:
        return np.arange(len(self._labels[split]))

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        labels = self._labels[split]
        return [Example(self._image(split, row), int(labels[row])) for row in positions]

    def fingerprint(self, split: str) -> str:
        facts = f"{self.num_channels} {' '.join(self.class_names)}"
        return f"{facts}\n{self._list(self._files[split])}"

    def stored_size(self) -> Size | None:
        return self._headers.one_size(self.place)

    def contents(self, split: str) -> np.ndarray:
        def find() -> dict[str, np.ndarray]:
            rows = range(len(self._labels[split]))
            numbers = [number_content(self._image(split, row)) for row in rows]
            return {"numbers": np.array(numbers, np.uint64)}

        return cache.remember(f"{self.name}/contents", self.fingerprint(split), find)["numbers"]

    def _list(self, paths: Sequence[Path]) -> str:
        """Lists files with their sizes and times."""
        lines = [self.version]
        for path in paths:
            status = path.stat()
            lines.append(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}")
        return files.shown("\n".join(lines))

    def _image(self, split: str, row: int) -> bytes:
        """Returns an encoded image; empty, which no decoder takes, where there is none."""
        return self._tables(split)[row].as_py() or b""

    def _read_headers(self) -> Any:
        rows = [
            (split, row) for split, labels in self._labels.items() for row in range(len(labels))
        ]
        paths = [path for paths in self._files.values() for path in paths]
        return read_headers(
            self._list(paths),
            len(rows),
            lambda number: io.BytesIO(self._image(*rows[number])),
            what=self.name,
        )

    def _columns(self, schema: Any) -> tuple[str, str]:
        """Returns the names of the columns of images and labels."""
        image = next((name for name in IMAGES if name in schema.names), None)
        label = next((name for name in LABELS if name in schema.names), None)
        if image is None or label is None:
            raise CommandError(
                f"{self.place} has the columns {', '.join(schema.names)}: image and label are "
                "needed"
            )
        kind = schema.field(image).type
        is_struct = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        if not (is_struct or _is_binary(kind)):
            raise CommandError(
                f"column {image} of {self.place} is {kind}: encoded images are needed, as binary "
                "or as a struct with bytes"
            )
        return image, label

    def _read_labels(self, split: str) -> np.ndarray:
        column = self._read(split, self._label_key)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        is_word = any(is_kind(kind) for is_kind in _WORDS)
        if not (is_word or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise CommandError(
                f"column {self._label_key} of {self.place} is {kind}: labels must be whole numbers "
                "or words"
            )
        lacking = "" if is_word else -1
        values: Any = [lacking if value is None else value for value in column.to_pylist()]
        # Of an empty split NumPy would make real numbers.
        return np.array(values, np.str_ if is_word else None if values else np.int64)

    def _read_images(self, split: str) -> Any:
        column = self._read(split, self._image_key)
        if pa.types.is_struct(column.type):
            import pyarrow.compute as pc

            return pc.struct_field(column, "bytes")  # pyright: ignore[reportAttributeAccessIssue]
        return column

    def _read(self, split: str, column: str) -> Any:
        columns = []
        for path in self._files[split]:
            with self._reading(path):
                columns.append(pq.read_table(path, columns=[column]).column(column))
        with self._reading(self._root):
            chunks = [chunk for part in columns for chunk in part.chunks]
            return pa.chunked_array(chunks, columns[0].type)

    @contextlib.contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        """Turns errors of a damaged file into one line."""
        try:
            yield
        except MemoryError:  # It says nothing about the file.
            raise
        except Exception as error:  # Parsers of damaged files raise nearly anything.
            raise JaxcmpError(f"{path} cannot be read as Parquet: {first_line(error)}") from error


def find_files(root: Path) -> dict[str, list[Path]]:
    """Returns the Parquet files by split, sorted; raises CommandError if there are none."""
    shown = f"--config.data.dir={root}"
    if not files.exists(root):
        raise CommandError(f"{shown} does not exist: name a .parquet file or a folder of some")
    paths = sorted(root.rglob("*.parquet")) if root.is_dir() else [root]
    top = root if root.is_dir() else root.parent
    paths = [path for path in paths if not _is_hidden(path.relative_to(top))]
    if not paths:
        raise CommandError(f"{shown} has no .parquet files: name a folder of some")
    splits: dict[str, list[Path]] = {}
    for path in paths:
        splits.setdefault(_split_of(path.relative_to(top)), []).append(path)
    if splits.keys() == {""}:
        return {"train": splits[""]}
    unknown = splits.pop("", [])
    if unknown:
        raise CommandError(
            f"{unknown[0]} belongs to no split: begin its name with train, test or validation"
        )
    for split, members in splits.items():
        if len({path.parent for path in members}) > 1:
            raise CommandError(
                f"{root} has files of split {split} in several folders, as "
                f"{members[0].parent} and {members[-1].parent}: name one of them in data.dir"
            )
    return splits


def _split_of(path: Path) -> str:
    """Returns the split that a file's name, or a folder's above it, begins with; or nothing."""
    for part in reversed(path.parts):
        if match := _SPLIT.match(part):
            return SPLITS[match[1].lower()]
    return ""


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_binary(kind: Any) -> bool:
    types = pa.types
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def _class_names(schema: Any, column: str) -> list[str] | None:
    """Returns the names that Hugging Face's description of the columns has for the labels."""
    try:
        described = json.loads(schema.metadata[b"huggingface"])
        return [str(name) for name in described["info"]["features"][column]["names"]]
    except (KeyError, TypeError, ValueError):
        return None
