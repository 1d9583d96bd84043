"""A user's folder of pictures as a source of labelled images."""

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from jaxcmp import files
from jaxcmp.data import cache
from jaxcmp.data.headers import HEAD_BYTES, number_content, read_headers
from jaxcmp.data.images import decode
from jaxcmp.data.listing import Picture, describe_ignored, list_pictures
from jaxcmp.data.source import SKIP_HINT, Example, Size
from jaxcmp.errors import JaxcmpError


class Folder:
    """The pictures of a folder with a folder for each class; ids are paths below the folder.

    The version is a digest of all paths, sizes and heads, so that a copy elsewhere is the same data
    set. Headers and decoded images are cached by paths, sizes and times, as a whole folder is slow
    to read: a picture that changes without its size and time goes unnoticed. Raises CommandError
    for a folder that is no data set, JaxcmpError for a file that is no image unless `skips_bad`.
    """

    name = "folder"

    def __init__(self, data_dir: str, *, skips_bad: bool = False, for_tests: bool = False) -> None:
        listing = list_pictures(data_dir, for_tests=for_tests)
        self._root, self._pictures = listing.root, listing.pictures
        self.place = str(listing.root)
        self.class_names = listing.class_names
        self.validation = "validation" if listing.pictures.get("validation") else None
        self._labels = {name: label for label, name in enumerate(listing.class_names)}
        self._ids = {
            split: np.array([picture.id for picture in pictures], np.str_)
            for split, pictures in listing.pictures.items()
        }
        paths = [self._root / picture.path for picture in self._all()]
        self._whole = self._list(self._all())
        self._headers = read_headers(
            self._whole, len(paths), lambda number: open(paths[number], "rb"), what=self.name
        )
        self.version = self._digest()
        self.num_channels = self._headers.num_channels
        if not skips_bad:
            self._refuse_bad()
        self.notes = tuple(filter(None, (describe_ignored(listing.ignored, self.place),)))

    def splits(self) -> Sequence[str]:
        return [split for split, pictures in self._pictures.items() if pictures]

    def ids(self, split: str) -> np.ndarray:
        return self._ids[split]

    def read(self, split: str, positions: Sequence[int]) -> list[Example]:
        pictures = [self._pictures[split][position] for position in positions]
        return [Example(self._read(each), self._labels[each.class_name]) for each in pictures]

    def fingerprint(self, split: str) -> str:
        """Lists the folder and its pictures with their sizes and times."""
        # The version changes with the classes and the number of channels.
        return f"{self.version}\n{self._list(self._pictures[split])}"

    def stored_size(self) -> Size | None:
        return self._headers.one_size(self.place)

    def contents(self, split: str) -> np.ndarray:
        """Numbers the files by content; only those of equal size and head are read whole."""
        return self._contents[split]

    @functools.cached_property
    def _contents(self) -> dict[str, np.ndarray]:
        found = cache.remember(f"{self.name}/contents", self._whole, self._find_contents)["numbers"]
        ends = np.cumsum([len(pictures) for pictures in self._pictures.values()])
        return dict(zip(self._pictures, np.split(found, ends[:-1]), strict=True))

    def _find_contents(self) -> dict[str, np.ndarray]:
        pictures, heads = list(self._all()), self._headers.heads.tolist()
        sizes = [picture.num_bytes for picture in pictures]
        counts = Counter(zip(sizes, heads, strict=True))

        def number(picture: Picture, head: int) -> int:
            if not head:
                # It is refused, or skipped, where its image is needed.
                return number_content(os.fsencode(picture.path))
            is_alone = counts[picture.num_bytes, head] == 1
            if is_alone or picture.num_bytes <= HEAD_BYTES:
                return head
            return number_content(self._read(picture))

        return {"numbers": np.array(list(map(number, pictures, heads)), np.uint64)}

    def _digest(self) -> str:
        heads = self._headers.heads.tolist()
        lines = (f"{x.path} {x.num_bytes} {y}\n" for x, y in zip(self._all(), heads, strict=True))
        return hashlib.sha256(files.shown("".join(lines)).encode()).hexdigest()[:12]

    def _all(self) -> Iterator[Picture]:
        for pictures in self._pictures.values():
            yield from pictures

    def _list(self, pictures: Iterable[Picture]) -> str:
        lines = [f"{each.path} {each.num_bytes} {each.mtime_ns}\n" for each in pictures]
        return files.shown(f"{self._root.resolve()}\n{''.join(lines)}")

    def _read(self, picture: Picture) -> bytes:
        path = self._root / picture.path
        try:
            return path.read_bytes()
        except OSError as error:
            raise JaxcmpError(f"{path} cannot be read: {error.strerror}") from error

    def _refuse_bad(self) -> None:
        """Raises JaxcmpError for the first file whose header is that of no image."""
        bad = set(np.flatnonzero(~self._headers.is_readable).tolist())
        for picture in (picture for i, picture in enumerate(self._all()) if i in bad):
            try:
                path = f"{self._root / picture.path}"
                decode(self._read(picture), num_channels=3, image_size=0, name=path)
            except JaxcmpError as error:
                raise JaxcmpError(f"{error}; {SKIP_HINT}") from error
