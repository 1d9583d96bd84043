"""The picture files of a user's folder by split and class, found without opening any."""

import contextlib
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jaxcmp import files
from jaxcmp.errors import CommandError, JaxcmpError

# Endings of pictures that Pillow reads, in any case.
ENDINGS = set(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .bmp .gif .avif .tif .tiff .ppm .pgm .pbm .pnm".split()
)
# Pictures of phones that Pillow does not read.
UNKNOWN_PICTURES = (".heic", ".heif")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
# Splits by the name of their folder, in any case.
SPLITS = {
    "train": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
# Folders that software leaves beside pictures.
_OF_SOFTWARE = ("__MACOSX", "@eaDir")
_MAX_SHOWN = 4


class Picture(NamedTuple):
    """A file: its path below the folder, its class, and its size, -1 if it cannot be looked at."""

    path: str
    class_name: str
    num_bytes: int
    mtime_ns: int

    @property
    def id(self) -> str:
        return files.shown(self.path)


class Listing(NamedTuple):
    """Pictures by split, sorted by path; ignored files are counted by kind."""

    root: Path
    pictures: dict[str, list[Picture]]
    class_names: tuple[str, ...]
    ignored: Counter[str]


def list_pictures(data_dir: str, *, for_tests: bool = False) -> Listing:
    """Lists the pictures of `root/train/CLASS` and `root/test/CLASS`, or of `root/CLASS`.

    Classes are sorted by name, and numbers by value. Raises CommandError if there is no such
    folder, if it has not at least two classes with pictures, or if a test class is not trained on;
    `for_tests` neither images to train on nor a second class are needed.
    """
    root = Path(data_dir)
    _check_is_folder(root)
    ignored: Counter[str] = Counter()
    folders = _split_folders(root, for_tests=for_tests)
    places = {split: root / name for split, name in folders.items()} or {"train": root}
    if folders:
        extra = [path for path in _subfolders(root) if path.name not in folders.values()]
        ignored["folder beside the splits"] += len(extra)
        _count_files(root, ignored)
    pictures = {split: _pictures_of(root, place, ignored) for split, place in places.items()}
    class_names = _check_classes(pictures, places, for_tests=for_tests)
    return Listing(root, pictures, class_names, ignored)


def describe_ignored(ignored: Counter[str], place: str) -> str:
    """Describes in a line what was left out, most of it first; empty if nothing was."""
    kinds = [kind for kind in ignored.most_common() if kind[1]]
    if not kinds:
        return ""
    shown = [f"{num:,} {kind}" for kind, num in kinds[:_MAX_SHOWN]]
    if rest := sum(num for _, num in kinds[_MAX_SHOWN:]):
        shown.append(f"{rest:,} others")
    unknown = [kind for kind, _ in kinds if kind in UNKNOWN_PICTURES]
    hint = f"; convert {' and '.join(unknown)} files to JPEG to use them" if unknown else ""
    return f"ignored in {place}: {', '.join(shown)}{hint}"


def class_order(name: str) -> tuple[bool, int, str]:
    """Returns the key that sorts classes by name, and names that are numbers by value, first."""
    is_number = name.isascii() and name.isdigit()
    return (not is_number, int(name) if is_number else 0, name)


def _check_is_folder(root: Path) -> None:
    shown = f"--config.data.dir={root}"
    if not files.exists(root):
        raise CommandError(f"{shown} does not exist: name the folder of your images")
    if root.is_dir():
        return
    if root.suffix.lower() in ARCHIVES:
        raise CommandError(f"{shown} is an archive: unpack it, and name the folder")
    raise CommandError(f"{shown} is a file: name the folder of your images")


def _split_folders(root: Path, *, for_tests: bool) -> dict[str, str]:
    """Returns the names of the folders by split, if the folder has splits.

    It has if `train` has folders; a folder `train` with pictures alone is a class of that name.
    """
    names = [path.name for path in _subfolders(root)]
    found = [name for name in names if name.lower() in SPLITS]
    by_split: dict[str, str] = {}
    for name in found:
        if other := by_split.get(SPLITS[name.lower()]):
            raise CommandError(f"{root} has both {other} and {name}: keep one of them")
        by_split[SPLITS[name.lower()]] = name
    if "train" in by_split and _subfolders(root / by_split["train"]):
        return by_split
    is_split = bool(found) and len(found) == len(names)
    if is_split and "train" in by_split:
        raise _no_classes(root / by_split["train"])
    if is_split and any(_subfolders(root / name) for name in found):
        if for_tests:
            return by_split
        raise CommandError(
            f"{root} has {' and '.join(found)} and no train: put the images to train on into "
            f"{root}/train/CLASS/"
        )
    return {}


def _pictures_of(root: Path, place: Path, ignored: Counter[str]) -> list[Picture]:
    """Lists the pictures in the class folders of a split, sorted by path."""
    _count_files(place, ignored)
    pictures = []
    for folder in _subfolders(place):
        name = _class_name(folder)
        for path, num_bytes, mtime_ns in _walk(folder, ignored):
            pictures.append(Picture(os.path.relpath(path, root), name, num_bytes, mtime_ns))
    return sorted(pictures)


def _class_name(folder: Path) -> str:
    """Returns a folder's name as text; file systems spell accents in two ways."""
    return unicodedata.normalize("NFC", files.shown(folder.name))


def _subfolders(folder: Path) -> list[Path]:
    """Returns the folders in a folder, by name, without hidden ones; follows links."""
    with _reading(folder), os.scandir(folder) as entries:
        found = [entry for entry in entries if _is_folder(entry) and not _is_hidden(entry.name)]
        return [folder / name for name in sorted(entry.name for entry in found)]


def _walk(folder: Path, ignored: Counter[str]) -> Iterator[tuple[str, int, int]]:
    """Yields path, size and time of each picture below a folder, and counts what else is there."""
    waiting, visited = [str(folder)], set()
    while waiting:
        current = waiting.pop()
        with _reading(Path(current)):
            status = os.stat(current)
            # A link may lead back to a folder above.
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(current))
        for entry in entries:
            if _is_hidden(entry.name) or not _is_picture(entry.name) and not _is_folder(entry):
                ignored[_kind(entry.name)] += 1
            elif _is_folder(entry):
                waiting.append(entry.path)
            else:
                try:
                    status = entry.stat()
                except OSError:  # A link to nowhere, for example.
                    yield entry.path, -1, 0
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield entry.path, status.st_size, status.st_mtime_ns
                else:
                    ignored["pipe or device"] += 1


def _count_files(folder: Path, ignored: Counter[str]) -> None:
    """Counts the files that lie in no class."""
    with _reading(folder), os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name):
                ignored["hidden"] += 1
            elif not _is_folder(entry):
                is_picture = _is_picture(entry.name)
                ignored["outside of class folders" if is_picture else _kind(entry.name)] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a folder or leads to one; a link that leads nowhere does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _OF_SOFTWARE


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in ENDINGS


def _kind(name: str) -> str:
    if _is_hidden(name):
        return "hidden"
    return files.shown(os.path.splitext(name)[1].lower()) if "." in name else "without ending"


def _check_classes(
    pictures: dict[str, list[Picture]], places: dict[str, Path], *, for_tests: bool
) -> tuple[str, ...]:
    """Returns the names of the classes; raises CommandError where they do not suffice."""
    known = list(places.values()) if for_tests else [places["train"]]
    place = known[0]
    named = {_class_name(path): path for each in known for path in _subfolders(each)}
    if not named:
        raise _no_classes(place)
    if len(named) == 1 and not for_tests:
        raise CommandError(
            f"{place} has one class folder, {', '.join(named)}: it takes two classes or more"
        )
    splits = pictures.values() if for_tests else [pictures["train"]]
    filled = {picture.class_name for split in splits for picture in split}
    for name, path in named.items():
        if name not in filled:
            here: Counter[str] = Counter()
            list(_walk(path, here))
            only = f" ({describe_ignored(here, files.shown(path))})" if here else ""
            raise CommandError(
                f"class folder {path} has no images{only}: add some, or delete the folder"
            )
    for split in ("test", "validation"):
        for picture in pictures.get(split, ()):
            if picture.class_name not in named:
                raise CommandError(
                    f"{places[split]} has the class {picture.class_name}, and {place} has not: add "
                    "it there, or delete the folder"
                )
    return tuple(sorted(named, key=class_order))


def _no_classes(place: Path) -> CommandError:
    return CommandError(
        f"{place} has no class folders: put the images of each class into a folder of its own, "
        f"{place}/CLASS/"
    )


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turns an OSError of reading a folder into a line that names it."""
    try:
        yield
    except OSError as error:
        raise JaxcmpError(f"folder {folder} cannot be read: {error.strerror}") from error
